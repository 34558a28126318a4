"""Topics that are made after a console began to read: a desk may be started after it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from threading import Event, Thread

from connectors.log.interface import Log
from connectors.log.places import present
from schemas.codec import Codec
from schemas.errors import TapeError


@contextmanager
def awaited(
    opened: Callable[[], tuple[Log, Codec]], topics: frozenset[str], every_s: float
) -> Iterator[Event]:
    """Set once one of these is there. Looked for beside who reads: a broker is asked more than once
    before it is believed that there is no such topic.
    """
    come, over = Event(), Event()

    def look() -> None:
        while not (come.is_set() or over.wait(every_s)):
            with suppress(TapeError), closing(opened()[0]) as log:
                while not (present(log, *topics) or over.wait(every_s)):
                    continue
                come.set()

    if topics:
        Thread(target=look, name="console-topics", daemon=True).start()
    try:
        yield come
    finally:
        over.set()
