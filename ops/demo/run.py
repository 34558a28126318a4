"""The demo from an empty log to the replay's verdict. Nothing it starts outlives it; nothing of
the user's is touched.

At speed 1 the desk of `ops/desk/example` trades the slice. At any other speed the clock of what
trades would be wrong, so it plays as far as signals.
"""

from __future__ import annotations

import json
import logging
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from subprocess import Popen
from typing import Any, NamedTuple

from connectors.feed.capture import CAPTURES, Frame, load
from connectors.feed.server import Options
from connectors.log.interface import Tp
from connectors.log.kafka import KafkaLog
from connectors.log.places import partitions
from ops import stack
from ops.demo.books import read_all, still_open
from ops.demo.faults import Operator, Schedule, Stranger
from ops.demo.history import REPLAYED, archived
from ops.demo.play import Player
from ops.demo.summary import raw_records, recorded
from ops.demo.tap import Tap, latency
from ops.demo.trading import traded
from ops.desk.plan import account_of, desk
from ops.desk.prepare import desk_file, prepare_log, prepare_trading
from ops.processes.catalog import pipeline
from ops.processes.clients import codec_of, kafka_log
from ops.processes.run import shard_of
from ops.settings import Settings, load_file
from ops.stack.ports import HOST, free_ports
from ops.stack.processes import wait_for
from ops.stack.progress import Report
from ops.supervisor.leftovers import kill_leftovers
from ops.supervisor.supervisor import ProcessFailed, Supervisor, environment_of
from schemas.codec import Codec
from schemas.events import GatewayReady

logger = logging.getLogger("tape.demo")
CLOCK = "ops.clock.v1"
ARCHIVED = "archive"  # what the replay from the archive is called
DRAIN_S = 120.0
CLEAR_S = 30.0
LOOK_S = 0.2
START_S = 90.0
EVENTS, BREAKS = "oms.order-event.v1", "recon.break.v1"
SIGNALS = ("market", "strategy")
TRADING = ("market", "strategy", "risk", "reconciliation")


class Demo(NamedTuple):
    """What to play: `seconds` of every capture at `speed` (None: as fast as it goes)."""

    seconds: float = 40.0
    speed: float | None = 1.0

    @property
    def trades(self) -> bool:
        return self.speed == 1.0


class Cast(NamedTuple):
    """What a run of the demo works with."""

    demo: Demo
    settings: Settings
    desk: Supervisor
    report: Report

    @property
    def played(self) -> tuple[str, ...]:
        """The pipelines."""
        return TRADING if self.demo.trades else SIGNALS


def settings_of(demo: Demo, run_dir: Path) -> Settings:
    """The example desk on ports of its own; without execution where the demo does not trade."""
    port, admin_port = free_ports(2)
    own = {
        "run_dir": run_dir,
        "desk": {"venue_port": port, "venue_admin_port": admin_port},
        "gateway": {"url": f"http://{HOST}:{port}", "socket_url": f"ws://{HOST}:{port}/ws-api/v3"},
    }
    found = load_file(desk_file("tape.toml"), **own)
    if demo.trades:
        return found
    bare = [signal.model_copy(update={"execution": {}}) for signal in found.strategy.signals]
    return found.model_copy(
        update={"strategy": found.strategy.model_copy(update={"signals": bare})}
    )


def environment(settings: Settings) -> dict[str, str]:
    """What the demo's processes are told, and they alone."""
    signals = [signal.model_dump(mode="json") for signal in settings.strategy.signals]
    return environment_of(
        TAPE_CONFIG=str(desk_file("tape.toml")),
        TAPE_RUN_DIR=str(settings.run_dir),
        TAPE_GATEWAY__URL=settings.gateway.url,
        TAPE_GATEWAY__SOCKET_URL=settings.gateway.socket_url,
        TAPE_STRATEGY__SIGNALS=json.dumps(signals),
    )


def run_demo(demo: Demo, run_dir: Path, report: Report) -> dict[str, Any]:
    """The summary. Raises `TapeError`. `clean` in the summary: the replay found no difference, and
    what was traded is what the venue remembers.
    """
    logging.getLogger("tape.feed").setLevel(logging.WARNING)  # the bars say how far it is
    began = time.monotonic()
    kill_leftovers(run_dir)
    stack.stop(run_dir)
    shutil.rmtree(run_dir, ignore_errors=True)
    settings = settings_of(demo, run_dir)
    try:
        stack.start(run_dir, ports=stack.FREE, report=report, learn=True)
        with Supervisor(run_dir, environment(settings)) as supervisor:
            summary = on_stage(Cast(demo, settings, supervisor, report))
    finally:
        report("stop the broker", 0, None)
        stack.stop(run_dir)
    return {**summary, "seconds_total": round(time.monotonic() - began, 1)}


def on_stage(cast: Cast) -> dict[str, Any]:
    settings = cast.settings
    prepare_log(settings, cast.report)
    if cast.demo.trades:
        prepare_trading(settings)
    log, codec = kafka_log(settings), codec_of(settings)
    feeds = settings.desk.feeds
    names = [n for n, one in CAPTURES.items() if one.venue in {feed.venue for feed in feeds}]
    frames = load(names, seconds=cast.demo.seconds)
    options = Options(cast.demo.speed, sum(len(feed.lines) for feed in feeds), held=True)
    with Player(frames, options) as player, Tap(log, codec) as tap:
        cast.desk.add(*desk(with_feeds(settings, player.urls)))
        wait_ready(cast, log, codec)
        player.release()
        struck, played_s, drained_s = play(cast, log, codec, player, frames)
    running = start_replays(cast)
    history = archived(log, codec, settings, cast.report)
    from_archive = ("replay", REPLAYED, "--source", "archive", "--output", "json")
    running[ARCHIVED] = cast.desk.spawn(f"replay-{ARCHIVED}", *from_archive)
    verdicts = replays(cast, running)
    found = {
        **counted(log, codec, cast),
        "frames": len(frames),
        "lines": len(feeds[0].lines),
        "restarts": cast.desk.restarts,
        "frames_per_second": round(player.sent / played_s),
        "drained_after_s": round(drained_s, 1),
        "latency": {topic: latency(values) for topic, values in tap.latencies_ms.items()},
        "archive": history,
        "replay": verdicts,
    }
    same = all(verdict["clean"] for shards in verdicts.values() for verdict in shards)
    if not cast.demo.trades:
        return {**found, "clean": same}
    state = settings.simulated_folder / "state"
    trading = traded(log, codec, state, account_of(settings), settings.gateway.venue, struck)
    return {**found, "trading": trading, "clean": same and trading["equal"]}


def with_feeds(settings: Settings, urls: dict[str, str]) -> Settings:
    """The demo's own servers in place of the venues'."""
    feeds = [feed.model_copy(update={"url": urls[feed.venue]}) for feed in settings.desk.feeds]
    return settings.model_copy(update={"desk": settings.desk.model_copy(update={"feeds": feeds})})


def play(
    cast: Cast, log: KafkaLog, codec: Codec, player: Player, frames: Sequence[Frame]
) -> tuple[dict[str, int], float, float]:
    """The slice, from the first frame to the last process's end. How often each fault struck,
    seconds of play, seconds until all was read.
    """
    desk, report = cast.desk, cast.report
    struck: dict[str, int] = {}
    url = f"http://{HOST}:{cast.settings.desk.venue_admin_port}"
    with Operator(url) as operator:
        stranger = Stranger(operator, cast.settings)
        schedule = Schedule(operator, stranger) if cast.demo.trades else None
        played_s = watch(player, cast, len(frames), schedule)
        drained_s = drain(log, cast)
        if schedule is not None:
            operator.disarm()
            stranger.cancel()
            desk.stop("strategy")
            settle(cast, log, codec)
            desk.stop("gateway")
            struck = operator.struck()
    names = [one.name for one in desk.standings()]
    desk.stop(*[name for name in names if name not in cast.played])
    drain(log, cast)
    desk.stop()
    report("stop", 1, 1)
    return struck, played_s, drained_s


def watch(player: Player, cast: Cast, total: int, schedule: Schedule | None) -> float:
    """Seconds from the first frame served to the last."""
    began: float | None = None
    while not player.finished:
        cast.desk.check()
        if began is None and player.played:
            began = time.monotonic()
        if schedule is not None and began is not None:
            schedule.step((time.monotonic() - began) / cast.demo.seconds)
        cast.report("play the captures", min(player.played, total - 1), total)
        time.sleep(0.1)
    cast.report("play the captures", total, total)
    return time.monotonic() - (began or time.monotonic() - 0.1)


def wait_ready(cast: Cast, log: KafkaLog, codec: Codec) -> None:
    """Until every pipeline has opened its shard and the gateway may send: a slice that began before
    would be old news by the time it is read.
    """
    total = len(cast.played) + cast.demo.trades

    def ready() -> bool:
        time.sleep(LOOK_S)  # whoever looks takes time from those who start
        cast.desk.check()
        opened = sum(log.bounds(Tp(f"{name}.epochs.v1", 0))[1] > 0 for name in cast.played)
        sends = cast.demo.trades and any(
            isinstance(event, GatewayReady) for event in read_all(log, codec, EVENTS)
        )
        cast.report("start the desk", opened + sends, total)
        return opened + sends == total

    if not wait_for(ready, START_S):
        raise ProcessFailed(
            f"the desk was not ready within {START_S:.0f} s: see {cast.desk.folder}"
        )


def settle(cast: Cast, log: KafkaLog, codec: Codec) -> None:
    """Waits until every break is cleared, as far as that takes less than `CLEAR_S`: what is left is
    a finding.
    """

    def cleared() -> bool:
        time.sleep(LOOK_S)
        return not still_open(read_all(log, codec, BREAKS))

    wait_for(cleared, CLEAR_S)


def drain(log: KafkaLog, cast: Cast) -> float:
    """Waits until every pipeline that runs has committed all its input; seconds it took."""
    began, most = time.monotonic(), 1
    running = {one.name for one in cast.desk.standings()}
    inputs = {n: tps_of(log, n, cast.settings) for n in cast.played if n in running}
    while left := sum(lag(log, name, tps) for name, tps in inputs.items()):
        cast.desk.check()
        most = max(most, left)
        cast.report("finish the backlog", most - left, most)
        if time.monotonic() - began > DRAIN_S:
            raise ProcessFailed(f"{left} records are still unread after {DRAIN_S:.0f} s")
        time.sleep(0.1)
    cast.report("finish the backlog", most, most)
    return time.monotonic() - began


def tps_of(log: KafkaLog, name: str, settings: Settings) -> list[Tp]:
    """A pipeline's input partitions, the clock's left out: it never stands still."""
    topics = [t.topic for t in pipeline(name, settings).logic.inputs if t.topic != CLOCK]
    return partitions(log, *topics)


def lag(log: KafkaLog, name: str, tps: list[Tp]) -> int:
    """What kafka-consumer-groups would show for a pipeline's group."""
    offsets = log.group_offsets(f"tape.{name}", tps)
    return sum(max(0, log.bounds(tp)[1] - offsets.get(tp, 0)) for tp in tps)


def start_replays(cast: Cast) -> dict[str, Popen[bytes]]:
    """Each pipeline's recorded epochs again, in fresh processes side by side."""
    return {
        name: cast.desk.spawn(f"replay-{name}", "replay", name, "--output", "json")
        for name in cast.played
    }


def replays(cast: Cast, running: Mapping[str, Popen[bytes]]) -> dict[str, list[dict[str, Any]]]:
    """The verdicts of their shards, once they have ended."""
    verdicts = {}
    for done, (name, process) in enumerate(running.items()):
        cast.report("replay and compare", done, len(running))
        code, text = process.wait(), cast.desk.log_of(f"replay-{name}").read_text()
        if code not in (0, 1):
            raise ProcessFailed(f"replay {name} could not run: {text.strip()[-300:]}")
        verdicts[name] = json.loads(text[text.index("[\n") :])
    cast.report("replay and compare", len(running), len(running))
    return verdicts


def counted(log: KafkaLog, codec: Codec, cast: Cast) -> dict[str, Any]:
    """Events per topic and epochs per pipeline, as the log holds them."""
    events = {topic: raw_records(log, topic) for topic in ("md.raw.v1", "ops.clock.v1")}
    pipelines = {}
    for name in cast.played:
        made = pipeline(name, cast.settings)
        found = recorded(log, codec, shard_of(made, 0, 1, cast.settings))
        events |= dict(sorted(found.outputs.items()))
        pipelines[name] = {
            "epochs": found.epochs,
            "snapshots": found.snapshots,
            "records_in": sum(found.inputs.values()),
        }
    return {"topics": events, "pipelines": pipelines}
