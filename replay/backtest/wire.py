"""The way between gateway and venue: how long a message takes, and that answers do not overtake."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from pipelines.matching.latency import Latency, Leg
from replay.backtest.agenda import Act, Agenda


class Wire:
    """`out` carries a request to the venue, `back` what the venue says, first sent first there."""

    def __init__(self, latency: Latency, agenda: Agenda, now_ns: Callable[[], int]) -> None:
        self._latency, self._agenda, self._now_ns = latency, agenda, now_ns
        self._sent = Counter[str]()
        self._last_ns = 0

    def out(self, leg: Leg, arrive: Act) -> None:
        self._agenda.note(self._now_ns() + self._delay_ns(leg), arrive)

    def back(self, arrive: Act) -> None:
        self._last_ns = max(self._last_ns, self._now_ns() + self._delay_ns("report"))
        self._agenda.note(self._last_ns, arrive)

    def _delay_ns(self, leg: Leg) -> int:
        self._sent[leg] += 1
        return self._latency.delay_ns(leg, self._sent[leg])
