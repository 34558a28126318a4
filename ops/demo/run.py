"""The demo from an empty log to the replay's verdict. Nothing it starts outlives it; nothing of
the user's is touched.

At speed 1 the desk of `ops/desk/example` trades the slice. At any other speed the clock of what
trades would be wrong, so it plays as far as signals.
"""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from connectors.feed.capture import Frame
from connectors.log.kafka import KafkaLog
from ops import stack
from ops.demo.again import venue_again
from ops.demo.answers import answers
from ops.demo.cast import Cast, Demo, environment, settings_of, slice_of
from ops.demo.faults import Operator, Schedule, Stranger
from ops.demo.history import archived
from ops.demo.play import Player
from ops.demo.tap import Tap, latency
from ops.demo.trading import traded
from ops.demo.verdicts import Replays, counted, missed
from ops.demo.waits import drain, settle, wait_ready, watch
from ops.desk.own import operator_url, with_feeds
from ops.desk.plan import account_of, connectors, desk
from ops.desk.prepare import prepare_log, prepare_trading
from ops.processes.clients import codec_of, kafka_log
from ops.stack.progress import Report
from ops.supervisor.leftovers import kill_leftovers
from ops.supervisor.supervisor import Supervisor
from schemas.codec import Codec


class Played(NamedTuple):
    """How often each fault struck, seconds of play, seconds until all was read."""

    struck: dict[str, int]
    seconds: float
    drained_s: float


def run_demo(demo: Demo, run_dir: Path, report: Report) -> dict[str, Any]:
    """The summary. Raises `TapeError`. `clean` in the summary: the replay found no difference, and
    what was traded is what the venue remembers, and every fault struck.
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
    """The summary, but for the time it took. Raises `TapeError`."""
    settings = cast.settings
    prepare_log(settings, cast.report)
    if cast.demo.trades:
        prepare_trading(settings)
    log, codec = kafka_log(settings), codec_of(settings)
    frames, options = slice_of(cast)
    with Replays(cast) as replays:
        with Player(frames, options) as player, Tap(log, codec) as tap:
            cast.desk.add(*desk(with_feeds(settings, player.urls)))
            wait_ready(cast, log, codec)
            player.release()
            played = play(cast, log, codec, player, frames, replays)
        history = archived(log, codec, settings, cast.report)
        replays.begin_archived()
        said = answers(settings, cast.demo.trades)
        verdicts = replays.verdicts()
    found = {
        **counted(log, codec, cast),
        "frames": len(frames),
        "lines": len(settings.desk.feeds[0].lines),
        "restarts": cast.desk.restarts,
        "frames_per_second": round(player.sent / played.seconds),
        "drained_after_s": round(played.drained_s, 1),
        "latency": {topic: latency(values) for topic, values in tap.latencies_ms.items()},
        "archive": history,
        "answers": said,
        "replay": verdicts,
    }
    same = all(verdict["clean"] for shards in verdicts.values() for verdict in shards)
    if not cast.demo.trades:
        return {**found, "clean": same}
    state, venue = settings.simulated_folder / "state", settings.gateway.venue
    trading = traded(log, codec, state, account_of(settings), venue, played.struck)
    again = venue_again(log, codec, settings, cast.report)
    never = missed(played.struck)
    equal = trading["equal"] and all(one["clean"] for one in again["venue_again"])
    clean = same and equal and not never
    return {**found, "trading": trading, **again, "faults_missed": never, "clean": clean}


def play(
    cast: Cast,
    log: KafkaLog,
    codec: Codec,
    player: Player,
    frames: Sequence[Frame],
    replays: Replays,
) -> Played:
    """The slice, from the first frame to the last process's end. What has stopped is replayed while
    the rest goes on.
    """
    struck: dict[str, int] = {}
    with Operator(operator_url(cast.settings)) as operator:
        stranger = Stranger(operator, cast.settings)
        schedule = Schedule(operator, stranger) if cast.demo.trades else None
        played_s = watch(player, cast, len(frames), schedule)
        drained_s = drain(log, cast)
        if schedule is not None:
            operator.disarm()
            stranger.cancel()
        end_of_market(cast, log, replays)
        if schedule is not None:
            settle(cast, log, codec)
            cast.desk.stop("gateway")
            struck = operator.struck()
    end(cast, log, replays)
    return Played(struck, played_s, drained_s)


def end_of_market(cast: Cast, log: KafkaLog, replays: Replays) -> None:
    """No more orders, no more frames: what reads no order's end is over."""
    cast.desk.stop(*[one.name for feed in cast.settings.desk.feeds for one in connectors(feed)])
    drain(log, cast)
    cast.desk.stop("market", "strategy")
    replays.begin("market", "strategy")


def end(cast: Cast, log: KafkaLog, replays: Replays) -> None:
    """The rest, pipelines last: they read what the others wrote."""
    left = [one.name for one in cast.desk.standings()]
    rest = [name for name in left if name in cast.played]
    cast.desk.stop(*[name for name in left if name not in rest])
    drain(log, cast)
    if rest:
        cast.desk.stop(*rest)
    replays.begin(*rest)
    cast.report("stop", 1, 1)
