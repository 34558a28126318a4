"""What the market's topics say: candles, trades and book of each instrument, and feeds' lines."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final, NamedTuple

from ops.console.candles import Candles
from ops.console.newest import LISTED, Newest, Place
from schemas.events import (
    BookChanged,
    FeedGapped,
    FeedRecovered,
    FeedWentStale,
    QuoteChanged,
    TradePrinted,
)

GAPS: Final = 10_000  # remembered of one line
MS_NS: Final = 1_000_000


@dataclass(slots=True)
class Book:
    """Depth since the newest snapshot; `known` is false before the first."""

    at_ms: int = 0
    known: bool = False
    bids: dict[Decimal, Decimal] = field(default_factory=dict)
    asks: dict[Decimal, Decimal] = field(default_factory=dict)

    def change(self, at_ms: int, event: BookChanged) -> None:
        if event.snapshot:
            self.known = True
            self.bids.clear()
            self.asks.clear()
        if self.known:
            self.at_ms = at_ms
            _put(self.bids, event.bid_px, event.bid_qty)
            _put(self.asks, event.ask_px, event.ask_qty)


def _put(side: dict[Decimal, Decimal], prices: Iterable[Decimal], qtys: Iterable[Decimal]) -> None:
    for price, qty in zip(prices, qtys, strict=True):
        if qty:
            side[price] = qty
        else:
            side.pop(price, None)


class Trade(NamedTuple):
    """A public trade."""

    price: Decimal
    quantity: Decimal
    side: str


@dataclass(slots=True)
class Instrument:
    """What is known of one instrument's market."""

    candles: Candles = field(default_factory=Candles)
    trades: Newest[Trade] = field(default_factory=lambda: Newest(LISTED))
    book: Book = field(default_factory=Book)
    quote: tuple[int, QuoteChanged] | None = None

    def trade(self, place: Place, event: TradePrinted) -> None:
        self.trades.add(place, Trade(event.last_px, event.last_qty, event.aggressor_side))
        self.candles.add(place.at_ms, event.last_px, event.last_qty)


@dataclass(slots=True)
class Line:
    """One line of a venue's feed. `heard_ms`: log time of its newest frame, as far as frames and
    what was said of the line tell.
    """

    heard_ms: int = 0
    gaps: Newest[FeedGapped] = field(default_factory=lambda: Newest(GAPS))

    def hear(self, at_ms: int) -> None:
        self.heard_ms = max(self.heard_ms, at_ms)


@dataclass
class Market:
    """By instrument, and by (venue, line)."""

    instruments: dict[str, Instrument] = field(default_factory=dict)
    lines: dict[tuple[str, str], Line] = field(default_factory=dict)

    def of(self, name: str) -> Instrument:
        found = self.instruments.get(name)
        if found is None:
            found = self.instruments[name] = Instrument()
        return found

    def line(self, venue: str, name: str) -> Line:
        return self.lines.setdefault((venue, name), Line())

    def heard(self, venue: str, name: str, at_ms: int) -> None:
        self.line(venue, name).hear(at_ms)

    def apply(self, place: Place, event: Any) -> tuple[str, str] | None:
        """The section that changed, and its instrument; None where the event is of others."""
        kind = type(event)
        if kind is TradePrinted:
            self.of(event.instrument).trade(place, event)
            return "candles", event.instrument
        if kind is BookChanged:
            self.of(event.instrument).book.change(place.at_ms, event)
            return "book", event.instrument
        if kind is QuoteChanged:
            self.of(event.instrument).quote = place.at_ms, event
            return "book", event.instrument
        return self._fed(place, event)

    def _fed(self, place: Place, event: Any) -> tuple[str, str] | None:
        if not isinstance(event, FeedGapped | FeedWentStale | FeedRecovered):
            return None
        line = self.line(event.venue, event.line)
        line.hear(place.at_ms - (event.age_ms if isinstance(event, FeedWentStale) else 0))
        if isinstance(event, FeedGapped):
            line.gaps.add(place, event)
        return "feeds", ""
