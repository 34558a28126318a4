"""Rows of Binance's files: trades, aggregated trades, best bids and asks.

As the venue documents them (github.com/binance/binance-public-data): without a header for spot,
with one for futures; times in milliseconds, for spot in microseconds since 2025.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from replay.history.files import Parse
from replay.history.rows import BadRow, Quote, Trade, amount, quote, rising, time_ns
from schemas.events import Side

SPOT: Final = "BINANCE"
BOOK_TICKER: Final = (
    *("update_id", "best_bid_price", "best_bid_qty", "best_ask_price", "best_ask_qty"),
    *("transaction_time", "event_time"),
)
# The buyer was the maker: the seller took.
_MAKER: Final[dict[str, Side]] = {"true": "SELL", "false": "BUY"}


class Layout(NamedTuple):
    """Places of the columns; `spot` and `futures`: how many there are."""

    time: int
    maker: int
    spot: int
    futures: int
    prefix: str


LAYOUTS: Final = {
    "trades": Layout(4, 5, 7, 6, ""),
    "aggTrades": Layout(5, 6, 8, 7, "agg-"),  # numbered by themselves
}


def trades(layout: Layout, venue: str) -> Parse:
    """Rows to trades. Only spot files are of the spot venue: contracts have the same symbols."""
    newest = -1

    def parse(row: list[str]) -> Trade | None:
        nonlocal newest
        if newest < 0 and row and not row[0].isdigit() and len(row) in layout[2:4]:
            return None  # its header
        if len(row) != layout.spot:
            _require_futures(len(row), layout, venue)
        newest = rising(row[0], "trade id", newest)
        side = _MAKER.get(row[layout.maker].lower())
        if side is None:
            raise BadRow(f"is buyer maker: {row[layout.maker]!r} is neither true nor false")
        px, qty = amount(row[1], "price"), amount(row[2], "quantity")
        number = f"{layout.prefix}{newest}"
        return Trade(number, side, px, qty, time_ns(row[layout.time]))

    return parse


def _require_futures(count: int, layout: Layout, venue: str) -> None:
    if count != layout.futures:
        raise BadRow(f"{count} columns, not {layout.spot}")
    if venue == SPOT:
        raise BadRow(
            f"{count} columns are those of futures: name their venue with --venue, for they are "
            f"not what {SPOT} means"
        )


def quotes() -> Parse:
    """Rows to best bids and asks, timed as live ones are: when the book changed, not when the venue
    told of it.
    """
    newest = -1

    def parse(row: list[str]) -> Quote | None:
        nonlocal newest
        if newest < 0 and tuple(row) == BOOK_TICKER:
            return None  # its header
        if len(row) != len(BOOK_TICKER):
            raise BadRow(f"{len(row)} columns, not {len(BOOK_TICKER)}")
        newest = rising(row[0], "update id", newest)
        time_ns(row[6])
        return quote(newest, row[1:5], time_ns(row[5]))

    return parse
