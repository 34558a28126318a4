"""What prices were when a version decided without naming one: of a request the mark by then, the
mid of the newest quote among the same inputs; of a target, which a tick of the clock set, the
newest price among them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal

from pipelines.execution.requests import REQUESTS, TARGETS
from pipelines.logic import Input, Output, Position
from pipelines.market.marks import marked
from pipelines.strategy.changes import reference_px
from schemas.events import OrderRequested, QuoteChanged, TargetChanged, TradePrinted

Asked = tuple[Position, str, str]  # a cause, and topic and instrument of what was decided there


class Marks:
    """The newest quote and price of each instrument, epoch after epoch."""

    def __init__(self) -> None:
        self._quotes: dict[str, QuoteChanged] = {}
        self._prices: dict[str, QuoteChanged | TradePrinted] = {}

    def of(self, rows: Iterable[Input], outputs: Sequence[Output]) -> dict[Asked, Decimal]:
        """Those of an epoch's decisions; none where there was no price yet."""
        asked = defaultdict(set)
        for output in filter(nameless, outputs):
            asked[output.position].add((output.topic, output.event.instrument))
        found: dict[Asked, Decimal] = {}
        for item in rows:
            self._take(item.event)
            for topic, instrument in asked.get(item.position, ()):
                price = self._price(topic, instrument)
                if price is not None:
                    found[item.position, topic, instrument] = price
        return found

    def _take(self, event: object) -> None:
        if isinstance(event, QuoteChanged):
            self._quotes[event.instrument] = event
        if isinstance(event, QuoteChanged | TradePrinted):
            self._prices[event.instrument] = event

    def _price(self, topic: str, instrument: str) -> Decimal | None:
        if topic == REQUESTS:
            quote = self._quotes.get(instrument)
            return quote and marked(quote).mark_px
        event = self._prices.get(instrument)
        return event and reference_px(event)


def nameless(output: Output) -> bool:
    """Whether it is a decision that needs a price and names none."""
    event = output.event
    if isinstance(event, TargetChanged):
        return output.topic == TARGETS and event.reference_px is None
    return output.topic == REQUESTS and isinstance(event, OrderRequested)
