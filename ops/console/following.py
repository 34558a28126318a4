"""A state that follows the log: one thread reads, in no group that anybody counts on.

A fresh state is filled before it is shown, so a page never shows half of what is there. When the
log cannot be read the last state stays, and `why` says so. A reader waits for a broker that went
away without a word, so where nothing comes the broker is asked for a sign of life.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from threading import Event, Lock, Thread
from typing import Final

from connectors.log.interface import Log, Message, Reader, Tp
from connectors.metrics import declared
from ops.console.awaited import awaited
from ops.console.reading import POLL, POLL_S, TOPICS, Telling, apply, places
from ops.console.state import State
from ops.console.using import Using
from ops.replays import Replayed
from schemas.codec import Codec
from schemas.errors import TapeError, one_line

logger = logging.getLogger("tape.console")
AGAIN_S: Final = 2.0
FILL_S: Final = 60.0  # an open transaction may hide a partition's end: then what is there is shown
SILENT_S: Final = 2.0
"""Without a record or a sign of life for so long the log is not followed; it is asked for one after
half of that."""
STOP_S: Final = 3.0
IDLE_S: Final = 0.01  # a log in memory answers at once that there is nothing
AT_ONCE: Final = 250  # events folded before whoever renders gets its turn


class Follower:
    """`state` is to be read under `lock` alone."""

    def __init__(
        self,
        opened: Callable[[], tuple[Log, Codec]],
        again_s: float = AGAIN_S,
        replays: Callable[[], list[Replayed]] = list,
        fresh: Callable[[], State] = State,
        silent_s: float = SILENT_S,
    ) -> None:
        self._opened, self._again_s, self._replays = opened, again_s, replays
        self._fresh, self._silent_s = fresh, silent_s
        self._stop = Event()
        self._thread = Thread(target=self._run, name="console-log", daemon=True)
        self.lock = Lock()
        self.state = fresh()
        self.ready = Event()
        self.updates = 0
        self._why = "reading the log"
        self._heard_s = 0.0

    @property
    def why(self) -> str:
        """What keeps the newest from being shown. Found by who asks: the thread that reads may
        itself wait for an answer.
        """
        silent = self._silence_s() >= self._silent_s
        return self._why or ("nothing is heard of the log" if silent else "")

    def _silence_s(self) -> float:
        return time.monotonic() - self._heard_s

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Does not wait long for a thread that waits for a broker which does not answer."""
        self._stop.set()
        self._thread.join(STOP_S)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._follow()
            except TapeError as error:
                self._failed(one_line(error))
            except Exception as error:  # a page that stands still and looks alive is the worst
                logger.exception("the log cannot be followed")
                self._failed(f"internal error: {type(error).__name__}, see the console's log")

    def _failed(self, why: str) -> None:
        if why != self._why:
            logger.warning("%s; trying again every %g s", why, self._again_s)
        self._why = why
        self._stop.wait(self._again_s)

    def _follow(self) -> None:
        log, codec = self._opened()
        try:
            starts = places(log, time.time_ns() // 1_000_000)
            missing = TOPICS - {tp.topic for tp in starts}
            with (
                closing(log.reader(starts)) as reader,
                closing(Using(log, codec)) as using,
                awaited(self._opened, missing, self._again_s) as more,
            ):
                self._read(log, reader, using, codec, starts, more)
        finally:
            log.close()

    def _read(
        self,
        log: Log,
        reader: Reader,
        using: Using,
        codec: Codec,
        at: dict[Tp, int],
        more: Event,
    ) -> None:
        """Until stopped, or there are `more` topics than were read."""
        telling, fresh, limit = Telling(codec), self._fresh(), time.monotonic() + FILL_S
        ends = {tp: log.bounds(tp)[1] for tp in at}
        while not (self._stop.is_set() or more.is_set()):
            for tp, messages in self._polled(log, reader, at).items():
                at[tp] = messages[-1].offset() + 1
                self._count(len(messages))
                told = list(telling.of(tp, messages))
                for begin in range(0, len(told), AT_ONCE):
                    with self.lock:
                        apply(fresh, codec, told[begin : begin + AT_ONCE])
            replays = self._replays()  # a look at a file: not while a page waits
            used = using.follow()  # nor this
            with self.lock:
                fresh.replayed(replays)
                fresh.use(used)
            if self.state is not fresh or not self.ready.is_set():
                filled = all(reader.end_seen(tp, at[tp]) >= end for tp, end in ends.items())
                if filled or time.monotonic() > limit:
                    self._show(fresh)

    def _polled(
        self, log: Log, reader: Reader, tps: Iterable[Tp]
    ) -> Mapping[Tp, Sequence[Message]]:
        found = reader.poll(POLL, POLL_S)
        if not found:
            self._stop.wait(IDLE_S)
        if found or (self._silence_s() >= self._silent_s / 2 and _answers(log, tps)):
            self._heard_s = time.monotonic()
        return found

    def _count(self, messages: int) -> None:
        self.updates += messages
        declared.CONSOLE_RECORDS.inc(messages)

    def _show(self, fresh: State) -> None:
        with self.lock:
            self.state = fresh
        self._why = ""
        self.ready.set()


def _answers(log: Log, tps: Iterable[Tp]) -> bool:
    try:
        for tp in tps:
            log.bounds(tp)
            break
    except TapeError:  # a broker that starts does not know its topics yet; a reader says the rest
        return False
    return True
