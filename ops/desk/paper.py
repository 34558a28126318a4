"""Paper trading: the whole desk in the foreground, on live market data, at the simulated venue."""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path
from threading import Event
from typing import Any

from connectors.log.kafka import KafkaLog
from connectors.log.places import partitions
from connectors.venues import venue
from connectors.venues.protocol import BadSubscription, websocket
from ops import stack
from ops.desk import own
from ops.desk.plan import desk
from ops.desk.prepare import desk_file, prepare, require_desk
from ops.desk.record import record
from ops.processes.clients import codec_of, kafka_log
from ops.processes.lock import hold
from ops.settings import Settings, config_file, load_file
from ops.stack.progress import Report
from ops.stopping import Stopped, left_when_told, told_to_stop
from ops.supervisor.leftovers import end_leftovers
from ops.supervisor.outage import needed
from ops.supervisor.supervisor import ProcessFailed, Supervisor
from schemas.codec import Codec

EVENTS = "oms.order-event.v1"
STEP_S = 0.1
SAY_EVERY_S = 5.0


def run_paper(run_dir: Path, feed: str | None, seconds: float | None, report: Report) -> int:
    """Exit code 0, or 1 where a process did not end as it should. Raises `TapeError`."""
    file = config_file() or desk_file("tape.toml")
    settings = settings_of(file, run_dir, feed)
    stop = told_to_stop()
    with hold(run_dir, "desk"):
        end_leftovers(run_dir)
        try:
            with left_when_told(stop):
                stack.start(
                    run_dir, ports=stack.FREE, report=report, lasting=settings.stack.lasting
                )
                prepare(settings, report)
            told = environment(file, settings)
            with Supervisor(run_dir, told, needed=needed(settings)) as supervisor:
                follow(supervisor, settings, seconds, stop)
                return ended(supervisor)
        except Stopped:
            return 0
        finally:
            record(run_dir, [])
            stack.stop(run_dir)


def settings_of(file: Path, run_dir: Path, feed: str | None) -> Settings:
    """The desk of a file, with a simulated venue on ports of its own, whatever the file says of a
    real one. Raises `SettingsError`, `NoDesk`, `BadSubscription`.
    """
    own_log: dict[str, Any] = {"kafka": {}, "registry": {}, "topic_prefix": ""}
    found = load_file(file, run_dir=run_dir, **own_log, **own.own_venue())
    require_desk(found)
    if feed is None:
        return found
    codes = sorted({one.venue for one in found.desk.feeds})
    try:
        address = websocket(feed)
    except BadSubscription as error:
        what = f"where `tape feed` serves {', '.join(codes)}"
        raise BadSubscription(f"--feed: {error}, {what}") from None
    return own.with_feeds(found, {code: f"{address}/{venue(code).folder}" for code in codes})


def environment(file: Path, settings: Settings) -> dict[str, str]:
    """What the processes are told, and they alone."""
    return own.environment(
        file,
        settings,
        TAPE_GATEWAY__KEY=f"file:{settings.own_trading_key}",
        TAPE_WATCH__KEY=f"file:{settings.own_reading_key}",
    )


def follow(supervisor: Supervisor, settings: Settings, seconds: float | None, stop: Event) -> None:
    """Until `stop`, or so many seconds; says every now and then what is traded."""
    log, codec = kafka_log(settings), codec_of(settings)
    told = Told(log, codec)
    supervisor.add(*desk(settings))
    end_s = None if seconds is None else time.monotonic() + seconds
    say_s = time.monotonic()
    while not stop.wait(STEP_S) and (end_s is None or time.monotonic() < end_s):
        supervisor.check()
        record(settings.run_dir, supervisor.standings())
        if time.monotonic() >= say_s:
            say_s = time.monotonic() + SAY_EVERY_S
            print(json.dumps(told.now()), flush=True)
    print(json.dumps(told.now()), flush=True)
    log.close()


def ended(supervisor: Supervisor) -> int:
    try:
        supervisor.stop()
    except ProcessFailed as error:
        print(f"tape: {error}", flush=True)
        return 1
    return 0


class Told:
    """Counts order events, each read once."""

    def __init__(self, log: KafkaLog, codec: Codec) -> None:
        self._log, self._codec = log, codec
        self._next = {tp: log.bounds(tp)[0] for tp in partitions(log, EVENTS)}
        self._counts: Counter[str] = Counter()

    def now(self) -> dict[str, Any]:
        """Order events so far, by name."""
        for tp, start in self._next.items():
            end = self._log.bounds(tp)[1]
            for message in self._log.read(tp, start, end, 15.0):
                self._counts[self._codec.name_of(message.value())] += 1
            self._next[tp] = end
        return dict(sorted(self._counts.items()))
