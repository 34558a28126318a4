"""The mark by the time of a request: a strategy names none, so it is the mid of the newest quote
among the same inputs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal

from pipelines.execution.requests import REQUESTS
from pipelines.logic import Input, Output, Position
from pipelines.market.marks import marked
from schemas.events import OrderRequested, QuoteChanged

Asked = tuple[Position, str]  # a cause, and the instrument of a request made there


class Marks:
    """The newest quote of each instrument, epoch after epoch."""

    def __init__(self) -> None:
        self._quotes: dict[str, QuoteChanged] = {}

    def of(self, rows: Iterable[Input], outputs: Sequence[Output]) -> dict[Asked, Decimal]:
        """The marks of an epoch's requests; none where there was no quote yet."""
        asked = defaultdict(set)
        for output in outputs:
            if output.topic == REQUESTS and isinstance(output.event, OrderRequested):
                asked[output.position].add(output.event.instrument)
        found: dict[Asked, Decimal] = {}
        for item in rows:
            if isinstance(item.event, QuoteChanged):
                self._quotes[item.event.instrument] = item.event
            for instrument in asked.get(item.position, ()):
                if instrument in self._quotes:
                    found[item.position, instrument] = marked(self._quotes[instrument]).mark_px
        return found
