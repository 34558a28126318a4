"""Binance market streams to market events: what spot and USD-M futures share.

Frames are `{"stream":"btcusdt@trade","data":{...}}`. The stream's name is read from the first bytes
and chooses a decoder for exactly that message: about 2.6 million frames a second against 1.1
million decoded without a type. A REST depth snapshot names no instrument, so whoever asked for it
wraps it (`snapshot_frame`).

Trade ids rise by one and depth messages name their predecessor (`U` on spot, `pu` on futures);
`bookTicker` update ids rise with gaps.
Source: Binance developer documentation, "WebSocket Streams", "How to manage a local order book".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Generic, NamedTuple, TypeVar

import msgspec

from connectors.venues.common_parse import (
    UNREADABLE,
    BadFrame,
    Id,
    Levels,
    Milliseconds,
    bad_price,
    check_signs,
    crossed,
    levels,
    may_be_negative,
    refused,
    usual_levels,
)
from pipelines.market.parsed import (
    DEPTH,
    QUOTE,
    TRADE,
    Ignored,
    Market,
    Order,
    Parsed,
    Refused,
    SubscriptionAcked,
    VenueError,
)
from schemas.events import BookChanged, FrameReceived, QuoteChanged, TradePrinted
from schemas.numbers import exact

MS: Final = 1_000_000
PREFIX: Final = b'{"stream":"'
NAME_BYTES_MAX: Final = 80
STREAMS_MAX: Final = 1 << 14
CHAINED: Final = Order.CHAINED
LATEST: Final = Order.LATEST
SNAPSHOT: Final = "depth_snapshot"
_SHUTDOWN_BYTES_MAX: Final = 256


class Names(NamedTuple):
    """What a stream's name says, ready for events."""

    venue: str
    instrument: str
    stream: str


Read = Callable[[FrameReceived, Names], list[Parsed]]
Pairs = list[tuple[str, str]]
Side = TypeVar("Side", Pairs, msgspec.Raw)


class _Trade(msgspec.Struct):
    t: Id
    p: str
    q: str
    T: Milliseconds
    m: bool
    X: str = "MARKET"  # futures: other trades (insurance fund, deleveraging) carry no price


class _Quote(msgspec.Struct):
    u: Id
    b: str
    B: str
    a: str
    A: str
    T: Milliseconds | None = None


class _Depth(msgspec.Struct, Generic[Side]):
    U: Id
    u: Id
    b: Side
    a: Side
    E: Milliseconds
    T: Milliseconds | None = None
    pu: Id | None = None


class _Snapshot(msgspec.Struct):
    lastUpdateId: Id
    bids: Pairs
    asks: Pairs
    T: Milliseconds | None = None


class _Error(msgspec.Struct):
    code: int
    msg: str = ""


class _TradeFrame(msgspec.Struct):
    data: _Trade


class _QuoteFrame(msgspec.Struct):
    data: _Quote


class _DepthFrame(msgspec.Struct, Generic[Side]):
    data: _Depth[Side]


class _SnapshotFrame(msgspec.Struct):
    data: _Snapshot


class _Other(msgspec.Struct):
    """A frame that does not begin with its stream's name."""

    stream: str | None = None
    error: _Error | None = None
    code: int | None = None
    msg: str = ""
    result: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


_trade = msgspec.json.Decoder(_TradeFrame).decode
_quote = msgspec.json.Decoder(_QuoteFrame).decode
_depth = msgspec.json.Decoder(_DepthFrame[Pairs]).decode
_depth_unread = msgspec.json.Decoder(_DepthFrame[msgspec.Raw]).decode
_snapshot = msgspec.json.Decoder(_SnapshotFrame).decode
_other = msgspec.json.Decoder(_Other).decode
_new: Callable[..., Any] = tuple.__new__  # a NamedTuple's own constructor costs three times this


def trade(frame: FrameReceived, names: Names) -> list[Parsed]:
    _, line, _, ts_recv_ns, payload = frame
    venue, instrument, stream = names
    sent = _trade(payload).data
    number, px, qty = sent.t, exact(sent.p), exact(sent.q)
    event = None
    if sent.X == "MARKET":
        if may_be_negative(payload):
            check_signs(payload)
        if not px:
            raise bad_price(sent.p)
        side = "SELL" if sent.m else "BUY"  # m: the buyer's order was in the book
        ts_event_ns = sent.T * MS
        event = _new(
            TradePrinted,
            (venue, instrument, str(number), side, px, qty, ts_event_ns, ts_recv_ns, line),
        )
    item = (event, instrument, stream, CHAINED, number, number - 1, False, True)
    return [_new(Market, item)]


def quote(frame: FrameReceived, names: Names) -> list[Parsed]:
    _, line, _, ts_recv_ns, payload = frame
    venue, instrument, stream = names
    sent = _quote(payload).data
    bid, ask, number, ts_event_ns = exact(sent.b), exact(sent.a), sent.u, sent.T
    if may_be_negative(payload):
        check_signs(payload)
    if not bid or not ask:
        raise bad_price(f"{sent.b} {sent.a}")
    if bid >= ask:
        raise crossed(bid, ask)
    bid_qty, ask_qty = exact(sent.B), exact(sent.A)
    if ts_event_ns is not None:
        ts_event_ns *= MS
    quoted = (bid, bid_qty, ask, ask_qty, ts_event_ns, ts_recv_ns, line)
    event = _new(QuoteChanged, (venue, instrument, number, *quoted))
    return [_new(Market, (event, instrument, stream, LATEST, number, 0, True, True))]


def depth(frame: FrameReceived, names: Names) -> list[Parsed]:
    _, line, _, ts_recv_ns, payload = frame
    venue, instrument, stream = names
    sent, bids, asks = _usual_depth(payload) or _any_depth(payload)
    ts_event_ns = (sent.E if sent.T is None else sent.T) * MS
    sequences = (False, sent.U, sent.u, sent.pu)
    book = (venue, instrument, *sequences, *bids, *asks, ts_event_ns, ts_recv_ns, line)
    item = (instrument, stream, CHAINED, sent.u, _previous(sent), False, True)
    return [_new(Market, (_new(BookChanged, book), *item))]


def _usual_depth(payload: bytes) -> tuple[_Depth[Any], Levels, Levels] | None:
    """None where something is unusual, and perhaps wrong: `_any_depth` says what."""
    try:
        sent = _depth_unread(payload).data
    except UNREADABLE:
        return None
    bids, asks = usual_levels(bytes(sent.b)), usual_levels(bytes(sent.a))
    if bids is None or asks is None or may_be_negative(payload):
        return None
    return sent, bids, asks


def _any_depth(payload: bytes) -> tuple[_Depth[Any], Levels, Levels]:
    sent = _depth(payload).data
    check_signs(payload)
    _previous(sent)
    return sent, levels(sent.b), levels(sent.a)


def _previous(sent: _Depth[Any]) -> int:
    previous = sent.U - 1 if sent.pu is None else sent.pu
    if not previous < sent.u:
        raise BadFrame(Refused("WRONG_TYPE", f"update {sent.u} does not follow {previous}"))
    return previous


def snapshot(frame: FrameReceived, names: Names) -> list[Parsed]:
    payload = frame.payload
    sent = _snapshot(payload).data
    check_signs(payload)
    event = BookChanged(
        names.venue,
        names.instrument,
        True,
        None,
        sent.lastUpdateId,
        None,
        *levels(sent.bids),
        *levels(sent.asks),
        None if sent.T is None else sent.T * MS,
        frame.ts_recv_ns,
        frame.line,
    )
    place = (CHAINED, sent.lastUpdateId, sent.lastUpdateId - 1, True, False)
    return [Market(event, names.instrument, names.stream, *place)]


READERS: Final[dict[str, tuple[str, Read]]] = {
    "trade": (TRADE, trade),
    "bookTicker": (QUOTE, quote),
    "depth": (DEPTH, depth),
    SNAPSHOT: (DEPTH, snapshot),
}
CHANNELS: Final = READERS.keys() - {SNAPSHOT}  # that is asked for over REST


class _Streams(dict[bytes, tuple[Read, Names]]):
    """How to read a stream, by its name; emptied when full."""

    def __init__(self, venue: str) -> None:
        super().__init__()
        self.venue = venue

    def __missing__(self, name: bytes) -> tuple[Read, Names]:
        symbol, _, channel = name.decode().partition("@")
        found = READERS.get(channel.partition("@")[0])
        instrument = instrument_of(symbol, self.venue)
        if found is None or instrument is None:
            raise BadFrame(Refused("UNKNOWN_STREAM", f"stream {name.decode()[:80]!r}"))
        kind, read = found
        if len(self) >= STREAMS_MAX:
            self.clear()
        self[name] = read, Names(self.venue, instrument, f"{instrument}|{kind}")
        return self[name]


class BinanceParser:
    """`parse` and `route` of one Binance market."""

    def __init__(self, venue: str) -> None:
        self.venue = venue
        self._streams = _Streams(venue)

    def parse(self, frame: FrameReceived) -> list[Parsed]:
        """See `pipelines.market.parsed`."""
        payload = frame.payload
        try:
            if payload.startswith(PREFIX):
                end = payload.find(b'"', 11, NAME_BYTES_MAX)
                if end > 0:
                    read, names = self._streams[payload[11:end]]
                    return read(frame, names)
            return self._parse_other(frame)
        except UNREADABLE as error:
            return [refused(payload, error)]

    def _parse_other(self, frame: FrameReceived) -> list[Parsed]:
        payload = frame.payload
        if len(payload) <= _SHUTDOWN_BYTES_MAX and b'"serverShutdown"' in payload:
            return [Ignored("serverShutdown")]
        other = _other(payload)
        if other.stream is not None:
            read, names = self._streams[other.stream.encode()]
            return read(frame, names)
        if other.error is not None:
            return [VenueError(f"{other.error.code} {other.error.msg}")]
        if other.code is not None:
            return [VenueError(f"{other.code} {other.msg}")]
        if other.result is not msgspec.UNSET:
            return [SubscriptionAcked(())]
        return [Refused("UNKNOWN_STREAM", "a frame that names no stream")]

    def route(self, payload: bytes) -> str | None:
        """The instrument that a frame names, from its first bytes."""
        if not payload.startswith(PREFIX):
            return None
        at = payload.find(b"@", 11, NAME_BYTES_MAX)
        try:
            return instrument_of(payload[11:at].decode(), self.venue) if at > 0 else None
        except UnicodeDecodeError:
            return None


def instrument_of(symbol: str, venue: str) -> str | None:
    """`BTCUSDT.BINANCE`, or None where `symbol` cannot be one (delivery futures have a `_`)."""
    return f"{symbol.upper()}.{venue}" if symbol.replace("_", "").isalnum() else None


def snapshot_frame(symbol: str, body: bytes) -> bytes:
    """A REST depth snapshot of `symbol` as a frame that names its stream."""
    return b'{"stream":"%s@%s","data":%s}' % (symbol.lower().encode(), SNAPSHOT.encode(), body)
