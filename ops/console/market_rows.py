"""Sections of the market: candles, trades, the book, the lines of feeds."""

from __future__ import annotations

from typing import Any, Final

from ops.console.candles import Candle
from ops.console.instants import market_since, seconds
from ops.console.market import Book, Instrument
from ops.console.state import State
from pipelines.exact import plain
from replay.times import text_of

DEPTH: Final = 10


def candles(one: Instrument, at_ms: int, interval_s: int) -> list[dict[str, Any]]:
    found = one.candles.since(market_since(at_ms), interval_s)
    return [{"time": begin_ms // 1_000, **_prices(candle)} for begin_ms, candle in found]


def _prices(candle: Candle) -> dict[str, str]:
    names = ("open", "high", "low", "close", "volume")
    return {name: plain(getattr(candle, name)) for name in names}


def trades(one: Instrument, at_ms: int) -> list[dict[str, Any]]:
    return [
        {"time": text_of(p.at_ms), "price": plain(t.price), "quantity": plain(t.quantity)}
        | {"side": t.side}
        for p, t in one.trades.since(market_since(at_ms))
    ]


def book(one: Instrument, at_ms: int) -> dict[str, Any] | None:
    if one.book.known and one.book.at_ms >= market_since(at_ms):
        return _depth(one.book)
    if one.quote is None or one.quote[0] < market_since(at_ms):
        return None
    quoted_ms, quote = one.quote
    return {
        "time": text_of(quoted_ms),
        "bids": [[plain(quote.bid_px), plain(quote.bid_qty)]],
        "asks": [[plain(quote.ask_px), plain(quote.ask_qty)]],
    }


def _depth(book: Book) -> dict[str, Any]:
    bids, asks = sorted(book.bids, reverse=True)[:DEPTH], sorted(book.asks)[:DEPTH]
    return {
        "time": text_of(book.at_ms),
        "bids": [[plain(price), plain(book.bids[price])] for price in bids],
        "asks": [[plain(price), plain(book.asks[price])] for price in asks],
    }


def feeds(state: State, at_ms: int) -> list[dict[str, Any]]:
    """A line once heard stays: one that fell silent for good is what a desk has to see."""
    rows = []
    for (venue, name), line in sorted(state.market.lines.items()):
        stale_ms = state.settings.stale_ms_of.get(venue, state.settings.stale_ms)
        age_ms = max(at_ms - line.heard_ms, 0)
        rows.append({
            "venue": venue,
            "line": name,
            "state": "STALE" if age_ms > stale_ms else "UP",
            "age_s": seconds(age_ms),
            "gaps": len(line.gaps.since(market_since(at_ms))),
        })  # fmt: skip
    return rows
