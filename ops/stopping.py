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
