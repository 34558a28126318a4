"""Spans of a connector: one for each second, of all that its line received in it.

A span per frame would cost more than the frame, and which frame leads to an order turns out
processes later. So the second is what is shown, always: its ids follow from venue, line and time of
receipt, which every tick carries, and the frame in an order's trace links to it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from connectors.traces.ids import NS_PER_S, frames_ids
from connectors.traces.spans import Put, Span

LATE_NS: Final = 3 * NS_PER_S  # from a frame's arrival until it is handed over, at most


@dataclass(slots=True)
class _Second:
    """Records handed over and those of them not confirmed yet; `size` in bytes of values."""

    first_ns: int
    records: int = 0
    waiting: int = 0
    size: int = 0
    slowest_s: float = 0.0
    last_ns: int = 0


class FrameSpans:
    """Of one line of one venue. A second is shown once it is over and all of it is on the log: so
    much later that frames which came in it, and waited for a busy process, are in it as well.
    """

    def __init__(
        self, put: Put, venue: str, line: str, now_ns: Callable[[], int] = time.time_ns
    ) -> None:
        self._put, self._venue, self._line, self._now_ns = put, venue, line, now_ns
        self._seconds: dict[int, _Second] = {}
        self._shown_to = 0

    def given(self, recv_ns: int) -> None:
        """A record received then was handed to the client."""
        number = recv_ns // NS_PER_S
        found = self._seconds.get(number)
        if found is None:
            if number <= self._shown_to:  # later still, or the clock was set back: no span twice
                return
            found = self._seconds[number] = _Second(recv_ns)
        found.records += 1
        found.waiting += 1

    def confirmed(self, recv_ns: int, took_s: float, size: int) -> None:
        """A record received then is on the log, so long after it was handed over."""
        found = self._seconds.get(recv_ns // NS_PER_S)
        if found is not None:
            found.waiting -= 1
            found.size += size
            found.slowest_s = max(found.slowest_s, took_s)
            found.last_ns = self._now_ns()

    def turn(self) -> None:
        """Shows what is complete. Called often."""
        over = (self._now_ns() - LATE_NS) // NS_PER_S
        for number in [n for n, one in self._seconds.items() if n < over and not one.waiting]:
            self._show(number)

    def close(self) -> None:
        """Shows the rest: what is not on the log makes its second a failed one."""
        for number in list(self._seconds):
            self._show(number)

    def _show(self, number: int) -> None:
        one = self._seconds.pop(number)
        self._shown_to = max(self._shown_to, number)
        facts: dict[str, str | int] = {
            "tape.venue": self._venue,
            "tape.line": self._line,
            "tape.records": one.records,
            "tape.bytes": one.size,
            "tape.unconfirmed": one.waiting,
            "tape.slowest_us": int(one.slowest_s * 1e6),
        }
        ids = frames_ids(self._venue, self._line, one.first_ns)
        end_ns = max(one.first_ns, self._now_ns() if one.waiting else one.last_ns)
        failed = bool(one.waiting)
        self._put(Span("connector", "frames", ids, one.first_ns, end_ns, facts, failed=failed))
