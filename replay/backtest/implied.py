"""Quotes and marks of a market that has trades alone, as imported history has.

Somebody who bought took the best offer, somebody who sold the best bid: the newest print of each
side is the touch, its quantity what was there at least. A print beyond the other side pushes it one
tick away. That is an assumption of the backtest and not history, so it is made here, while it runs,
and is in no archive; signals never see it.
"""

from __future__ import annotations

from collections.abc import Mapping
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
    """`ticks`: the smallest step of a price, by instrument; trades of others imply nothing."""

    def __init__(self, ticks: Mapping[str, Decimal]) -> None:
        self._ticks = dict(ticks)
        self._touches: dict[str, dict[Side, Level]] = {}
        self._marked_ms: dict[str, int] = {}

    def after(self, item: Input) -> list[Input]:
        """What a trade implies: a quote once both sides traded, and a mark where one is due. They
        take the trade's place on the log, so that whatever follows is traced to it.
        """
        trade = item.event
        if not isinstance(trade, TradePrinted) or trade.instrument not in self._ticks:
            return []
        touch = self._touches.setdefault(trade.instrument, {})
        _follow(touch, trade, self._ticks[trade.instrument])
        if len(touch) < 2:
            return []
        quote = _quote(trade, touch)
        mark = marked(quote) if self._due(trade.instrument, item.timestamp_ms) else None
        return [item._replace(event=event) for event in (quote, mark) if event is not None]

    def _due(self, instrument: str, at_ms: int) -> bool:
        if at_ms - self._marked_ms.get(instrument, -MARK_MS) < MARK_MS:
            return False
        self._marked_ms[instrument] = at_ms
        return True


def implied_by(limits: LimitsChanged) -> Implied:
    """For the instruments that limits have terms of."""
    return Implied({terms.instrument: terms.tick_size for terms in limits.instruments})


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
