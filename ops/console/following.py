"""A state that follows the log: one thread reads, in no group that anybody counts on.

A fresh state is filled before it is shown, so a page never shows half of what is there. When the
log cannot be read the last state stays, and `why` says so.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import closing
from threading import Event, Lock, Thread
from typing import Final

from connectors.log.interface import Log, Reader, Tp
from connectors.metrics import declared
from ops.console.reading import POLL, POLL_S, Telling, apply, places
from ops.console.state import State
from ops.console.using import Using
from ops.replays import Replayed
from schemas.codec import Codec
from schemas.errors import TapeError, one_line

logger = logging.getLogger("tape.console")
AGAIN_S: Final = 2.0
FILL_S: Final = 60.0  # an open transaction may hide a partition's end: then what is there is shown
STOP_S: Final = 3.0
IDLE_S: Final = 0.01  # a log in memory answers at once that there is nothing
AT_ONCE: Final = 250  # events folded before whoever renders gets its turn


class Follower:
    """`state` is to be read under `lock` alone. `why`: what keeps the newest from being shown."""

    def __init__(
        self,
        opened: Callable[[], tuple[Log, Codec]],
        again_s: float = AGAIN_S,
        replays: Callable[[], list[Replayed]] = list,
        fresh: Callable[[], State] = State,
    ) -> None:
        self._opened, self._again_s, self._replays = opened, again_s, replays
        self._fresh = fresh
        self._stop = Event()
        self._thread = Thread(target=self._run, name="console-log", daemon=True)
        self.lock = Lock()
        self.state = fresh()
        self.ready = Event()
        self.why = "reading the log"
        self.updates = 0

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
        if why != self.why:
            logger.warning("%s; trying again every %g s", why, self._again_s)
        self.why = why
        self._stop.wait(self._again_s)

    def _follow(self) -> None:
        log, codec = self._opened()
        try:
            starts = places(log, time.time_ns() // 1_000_000)
            ends = {tp: log.bounds(tp)[1] for tp in starts}
            with closing(log.reader(starts)) as reader, closing(Using(log, codec)) as using:
                self._read(reader, using, codec, starts, ends)
        finally:
            log.close()

    def _read(
        self, reader: Reader, using: Using, codec: Codec, at: dict[Tp, int], ends: dict[Tp, int]
    ) -> None:
        telling, fresh, limit = Telling(codec), self._fresh(), time.monotonic() + FILL_S
        while not self._stop.is_set():
            found = reader.poll(POLL, POLL_S)
            if not found:
                self._stop.wait(IDLE_S)
            for tp, messages in found.items():
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

    def _count(self, messages: int) -> None:
        self.updates += messages
        declared.CONSOLE_RECORDS.inc(messages)

    def _show(self, fresh: State) -> None:
        with self.lock:
            self.state = fresh
        self.why = ""
        self.ready.set()
