"""One round of chaos: the whole desk trades a slice of captured markets while processes are killed
and the venue misbehaves, all drawn from one seed.

1. The desk of `ops/desk/example` starts on a log of its own, with a venue of its own.
2. While the slice plays: every so often a random process, the broker or the registry is killed
   (SIGKILL) and a random fault armed, each kind once before one comes again. The supervisor starts
   again what was killed of the desk, the round itself what was killed of the stack. Where the slice
   had no time for a kind, or fewer than three struck, faults go on after it.
3. Faults end, the desk comes to rest, strategy and gateway stop.
4. `verdict` compares the log with what the venue remembers, and every pipeline replays.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

from connectors.feed.capture import load
from connectors.feed.server import Options
from connectors.log.kafka import KafkaLog
from connectors.metrics import declared
from connectors.metrics.declared import FIGURES
from ops import stack as local_stack
from ops.demo.books import read_all, still_open
from ops.demo.faults import FOREIGN, FaultsUnreachable, Operator, Stranger
from ops.demo.play import Player
from ops.desk import own
from ops.desk.plan import desk
from ops.desk.prepare import desk_file, prepare
from ops.processes.clients import codec_of, kafka_log
from ops.settings import Settings, load_file
from ops.stack import StackInfo
from ops.stack.processes import wait_for
from ops.stack.progress import silent
from ops.supervisor.model import FAILED
from ops.supervisor.outage import needed
from ops.supervisor.supervisor import Supervisor
from schemas.codec import Codec
from schemas.events import GatewayReady, OpenOrdersObserved
from tests.chaos.outages import KILLS, Outages
from tests.chaos.verdict import check
from tests.ops.exposed import ready as seen_ready
from tests.ops.exposed import shown

CAPTURES = ("binance_spot_btcusdt_20240808", "binance_spot_ethusdt_20240808")
SLICE_S_MAX = 340.0
START_S = REST_S = 120.0
ROUNDS = 4  # two show a drift, one lists trades, one confirms
STEP_S = 0.05
STRUCK_MIN = 3  # kinds: clock, stranger and requests need no order of ours
AWAY_S_MAX = 4.0  # of the broker and the registry, beside what their start takes
EVENTS, BREAKS = "oms.order-event.v1", "recon.break.v1"
FAULTS: tuple[dict[str, object], ...] = (
    {"kind": "lost_request", "count": 1},
    {"kind": "lost_response", "count": 1},
    {"kind": "server_error", "count": 1},
    {"kind": "ban", "count": 1, "seconds": 1.0},
    {"kind": "rest_down", "for_s": 1.0},
    {"kind": "report_delayed", "count": 2, "seconds": 1.0},
    {"kind": "report_duplicated", "count": 2},
    {"kind": "reports_out_of_order", "count": 1},
    {"kind": "fill_before_ack", "count": 1},
    {"kind": "fill_resent_on_cancel", "count": 1},
    {"kind": "fill_missing", "count": 1},
    {"kind": "stream_silent", "for_s": 1.0},
    {"kind": "clock_skew", "skew_ms": 400},
    {"kind": FOREIGN},
)


class Plan(NamedTuple):
    """Seconds of play; mean seconds between kills, and between faults; what of the stack may be
    killed.
    """

    seconds: float = 60.0
    kill_every_s: float = 5.0
    fault_every_s: float = 2.0
    stack: tuple[str, ...] = tuple(KILLS)


class Pace:
    """Due at once, and again after random times."""

    def __init__(self, drawn: random.Random, mean_s: float) -> None:
        self._drawn, self._mean_s, self._next_s = drawn, mean_s, 0.0

    def due(self) -> bool:
        now_s = time.monotonic()
        if now_s < self._next_s:
            return False
        self._next_s = now_s + self._drawn.expovariate(1 / self._mean_s)
        return True


class Chaos(AssertionError):
    """What did not hold, with the seed that repeats the round."""


class Round:
    """A desk under chaos. `counts` is what happened and what was found."""

    def __init__(self, stack_dir: Path, folder: Path, seed: int, plan: Plan = Plan()) -> None:  # noqa: B008
        self.seed, self.plan, self.counts = seed, plan, Counter[str]()
        self._random, self._dealing = random.Random(seed), random.Random(f"{seed} faults")
        self._faults = Pace(self._dealing, plan.fault_every_s)
        self._deck: list[dict[str, object]] = []
        self._outages = Outages(stack_dir, plan.stack)
        stack = local_stack.recorded(stack_dir)
        self.settings = settings_of(stack, folder, f"chaos{seed}-{os.getpid()}.")

    def run(self) -> Counter[str]:
        """Raises `AssertionError` with the seed where anything is wrong."""
        prepare(self.settings, silent)
        log, codec = kafka_log(self.settings), codec_of(self.settings)
        start_s = self._random.uniform(0.0, SLICE_S_MAX - self.plan.seconds)
        frames = load(CAPTURES, start_s, self.plan.seconds)
        player = Player(frames, Options(1.0, wait_for=2, held=True))
        with player, self._supervisor() as supervisor:
            supervisor.add(*desk(own.with_feeds(self.settings, player.urls)))
            self._until(supervisor, lambda: ready(log, codec), START_S, "the desk is ready")
            player.release()
            with Operator(own.operator_url(self.settings)) as operator:
                stranger = Stranger(operator, self.settings)
                self._play(supervisor, player, operator, stranger)
                self._rest(supervisor, operator, stranger, log, codec)
            self.counts["restarts"] += supervisor.restarts
            with self._named():
                looks(supervisor)
            supervisor.stop("strategy")
            supervisor.stop("gateway")
            supervisor.stop()
            with self._named():
                self.counts += check(self.settings, log, codec, supervisor)
        log.close()
        return self.counts

    def _supervisor(self) -> Supervisor:
        own = environment(self.settings)
        return Supervisor(self.settings.run_dir, own, needed=needed(self.settings))

    def _play(
        self, supervisor: Supervisor, player: Player, operator: Operator, stranger: Stranger
    ) -> None:
        kills = Pace(self._random, self.plan.kill_every_s)
        while not player.finished:
            if kills.due():
                self._kill(supervisor, operator)
            if self._faults.due() and not self._fault(operator, stranger):
                self.counts["faults that met no venue"] += 1
            self._look(supervisor)
            time.sleep(STEP_S)

    def _kill(self, supervisor: Supervisor, operator: Operator) -> None:
        pids = {one.name: one.pid for one in supervisor.standings() if one.pid is not None}
        name = self._random.choice([*pids, *self._outages.names()] or [""])
        if name == "venue" and reachable(operator):
            self._count(operator)  # it forgets how often a fault struck
        if name in pids:
            os.kill(pids[name], signal.SIGKILL)
        elif name:
            self._outages.kill(name, self._random.uniform(0.0, AWAY_S_MAX))
        self.counts[f"SIGKILL of {name or 'nothing'}"] += 1

    def _count(self, operator: Operator) -> None:
        for kind, count in operator.struck().items():
            self.counts[f"fault {kind}"] += count

    def _fault(self, operator: Operator, stranger: Stranger) -> bool:
        """Arms one; a venue that was killed a moment ago has no operator, and meets it later."""
        self._deck = self._deck or self._dealing.sample(FAULTS, len(FAULTS))
        fault = self._deck[-1]
        try:
            if fault["kind"] == FOREIGN:
                self.counts["strangers without a market"] += not stranger.place()
            else:
                operator.arm({**fault})
        except FaultsUnreachable:
            return False
        self._deck.pop()
        self.counts[f"offered {fault['kind']}"] += 1
        return True

    def _met(self, operator: Operator, stranger: Stranger) -> bool:
        """Whether each kind was offered and enough struck; goes on with them where not."""
        if self._faults.due():
            self._fault(operator, stranger)
        kinds = [fault["kind"] for fault in FAULTS]
        if not reachable(operator) or not all(self.counts[f"offered {kind}"] for kind in kinds):
            return False
        before = {kind for kind in kinds if self.counts[f"fault {kind}"]}
        return len({*operator.struck()} | before) >= STRUCK_MIN

    def _look(self, supervisor: Supervisor) -> None:
        """One step; nothing may end for good."""
        supervisor.step()
        ended = [one for one in supervisor.standings() if one.state in FAILED]
        assert not ended, f"seed {self.seed}: {ended}"

    def _rest(
        self,
        supervisor: Supervisor,
        operator: Operator,
        stranger: Stranger,
        log: KafkaLog,
        codec: Codec,
    ) -> None:
        """Until nothing is missing: all run, the gateway is ready, the account was looked at since,
        no break is open.
        """
        self._outages.over()
        met = partial(self._met, operator, stranger)
        self._until(supervisor, met, REST_S, "each kind of fault was offered, some struck")
        self._count(operator)
        operator.disarm()
        stranger.cancel()
        begun_ns = time.time_ns()

        def calm() -> bool:
            states = {one.state for one in supervisor.standings()}
            looked = states == {"RUNNING"} and seen_since(log, codec, begun_ns)
            return looked and not still_open(read_all(log, codec, BREAKS))

        self._until(supervisor, calm, REST_S, "all breaks are cleared")

    def _until(
        self, supervisor: Supervisor, holds: Callable[[], bool], limit_s: float, what: str
    ) -> None:
        def stepped() -> bool:
            self._look(supervisor)
            return holds()

        assert wait_for(stepped, limit_s), f"seed {self.seed}: not so in {limit_s} s: {what}"

    @contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except AssertionError as error:
            raise Chaos(f"seed {self.seed}: {error}") from error


RARE = {
    "trading_gateway_silent",
    "trading_dead_man_age_seconds",
    "trading_fees_unpriced_quantity",  # of an asset without a mark, of which this venue takes none
    "tape_snapshot_bytes",
    "trading_target_quantity",  # none where its process was killed after the last one
    "trading_fill_price_quote",
}


def looks(supervisor: Supervisor) -> None:
    """Every process shows what docs/metrics.md declares, and is ready; every gauge has rows."""
    addresses = [one.metrics for one in supervisor.standings()]
    late = [address for address in addresses if not wait_for(partial(seen_ready, address), REST_S)]
    assert not late, f"not ready: {late}"
    elsewhere = (declared.DESK, declared.ARCHIVE, declared.CONSOLE)
    wanted = {one.name for one in FIGURES if one.kind == "gauge" and one.by not in elsewhere} - RARE
    # Where market was away to the end, risk has a mark only once it has caught up.
    wait_for(lambda: wanted <= shown(addresses), REST_S)
    missing = wanted - shown(addresses)
    assert not missing, f"shown by no process: {missing}"


def settings_of(stack: StackInfo, folder: Path, prefix: str) -> Settings:
    """The example desk on this stack, under a prefix, looked at every second."""
    return load_file(
        desk_file("tape.toml"),
        run_dir=folder,
        topic_prefix=prefix,
        kafka={"bootstrap_servers": stack.bootstrap_servers},
        registry={"url": stack.registry_url},
        watch={"every_s": 1.0},
        **own.own_venue(),
    )


def environment(settings: Settings) -> dict[str, str]:
    """The same for the processes."""
    assert settings.kafka.bootstrap_servers is not None
    assert settings.registry.url is not None
    return own.environment(
        desk_file("tape.toml"),
        settings,
        TAPE_TOPIC_PREFIX=settings.topic_prefix,
        TAPE_KAFKA__BOOTSTRAP_SERVERS=settings.kafka.bootstrap_servers,
        TAPE_REGISTRY__URL=settings.registry.url,
        TAPE_WATCH__EVERY_S=str(settings.watch.every_s),
    )


def ready(log: KafkaLog, codec: Codec) -> bool:
    return any(isinstance(event, GatewayReady) for event in read_all(log, codec, EVENTS))


def seen_since(log: KafkaLog, codec: Codec, begun_ns: int) -> bool:
    """Whether a gateway was ready after `begun_ns`, and enough rounds of the account came after it
    that what is missing on the log is a break by now.
    """
    events = read_all(log, codec, EVENTS)
    readies = [e.ts_ns for e in events if isinstance(e, GatewayReady) and e.ts_ns > begun_ns]
    snapshots = read_all(log, codec, "venue.snapshot.v1")
    rounds = [e for e in snapshots if isinstance(e, OpenOrdersObserved)]
    return bool(readies) and sum(e.ts_sent_ns > min(readies) for e in rounds) >= ROUNDS


def reachable(operator: Operator) -> bool:
    try:
        operator.struck()
    except FaultsUnreachable:
        return False
    return True
