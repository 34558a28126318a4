"""A process in the foreground ends when it is told to."""

from __future__ import annotations

import signal
from threading import Event


def told_to_stop() -> Event:
    """Set by SIGTERM or SIGINT, from here on."""
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


def interrupted_by_sigterm() -> None:
    """SIGTERM ends this process as Ctrl-C does, from here on: through every `finally`, so that
    what it started ends with it.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
