"""Marks of a market that has none, as imported history, and quotes where it has trades alone.

Marks follow from quotes as live. Where quotes are missing: somebody who bought took the best offer,
somebody who sold the best bid, so the newest print of each side is the touch, its quantity what was
there at least. A print beyond the other side pushes it one tick away. That is an assumption of the
backtest and not history, so it is made here, while it runs, and is in no archive; signals never see
it, and an order that rests has no place by it: only a print through its price fills it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final, NamedTuple

from pipelines.exact import EXACTLY
from pipelines.logic import Input
from pipelines.market.marks import marked
from pipelines.market.settings import MarketSettings
from schemas.events import LimitsChanged, QuoteChanged, Side, TradePrinted

MARK_MS: Final = MarketSettings().mark_interval_ms


class Level(NamedTuple):
    """One side of the touch."""

    px: Decimal
    qty: Decimal


class Implied:
    """`ticks`: the smallest step of a price, by instrument; trades of others imply nothing, nor do
    those of the instruments that are `quoted`, or from their first quote on.
    """

    def __init__(self, ticks: Mapping[str, Decimal], quoted: Iterable[str] = ()) -> None:
        self._ticks, self._quoted = dict(ticks), set(quoted)
        self._touches: dict[str, dict[Side, Level]] = {}
        self._marked_ms: dict[str, int] = {}

    def after(self, item: Input) -> list[Input]:
        """What a trade implies: a quote once both sides traded, and a mark where one is due; a
        quote implies the mark alone. They take its place on the log, so that whatever follows is
        traced to it.
        """
        event = item.event
        if isinstance(event, QuoteChanged):
            self._quoted.add(event.instrument)
            return self._marked(item, event)
        quote = self._quote_of(event) if isinstance(event, TradePrinted) else None
        if quote is None:
            return []
        return [item._replace(event=quote), *self._marked(item, quote)]

    def _quote_of(self, trade: TradePrinted) -> QuoteChanged | None:
        tick = self._ticks.get(trade.instrument)
        if tick is None or trade.instrument in self._quoted:
            return None
        touch = self._touches.setdefault(trade.instrument, {})
        _follow(touch, trade, tick)
        return _quote(trade, touch) if len(touch) == 2 else None

    def _marked(self, item: Input, quote: QuoteChanged) -> list[Input]:
        due = self._due(quote.instrument, item.timestamp_ms)
        return [item._replace(event=marked(quote))] if due else []

    def _due(self, instrument: str, at_ms: int) -> bool:
        if at_ms - self._marked_ms.get(instrument, -MARK_MS) < MARK_MS:
            return False
        self._marked_ms[instrument] = at_ms
        return True


def implied_by(limits: LimitsChanged, quoted: Iterable[str]) -> Implied:
    """For the instruments that limits have terms of."""
    return Implied({terms.instrument: terms.tick_size for terms in limits.instruments}, quoted)


def _follow(touch: dict[Side, Level], trade: TradePrinted, tick: Decimal) -> None:
    px = trade.last_px
    side: Side = "SELL" if _bought(touch, trade) else "BUY"
    touch[side] = Level(px, trade.last_qty)
    if side == "SELL" and "BUY" in touch and touch["BUY"].px >= px:
        touch["BUY"] = touch["BUY"]._replace(px=EXACTLY.subtract(px, tick))
    elif side == "BUY" and "SELL" in touch and touch["SELL"].px <= px:
        touch["SELL"] = touch["SELL"]._replace(px=EXACTLY.add(px, tick))


def _bought(touch: Mapping[Side, Level], trade: TradePrinted) -> bool:
    """Of unknown side: bought when above the best bid known."""
    if trade.aggressor_side == "UNKNOWN":
        return "BUY" in touch and trade.last_px > touch["BUY"].px
    return trade.aggressor_side == "BUY"


def _quote(trade: TradePrinted, touch: Mapping[Side, Level]) -> QuoteChanged:
    times = (trade.ts_event_ns, trade.ts_recv_ns, trade.line)
    sides = (*touch["BUY"], *touch["SELL"])
    return QuoteChanged(trade.venue, trade.instrument, None, *sides, *times)
