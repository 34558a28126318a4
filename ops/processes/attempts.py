"""Work on threads that may hang for ever: whoever asked ends without them."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Thread
from typing import NamedTuple

from schemas.errors import TapeError, one_line


class Way(NamedTuple):
    """One path: whether it worked, and what came of it in words."""

    name: str
    worked: bool
    said: str


class Attempt:
    """Runs on its own thread from the start on."""

    def __init__(self, name: str, work: Callable[[], str]) -> None:
        self._name, self._work = name, work
        self._way: Way | None = None
        self._thread = Thread(target=self._run, daemon=True, name=name)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._way = Way(self._name, True, self._work())
        except TapeError as error:
            self._way = Way(self._name, False, one_line(error))
        except Exception as error:
            self._way = Way(self._name, False, f"{type(error).__name__}: {error}")

    def way(self, until: float) -> Way:
        """How it went; a failure if it is not over by then (monotonic seconds)."""
        self._thread.join(max(0.0, until - time.monotonic()))
        return self._way or Way(self._name, False, "no end in sight")
