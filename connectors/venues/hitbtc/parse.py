"""HitBTC (API 2) frames to market events: depth and trades, for the recorded redundant lines.

Depth messages count by one per symbol and start with a snapshot, which the venue may repeat at any
time. Tickers carry no quantities, so they are no quotes.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from connectors.venues.common_parse import (
    UNREADABLE,
    Id,
    Symbol,
    bad_price,
    check_signs,
    levels,
    nanoseconds,
    refused,
)
from pipelines.market.parsed import (
    Ignored,
    Market,
    Order,
    Parsed,
    Refused,
    SubscriptionAcked,
    VenueError,
)
from schemas.events import BookChanged, FrameReceived, TradePrinted
from schemas.numbers import exact

VENUE: Final = "HITBTC"
USELESS: Final = {"ticker", "snapshotCandles", "updateCandles"}


class _Level(msgspec.Struct):
    price: str
    size: str


class _Book(msgspec.Struct):
    ask: list[_Level]
    bid: list[_Level]
    sequence: Id
    timestamp: str
    symbol: Symbol


class _Trade(msgspec.Struct):
    id: Id
    price: str
    quantity: str
    side: Literal["buy", "sell"]
    timestamp: str


class _Trades(msgspec.Struct):
    data: list[_Trade]
    symbol: Symbol


class _BookFrame(msgspec.Struct):
    params: _Book


class _TradesFrame(msgspec.Struct):
    params: _Trades


class _Error(msgspec.Struct):
    code: int
    message: str = ""


class _Frame(msgspec.Struct):
    method: str | None = None
    error: _Error | None = None
    result: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


_frame = msgspec.json.Decoder(_Frame).decode
_book = msgspec.json.Decoder(_BookFrame).decode
_trades = msgspec.json.Decoder(_TradesFrame).decode


def parse(frame: FrameReceived) -> list[Parsed]:
    """See `pipelines.market.parsed`."""
    try:
        return _parse(frame)
    except UNREADABLE as error:
        return [refused(frame.payload, error)]


def _parse(frame: FrameReceived) -> list[Parsed]:
    outer = _frame(frame.payload)
    if outer.method in ("updateOrderbook", "snapshotOrderbook"):
        return [_depth(frame, outer.method == "snapshotOrderbook")]
    if outer.method in ("updateTrades", "snapshotTrades"):
        return _all_trades(frame)
    if outer.method in USELESS:
        return [Ignored(str(outer.method))]
    if outer.error is not None:
        return [VenueError(f"{outer.error.code} {outer.error.message}")]
    if outer.result is not msgspec.UNSET:
        return [SubscriptionAcked(())]
    return [Refused("UNKNOWN_STREAM", f"method {outer.method!r}"[:200])]


def _depth(frame: FrameReceived, whole: bool) -> Market:
    payload = frame.payload
    sent = _book(payload).params
    check_signs(payload)
    instrument, previous = f"{sent.symbol}.{VENUE}", sent.sequence - 1
    event = BookChanged(
        VENUE,
        instrument,
        whole,
        None if whole else sent.sequence,
        sent.sequence,
        None if whole else previous,
        *levels([(level.price, level.size) for level in sent.bid]),
        *levels([(level.price, level.size) for level in sent.ask]),
        nanoseconds(sent.timestamp),
        frame.ts_recv_ns,
        frame.line,
    )
    place = (Order.CHAINED, sent.sequence, previous, whole, not whole)
    return Market(event, instrument, f"{instrument}|depth", *place)


def _all_trades(frame: FrameReceived) -> list[Parsed]:
    sent = _trades(frame.payload).params
    check_signs(frame.payload)
    return [_one_trade(frame, f"{sent.symbol}.{VENUE}", trade) for trade in sent.data]


def _one_trade(frame: FrameReceived, instrument: str, sent: _Trade) -> Market:
    px = exact(sent.price)
    if not px:
        raise bad_price(sent.price)
    event = TradePrinted(
        VENUE,
        instrument,
        str(sent.id),
        "BUY" if sent.side == "buy" else "SELL",
        px,
        exact(sent.quantity),
        nanoseconds(sent.timestamp),
        frame.ts_recv_ns,
        frame.line,
    )
    place = (Order.EACH, sent.id, 0, False, False)
    return Market(event, instrument, f"{instrument}|trade", *place)


def route(payload: bytes) -> str | None:
    """The instrument that a frame names: the symbol is its last field."""
    _, found, rest = payload[-64:].rpartition(b'"symbol":"')
    symbol = rest.partition(b'"')[0]
    return f"{symbol.decode()}.{VENUE}" if found and symbol.isalnum() else None
