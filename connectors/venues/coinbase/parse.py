"""Coinbase Advanced Trade frames to market events.

The venue numbers the messages of a connection (`sequence_num`), not those of a stream, so a gap is
known per connection and only if all its frames meet in one place: `route` names no instrument.
Trades have ids that rise by one per product; those of a message come newest first. Tickers and
depth have no place that two connections share, so one connection is followed.
The side of a trade is the maker's: a trade at the ask says SELL, and its aggressor bought.
Source: Coinbase developer documentation, "Advanced Trade WebSocket channels".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal, NamedTuple

import msgspec

from connectors.venues.common_parse import (
    UNREADABLE,
    Id,
    IdText,
    Symbol,
    bad_price,
    check_signs,
    crossed,
    levels,
    nanoseconds,
    refused,
    unsigned,
)
from pipelines.market.parsed import (
    Heartbeat,
    Ignored,
    Market,
    Numbered,
    Order,
    Parsed,
    Refused,
    SubscriptionAcked,
    VenueError,
)
from schemas.events import BookChanged, FrameReceived, QuoteChanged, TradePrinted
from schemas.numbers import exact

VENUE: Final = "COINBASE"
DEPTH_CHANNEL: Final = "l2_data"
USELESS: Final = {"candles", "status", "ticker_batch", "futures_balance_summary"}


class _Trade(msgspec.Struct):
    product_id: Symbol
    trade_id: IdText
    price: str
    size: str
    time: str
    side: Literal["BUY", "SELL"]


class _Ticker(msgspec.Struct):
    product_id: Symbol
    best_bid: str
    best_ask: str
    best_bid_quantity: str
    best_ask_quantity: str


class _Update(msgspec.Struct):
    side: Literal["bid", "offer"]
    price_level: str
    new_quantity: str


class _TradesEvent(msgspec.Struct):
    trades: list[_Trade]


class _TickerEvent(msgspec.Struct):
    tickers: list[_Ticker]


class _DepthEvent(msgspec.Struct):
    type: Literal["snapshot", "update"]
    product_id: Symbol
    updates: list[_Update]


class _SubscriptionEvent(msgspec.Struct):
    subscriptions: dict[str, list[str]]


class _TradesFrame(msgspec.Struct):
    events: list[_TradesEvent]


class _TickerFrame(msgspec.Struct):
    timestamp: str
    events: list[_TickerEvent]


class _DepthFrame(msgspec.Struct):
    timestamp: str
    events: list[_DepthEvent]


class _SubscriptionFrame(msgspec.Struct):
    events: list[_SubscriptionEvent]


class _Frame(msgspec.Struct):
    """What every frame has; errors have a type instead of a channel."""

    channel: str | None = None
    sequence_num: Id | None = None
    type: str = ""
    message: str = ""


class _Recv(NamedTuple):
    ts_recv_ns: int
    line: str


_frame = msgspec.json.Decoder(_Frame).decode
_trades = msgspec.json.Decoder(_TradesFrame).decode
_tickers = msgspec.json.Decoder(_TickerFrame).decode
_depth = msgspec.json.Decoder(_DepthFrame).decode
_subscriptions = msgspec.json.Decoder(_SubscriptionFrame).decode


def parse(frame: FrameReceived) -> list[Parsed]:
    """See `pipelines.market.parsed`. A refused frame still gives its number, where it has one; but
    depth does not, so that a hole shows: a book without it is another book.
    """
    try:
        outer = _frame(frame.payload)
    except UNREADABLE as error:
        return [refused(frame.payload, error)]
    items: list[Parsed] = []
    if outer.sequence_num is not None:
        items.append(Numbered(VENUE, outer.sequence_num))
    try:
        return items + _parse(frame, outer)
    except UNREADABLE as error:
        kept = [] if outer.channel == DEPTH_CHANNEL else items
        return [*kept, refused(frame.payload, error)]


def _parse(frame: FrameReceived, outer: _Frame) -> list[Parsed]:
    if outer.channel is not None and outer.sequence_num is None:
        return [Refused("MISSING_FIELD", "a frame without sequence_num")]
    if outer.channel in READERS:
        return READERS[outer.channel](frame.payload, _Recv(frame.ts_recv_ns, frame.line))
    if outer.channel in USELESS:
        return [Ignored(str(outer.channel))]
    if outer.type == "error":
        return [VenueError(outer.message)]
    return [Refused("UNKNOWN_STREAM", f"channel {outer.channel!r}"[:200])]


def _read_trades(payload: bytes, recv: _Recv) -> list[Parsed]:
    """In the order of their ids, which are numbers."""
    check_signs(payload)
    sent = [trade for event in _trades(payload).events for trade in event.trades]
    return [_trade(trade, recv) for trade in sorted(sent, key=lambda trade: int(trade.trade_id))]


def _trade(sent: _Trade, recv: _Recv) -> Market:
    instrument, at = f"{sent.product_id}.{VENUE}", int(sent.trade_id)
    px = exact(sent.price)
    if not px:
        raise bad_price(sent.price)
    event = TradePrinted(
        VENUE,
        instrument,
        sent.trade_id,
        "BUY" if sent.side == "SELL" else "SELL",
        px,
        exact(sent.size),
        nanoseconds(sent.time),
        *recv,
    )
    place = (Order.CHAINED, at, at - 1, False, False)
    return Market(event, VENUE, f"{instrument}|trade", *place)


def _read_tickers(payload: bytes, recv: _Recv) -> list[Parsed]:
    """Beside the quote stands the change of a day in percent, which may be negative."""
    frame = _tickers(payload)
    at = nanoseconds(frame.timestamp)
    return [_quote(ticker, at, recv) for event in frame.events for ticker in event.tickers]


def _quote(sent: _Ticker, ts_event_ns: int, recv: _Recv) -> Market:
    instrument = f"{sent.product_id}.{VENUE}"
    bid, ask = unsigned(sent.best_bid), unsigned(sent.best_ask)
    bid_qty, ask_qty = unsigned(sent.best_bid_quantity), unsigned(sent.best_ask_quantity)
    if not bid or not ask:
        raise bad_price(f"{sent.best_bid} {sent.best_ask}")
    if bid >= ask:
        raise crossed(bid, ask)
    sides = bid, bid_qty, ask, ask_qty
    event = QuoteChanged(VENUE, instrument, None, *sides, ts_event_ns, *recv)
    return Market(
        event, VENUE, f"{instrument}|quote", Order.FOLLOWED, 0, 0, whole=True, strict=False
    )


def _read_depth(payload: bytes, recv: _Recv) -> list[Parsed]:
    check_signs(payload)
    frame = _depth(payload)
    at = nanoseconds(frame.timestamp)
    return [_book(event, at, recv) for event in frame.events]


def _book(sent: _DepthEvent, ts_event_ns: int, recv: _Recv) -> Market:
    instrument, whole = f"{sent.product_id}.{VENUE}", sent.type == "snapshot"
    bids = [(u.price_level, u.new_quantity) for u in sent.updates if u.side == "bid"]
    asks = [(u.price_level, u.new_quantity) for u in sent.updates if u.side == "offer"]
    event = BookChanged(
        VENUE,
        instrument,
        whole,
        None,
        None,
        None,
        *levels(bids),
        *levels(asks),
        ts_event_ns,
        *recv,
    )
    return Market(
        event, VENUE, f"{instrument}|depth", Order.FOLLOWED, 0, 0, whole=whole, strict=False
    )


def _read_heartbeat(_payload: bytes, _recv: _Recv) -> list[Parsed]:
    return [Heartbeat(VENUE)]


def _read_subscriptions(payload: bytes, _recv: _Recv) -> list[Parsed]:
    named = (
        f"{channel}:{product}"
        for event in _subscriptions(payload).events
        for channel, products in event.subscriptions.items()
        for product in products
    )
    return [SubscriptionAcked(tuple(sorted(named)))]


READERS: Final[dict[str | None, Callable[[bytes, _Recv], list[Parsed]]]] = {
    "market_trades": _read_trades,
    "ticker": _read_tickers,
    DEPTH_CHANNEL: _read_depth,
    "heartbeats": _read_heartbeat,
    "subscriptions": _read_subscriptions,
}
# Subscriptions are answers, and depth is asked for under another name than it comes.
CHANNELS: Final = (READERS.keys() | USELESS | {"level2"}) - {"subscriptions", DEPTH_CHANNEL}


def route(_payload: bytes) -> str | None:
    """None: the frames of a connection are numbered together, so they go together."""
    return None
