"""A process in the foreground ends when it is told to."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event
from types import FrameType

TOLD = (signal.SIGTERM, signal.SIGINT)


class Stopped(BaseException):
    """What was being done was left in its middle; no error, so nothing handles it as one."""


def told_to_stop() -> Event:
    """Set by SIGTERM or SIGINT, from here on."""
    stop = Event()
    for number in TOLD:
        signal.signal(number, lambda *_: stop.set())
    return stop


def interrupted_by_sigterm() -> None:
    """SIGTERM ends this process as Ctrl-C does, from here on: through every `finally`, so that
    what it started ends with it.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@contextmanager
def left_when_told(stop: Event) -> Iterator[None]:
    """What is done within, which must not mind, is left at once when told to stop. Sets `stop` and
    raises `Stopped`.
    """

    def leave(number: int, frame: FrameType | None) -> None:
        stop.set()
        raise Stopped

    before = {number: signal.signal(number, leave) for number in TOLD}
    try:
        if stop.is_set():
            raise Stopped
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
