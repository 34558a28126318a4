"""What is due when: the events of a simulation that the market did not bring."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from typing import Any

Act = Callable[[], Any]


class Agenda:
    """Acts by time, nanoseconds; those of one time in the order in which they were noted."""

    def __init__(self) -> None:
        self._due: list[tuple[int, int, Act]] = []
        self._numbers = count()

    def __len__(self) -> int:
        return len(self._due)

    def note(self, at_ns: int, act: Act) -> None:
        heappush(self._due, (at_ns, next(self._numbers), act))

    @property
    def next_ns(self) -> int | None:
        """When the next act is due; None where there is none."""
        return self._due[0][0] if self._due else None

    def due(self, until_ns: int) -> tuple[int, Act] | None:
        """The next act at or before a time, taken off; None where there is none."""
        if not self._due or self._due[0][0] > until_ns:
            return None
        at_ns, _, act = heappop(self._due)
        return at_ns, act
