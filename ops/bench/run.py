"""One run of everything: a stack of its own, topics filled once, measurements in turn.

Each repetition goes through all measurements before the next begins, so that a ratio compares
neighbours in time; what else the machine does is in all of them.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from connectors.log.interface import Tp
from ops import stack
from ops.bench import data
from ops.bench.peers.environment import NotInstalled, peer_python
from ops.bench.samples import Sample, Samples
from ops.bench.seeing import endpoint
from ops.desk.prepare import prepare_log
from ops.processes.clients import kafka_log
from ops.settings import ROOT, Settings, load
from ops.stack.processes import wait_for
from ops.stack.progress import Report, silent
from ops.supervisor.leftovers import kill_leftovers
from ops.supervisor.model import Process
from ops.supervisor.supervisor import Supervisor
from schemas.errors import TapeError
from schemas.secret import revealed

MAIN, RAW, TWO, MANY, LIVE, ONE = "bench.", "raw.", "two.", "many.", "live.", "one."
PEER_OUT = "peer.changes"
WORK_S_MAX = 900.0
READY_S = 30.0
LIVE_PROCESSES = ("market", "strategy")
UNDER_WAY: list[subprocess.Popen[str]] = []  # measurements


class WorkFailed(TapeError):
    """A measurement ended without a result."""


class Plan(NamedTuple):
    """How much of what: `events` trades; the rest follows from it."""

    groups: frozenset[str]
    events: int = 2_000_000
    repeat: int = 3
    live_s: float = 30.0
    warm_s: float = 40.0  # books open, the broker compiles what it runs often: not counted

    @property
    def frames(self) -> int:
        return max(self.events // 8, 1)

    @property
    def peer_events(self) -> int:
        return max(self.events // 5, 4)

    @property
    def growth_events(self) -> int:
        return max(self.events // 4, 4)

    @property
    def requests(self) -> int:
        """To risk."""
        return max(self.events // 20, 4)

    @property
    def verified(self) -> int:
        """Trades of an archived day; the log is held in memory."""
        return max(self.events // 4, 4)

    @property
    def orders(self) -> int:
        """At the simulated venue."""
        return max(self.events // 200, 4)

    @property
    def ticks(self) -> int:
        """Trades of a backtest."""
        return max(self.events // 10, 300)


GROUPS = (
    *("messages", "columns", "strategy", "stock", "quix", "market", "latency", "growth"),
    *("partition", "archive", "risk", "venue", "trading", "seeing", "verify", "sql", "backtest"),
)
OPEN_ORDERS = (1, 100, 10_000)
PAIRS = 3  # of a pipeline with figures and spans and without, in each repetition
DESK_PAIRS = 4  # the same of a whole desk; what one takes differs by a third from run to run


class Found(NamedTuple):
    """Samples by measurement, and what could not be measured, with the reason."""

    samples: Samples
    missing: dict[str, str]


def ended(
    command: Sequence[str], folder: Path, environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """Runs one measurement. Raises `subprocess.TimeoutExpired`."""
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdout=pipe, stderr=pipe, text=True
    ) as process:
        UNDER_WAY.append(process)
        try:
            out, err = process.communicate(timeout=WORK_S_MAX)
        finally:
            UNDER_WAY.remove(process)
            process.kill()  # does nothing where it has ended
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def run_bench(plan: Plan, settings: Settings, report: Report) -> Found:
    """Everything of the plan, on a stack that ends with it. Raises `TapeError`."""
    folder = settings.run_dir
    _end(folder)
    try:
        stack.start(folder, ports=stack.FREE, report=report, lasting=True)
        (folder / "tape.toml").write_text(f'topic_prefix = "{LIVE}"\n')
        return Bench(plan, folder, report).run()
    finally:
        _end(folder)


def _end(folder: Path) -> None:
    """Everything of a run, desks that a killed measurement left included."""
    for desk in (folder, *folder.glob("*/")):
        kill_leftovers(desk)
    stack.stop(folder)
    shutil.rmtree(folder, ignore_errors=True)


def in_turn(pairs: int) -> Iterator[tuple[int, bool]]:
    """Both of every pair; who begins changes with every pair."""
    for pair in range(pairs):
        for seen in (False, True) if pair % 2 else (True, False):
            yield pair, seen


class Bench:
    """The measurements of one plan, on a running stack."""

    def __init__(self, plan: Plan, folder: Path, report: Report) -> None:
        self._plan, self._folder, self._report = plan, folder, report
        self._found = Found({}, {})
        self._spans = ""

    def run(self) -> Found:
        """Spans, where a measurement sends any, are taken by this process, not by the measured."""
        with endpoint() as self._spans:
            return self._run()

    def _run(self) -> Found:
        self._fill()
        steps = [step for n in range(self._plan.repeat) for step in self._repetition(n)]
        for done, (name, prefix, events, arguments) in enumerate(steps):
            self._report("measure", done, len(steps))
            self._keep(self._measured(name, prefix, events, arguments))
        self._report("measure", len(steps), len(steps))
        if "latency" in self._plan.groups:
            self._live(LIVE)
        if "partition" in self._plan.groups:
            self._live(ONE)
        if "trading" in self._plan.groups:
            self._report("trading", 0, None)
            lengths = {"seconds": self._plan.live_s, "warm_s": self._plan.warm_s}
            self._keep(self._work("trading", "", 0, lengths))
        if "seeing" in self._plan.groups:
            for done, arguments in enumerate(desks := list(self._desks())):
                self._report("trading, seen and unseen", done, len(desks))
                self._keep(self._measured("trading", "", 0, arguments))
        return self._found

    def _fill(self) -> None:
        plan, trades = self._plan, {}
        if plan.groups & {"messages", "columns", "strategy", "stock", "quix", "archive", "sql"}:
            trades[MAIN] = (plan.events, data.INSTRUMENTS)
        if plan.groups & {"growth", "seeing"}:
            trades[TWO] = (plan.growth_events, 2)
        if "growth" in plan.groups:
            trades[MANY] = (plan.growth_events, 200)
        for prefix, (events, instruments) in trades.items():
            self._prepare(prefix)
            self._work("fill_trades", prefix, events, {"instruments": instruments})
        if "sql" in plan.groups:
            self._work("fill_archive", MAIN, plan.events, {})
        if "market" in plan.groups:
            self._prepare(RAW)
            self._work("fill_frames", RAW, plan.frames, {})
        if "backtest" in plan.groups:
            self._work("fill_ticks", MAIN, plan.ticks, self._file("ticks"))
        if "archive" in plan.groups:
            self._work("fill_rows", MAIN, plan.peer_events, self._file("trades"))
        self._create_private()

    def _file(self, name: str) -> dict[str, Any]:
        """What a peer reads: ticks that a backtest reads too, or trades that are on the topic."""
        return {"ticks": str(self._folder / f"{name}.jsonl")}

    def _prepare(self, prefix: str) -> None:
        prepare_log(self._settings(prefix), silent)

    def _create_private(self) -> None:
        """Each run of a pipeline has epochs and snapshots of its own."""
        names = [PEER_OUT]
        for number in range(self._plan.repeat):
            strategies = [f"{prefix}strategy" for prefix in (MAIN, TWO, MANY)]
            for place in (*strategies, f"{RAW}market", f"{RAW}market_pair"):
                own = f"{place}-{number}"
                names += [f"{own}.epochs.v1", f"{own}.snapshots.v1"]
        for own in (f"{TWO}{pair['pipeline']}" for pair in self._pairs()):
            names += [f"{own}.epochs.v1", f"{own}.snapshots.v1"]
        # A shard's first record has no time yet (1 ms): a broker's own retention takes it within
        # minutes, and what is recorded would begin at a snapshot.
        kept = {"retention.ms": "-1"}
        admin = AdminClient(revealed(self._settings(MAIN).kafka_options()))
        topics = [NewTopic(name, 4, 1, config=kept) for name in names]
        for created in admin.create_topics(topics).values():
            created.result()

    def _pairs(self, numbers: Iterable[int] | None = None) -> Iterator[dict[str, Any]]:
        """Runs of a pipeline without figures and spans and with them."""
        for number in range(self._plan.repeat) if numbers is None else numbers:
            for pair, seen in in_turn(PAIRS):
                spans = self._spans if seen else ""
                yield {"pipeline": f"strategy_{number}_{pair}_{int(seen)}", "spans": spans}

    def _desks(self) -> Iterator[dict[str, Any]]:
        """The same of a whole desk."""
        lengths = {"seconds": self._plan.live_s, "warm_s": self._plan.warm_s}
        for pair, seen in in_turn(self._plan.repeat * DESK_PAIRS):
            own = {"own": f"seeing{pair}{int(seen)}", "spans": self._spans if seen else ""}
            yield {**lengths, **own}

    def _repetition(self, number: int) -> Iterator[tuple[str, str, int, dict[str, Any]]]:
        plan, groups = self._plan, self._plan.groups
        own = {"pipeline": f"strategy-{number}"}
        if "messages" in groups:
            yield "messages", MAIN, plan.events, {}
            yield "messages_tuned", MAIN, plan.events, {}
        if "columns" in groups:
            yield "columns", MAIN, plan.events, {}
        if groups & {"strategy", "archive"}:
            yield "strategy", MAIN, plan.events, own
        history = ("archive", "replay_log", "replay_archive") if "archive" in groups else ()
        yield from ((name, MAIN, plan.events, own) for name in history)
        if "archive" in groups:
            yield "nautilus_signals", MAIN, plan.peer_events, self._file("trades")
        if "stock" in groups:
            yield "stock_bytewax", MAIN, plan.peer_events, {}
        if "quix" in groups:
            yield "quixstreams", MAIN, plan.peer_events, {}
        if "market" in groups:
            yield "json_loads", RAW, plan.frames, {}
            yield "market", RAW, plan.frames, {"pipeline": f"market-{number}"}
            yield "market_pair", RAW, plan.frames, {"pipeline": f"market_pair-{number}"}
        if "growth" in groups:
            yield "strategy", TWO, plan.growth_events, own
            yield "strategy", MANY, plan.growth_events, own
        if "seeing" in groups:
            for pair in self._pairs([number]):
                yield "strategy", TWO, plan.growth_events, pair
        yield from self._without_topics()

    def _without_topics(self) -> Iterator[tuple[str, str, int, dict[str, Any]]]:
        """What runs no pipeline."""
        plan = self._plan
        if "risk" in plan.groups:
            for opened in OPEN_ORDERS:
                yield "risk", MAIN, plan.requests, {"open_orders": opened}
        for name, count in (("venue", plan.orders), ("verify", plan.verified)):
            if name in plan.groups:
                yield name, MAIN, count, {}
        if "sql" in plan.groups:
            yield "sql_bars", MAIN, plan.events, {}
            yield "sql_by_hand", MAIN, plan.events, {}
        if "backtest" in plan.groups:
            yield "backtest_orders", MAIN, plan.ticks, self._file("ticks")
            yield "nautilus_orders", MAIN, plan.ticks, self._file("ticks")

    def _measured(
        self, name: str, prefix: str, events: int, arguments: dict[str, Any]
    ) -> Sample | None:
        if name == "stock_bytewax":
            return self._stock(events)
        if name == "quixstreams":
            return self._quix(events)
        if name == "market_pair":
            return self._pair(events, arguments)
        if name.startswith("nautilus_"):
            return self._nautilus(name, arguments["ticks"])
        sample = self._work(name, prefix, events, arguments)
        if prefix in (TWO, MANY, ONE):
            sample.work = f"{name}_{prefix.rstrip('.')}"
        if "spans" in arguments:
            sample.work = f"{name}_seen" if arguments["spans"] else f"{name}_unseen"
        if name == "risk":
            sample.work = f"risk_{arguments['open_orders']}"
        return sample

    def _keep(self, sample: Sample | None) -> None:
        if sample is not None:
            self._found.samples.setdefault(sample.work, []).append(sample)

    def _work(self, name: str, prefix: str, events: int, arguments: dict[str, Any]) -> Sample:
        command = [sys.executable, "-m", "ops.bench.work", name, str(events), json.dumps(arguments)]
        sample = self._sample(name, command, prefix)
        if events and sample.events < events:
            raise WorkFailed(f"{name} saw {sample.events} of {events} events")
        return sample

    def _pair(self, events: int, arguments: dict[str, Any]) -> Sample:
        """The market pipeline as two shards, a process each, at the same time."""
        shards = [{**arguments, "shards": 2, "shard": number} for number in range(2)]
        with ThreadPoolExecutor(2) as pool:
            try:
                both = list(pool.map(lambda own: self._work("market", RAW, 0, own), shards))
            except BaseException:
                for process in [*UNDER_WAY]:  # the pool waits for both
                    process.kill()
                raise
        counted = sum(sample.events for sample in both)
        if counted < events:
            raise WorkFailed(f"two shards saw {counted} of {events} events")
        cpu_s, rss_mb = sum(s.cpu_s for s in both), max(s.rss_mb for s in both)
        return Sample("market_pair", events, max(s.seconds for s in both), cpu_s, rss_mb)

    def _stock(self, events: int) -> Sample:
        start = (self._plan.events - events) // 4
        arguments = [str(events), str(start), PEER_OUT]
        command = [sys.executable, "-m", "ops.bench.peers.stock_bytewax", *arguments]
        return self._sample("stock_bytewax", command, MAIN)

    def _quix(self, events: int) -> Sample | None:
        try:
            python = peer_python("quix", self._folder, self._report)
        except NotInstalled as error:
            self._found.missing["quixstreams"] = str(error)
            return None
        app = ROOT / "ops/bench/peers/quix/app.py"
        schema = ROOT / "schemas/avro/TradePrinted.v1.avsc"
        servers = self._settings(MAIN).bootstrap_servers()
        state = self._folder / f"quix-state-{len(self._found.samples.get('quixstreams', []))}"
        arguments = [servers, f"{MAIN}md.trade.v1", PEER_OUT, schema, events, state]
        command = [str(python), "-W", "ignore", str(app), *map(str, arguments)]
        return self._sample("quixstreams", command, MAIN)

    def _nautilus(self, name: str, ticks: str) -> Sample | None:
        try:
            python = peer_python("nautilus", self._folder, self._report)
        except NotInstalled as error:
            self._found.missing["nautilus_trader"] = str(error)
            return None
        app = ROOT / "ops/bench/peers/nautilus/app.py"
        command = [str(python), "-W", "ignore", str(app), ticks, name.removeprefix("nautilus_")]
        return self._sample(name, command, MAIN)

    def _sample(self, name: str, command: Sequence[str], prefix: str) -> Sample:
        done = ended(command, self._folder, self._environment(prefix))
        if done.returncode:
            said = (done.stderr.strip() or done.stdout.strip() or "nothing").splitlines()[-1]
            raise WorkFailed(f"{name} ended with exit code {done.returncode}: {said}")
        return Sample(**json.loads(done.stdout.strip().splitlines()[-1]))

    def _environment(self, prefix: str) -> dict[str, str]:
        # Where no bytecode is written, every start compiles all modules: nobody runs a desk so.
        left_out = ("TAPE_", "PYTHONDONTWRITEBYTECODE")
        kept = {k: v for k, v in os.environ.items() if not k.startswith(left_out)}
        own = {"TAPE_RUN_DIR": str(self._folder), "TAPE_TOPIC_PREFIX": prefix}
        own |= {"TAPE_CONFIG": str(self._folder / "tape.toml"), "PYTHONPATH": str(ROOT)}
        if prefix == ONE:
            own["TAPE_TOPIC_PARTITIONS_MAX"] = "1"
        return {**kept, **own, "TAPE_LOG_LEVEL": "WARNING"}

    def _settings(self, prefix: str) -> Settings:
        most = 1 if prefix == ONE else None
        own = {"topic_prefix": prefix, "topic_partitions_max": most}
        return load(run_dir=self._folder, **own, kafka={}, registry={})

    def _live(self, prefix: str) -> None:
        """Market and strategy as users start them; frames at their own pace."""
        self._report("latency", 0, None)
        self._prepare(prefix)
        log = kafka_log(self._settings(prefix))
        with Supervisor(self._folder, self._environment(prefix)) as desk:
            desk.add(*(Process(n, ("run", n, "--from", "earliest")) for n in LIVE_PROCESSES))
            for name in LIVE_PROCESSES:
                epochs = Tp(f"{name}.epochs.v1", 0)
                if not wait_for(lambda tp=epochs: log.bounds(tp)[1] > 0, READY_S):  # type: ignore[misc]
                    desk.check()
                    raise WorkFailed(f"{name} did not open its shard within {READY_S:.0f} s")
            lengths = {"seconds": self._plan.live_s, "warm_s": self._plan.warm_s}
            self._keep(self._measured("latency", prefix, 0, lengths))
            desk.check()
        log.close()
        self._report("latency", 1, 1)
