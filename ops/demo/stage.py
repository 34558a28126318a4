"""On a stack that runs: the desk's processes, the slice they are played, and what came of it.

At speed 1 the desk of `ops/desk/example` trades the slice. At any other speed the clock of what
trades would be wrong, so it plays as far as signals.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from connectors.log.kafka import KafkaLog
from ops.demo.again import venue_again
from ops.demo.answers import answers
from ops.demo.cast import Cast, environment, settings_of, slice_of
from ops.demo.faults import Operator, Schedule, Stranger
from ops.demo.history import History
from ops.demo.model import Demo
from ops.demo.play import Player
from ops.demo.tap import Tap, latency
from ops.demo.trading import traded
from ops.demo.verdicts import Replays, counted, missed
from ops.demo.waits import drain, settle, wait_ready, watch
from ops.desk.own import operator_url, with_feeds
from ops.desk.plan import account_of, connectors, desk, venue
from ops.desk.prepare import preparing
from ops.processes.clients import codec_of, kafka_log
from ops.stack.progress import Report
from ops.supervisor.supervisor import Supervisor

OF_MARKET = ("feed", "market", "strategy")  # the roles that end first


class Played(NamedTuple):
    """How often each fault struck, seconds of play, seconds until all was read."""

    struck: dict[str, int]
    seconds: float
    drained_s: float


def on_stage(demo: Demo, run_dir: Path, report: Report) -> dict[str, Any]:
    """The summary, but for the time it took. Raises `TapeError`."""
    settings = settings_of(demo, run_dir)
    with Supervisor(run_dir, environment(settings)) as supervisor:
        return Stage(Cast(demo, settings, supervisor, report)).run()


class Stage:
    """One run."""

    def __init__(self, cast: Cast) -> None:
        self._cast, self._settings = cast, cast.settings
        with preparing(self._settings, cast.report):
            if cast.demo.trades:
                cast.desk.add(venue(self._settings))  # the gateway waits for nothing else as long
            self._frames, self._options = slice_of(cast)
        self._log, self._codec = kafka_log(self._settings), codec_of(self._settings)

    def run(self) -> dict[str, Any]:
        """The summary."""
        cast, log, codec = self._cast, self._log, self._codec
        with Replays(cast) as replays, History(cast) as history:
            with Player(self._frames, self._options) as player, Tap(log, codec) as tap:
                self._start(player)
                played = self._play(player, replays, history)
            archived = history.finished()
            replays.begin_archived()
            said = answers(self._settings, cast.demo.trades)
            found = {
                "topics": archived.pop("topics"),
                "pipelines": counted(log, codec, cast),
                "frames": len(self._frames),
                "lines": len(self._settings.desk.feeds[0].lines),
                "restarts": cast.desk.restarts,
                "frames_per_second": round(player.sent / played.seconds),
                "drained_after_s": round(played.drained_s, 1),
                "latency": {topic: latency(values) for topic, values in tap.latencies_ms.items()},
                "archive": archived,
                "answers": said,
            }
            dealt = self._dealt(played) if cast.demo.trades else {"clean": True}
            verdicts = replays.verdicts()
        same = all(verdict["clean"] for shards in verdicts.values() for verdict in shards)
        return {**found, **dealt, "replay": verdicts, "clean": same and dealt["clean"]}

    def _dealt(self, played: Played) -> dict[str, Any]:
        """Of what was traded."""
        log, codec, settings = self._log, self._codec, self._settings
        state, name = settings.simulated_folder / "state", settings.gateway.venue
        trading = traded(log, codec, state, account_of(settings), name, played.struck)
        again = venue_again(log, codec, settings, self._cast.report)
        never = missed(played.struck)
        equal = trading["equal"] and all(one["clean"] for one in again["venue_again"])
        return {"trading": trading, **again, "faults_missed": never, "clean": equal and not never}

    def _start(self, player: Player) -> None:
        """All that does not run yet, until it is ready."""
        desk_, there = self._cast.desk, {one.name for one in self._cast.desk.standings()}
        wanted = desk(with_feeds(self._settings, player.urls))
        desk_.add(*[one for one in wanted if one.name not in there])
        wait_ready(self._cast, self._log, self._codec)

    def _play(self, player: Player, replays: Replays, history: History) -> Played:
        """The slice, from the first frame to the last process's end. What has stopped is replayed
        and archived while the rest goes on.
        """
        cast, log, struck = self._cast, self._log, dict[str, int]()
        player.release()
        with Operator(operator_url(self._settings)) as operator:
            stranger = Stranger(operator, self._settings)
            schedule = Schedule(operator, stranger) if cast.demo.trades else None
            played_s = watch(player, cast, len(self._frames), schedule)
            drained_s = drain(log, cast)
            if schedule is not None:
                operator.disarm()
                stranger.cancel()
            end_of_market(cast, log)
            replays.begin("market", "strategy")
            history.begin(*OF_MARKET)
            if schedule is not None:
                settle(cast, log, self._codec)
                cast.desk.stop("gateway")
                struck = operator.struck()
        replays.begin(*end(cast, log))
        return Played(struck, played_s, drained_s)


def end_of_market(cast: Cast, log: KafkaLog) -> None:
    """No more orders, no more frames: what reads no order's end is over."""
    cast.desk.stop(*[one.name for feed in cast.settings.desk.feeds for one in connectors(feed)])
    drain(log, cast)
    cast.desk.stop("market", "strategy")


def end(cast: Cast, log: KafkaLog) -> list[str]:
    """The rest, pipelines last, for they read what the others wrote: these."""
    left = [one.name for one in cast.desk.standings()]
    rest = [name for name in left if name in cast.played]
    cast.desk.stop(*[name for name in left if name not in rest])
    drain(log, cast)
    if rest:
        cast.desk.stop(*rest)
    cast.report("stop", 1, 1)
    return rest
