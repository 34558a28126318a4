"""The canonical bytes of the market state: JSON with sorted keys, decimals as text, no pickle.

Streams are restored with their places, never with what follows from them (indexes, due times).
Insertion order counts where it decides what is forgotten first, so such maps are written as lists.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

import msgspec

from pipelines.dead_letters import WindowCount
from pipelines.logic import StateVersionError
from pipelines.market.arbitration import ARBITERS
from pipelines.market.parsed import Market, Order
from pipelines.market.settings import MarketSettings, stale_ms
from pipelines.market.state import Connection, Due, Feed, Line, MarketState, Seen, Stream
from pipelines.market.turn import digest_of
from schemas.events import BookChanged, QuoteChanged, TradePrinted
from schemas.exacts import Exacts
from schemas.numbers import exact

VERSION: Final = 1
EVENTS: Final[dict[str, Any]] = {
    event.__name__: event for event in (TradePrinted, QuoteChanged, BookChanged)
}
_DECIMALS: Final = {
    TradePrinted: slice(4, 6),
    QuoteChanged: slice(3, 7),
    BookChanged: slice(6, 10),
}
_HEADS: Final = ("name", "venue", "partition", "leader", "lost")
_PLAIN: Final = ("name", "last", "snapshot", "gapped", "diverged", "source", "marked_ms")
_LATER: Final = ("since_ms", "behind")  # older snapshots lack them, older code passes over them


def _plain(value: object) -> object:
    """What JSON has no form for: decimals."""
    return tuple(value) if isinstance(value, Exacts) else str(value)


_encode = msgspec.json.Encoder(order="sorted", enc_hook=_plain).encode


def dump(state: MarketState) -> bytes:
    return _encode(
        {
            "now_ms": state.now_ms,
            "dead_letters": state.dead_letters,
            "feeds": [_feed_out(state.feeds[name]) for name in sorted(state.feeds)],
        }
    )


def load(body: bytes, version: int, settings: MarketSettings) -> MarketState:
    if version != VERSION:
        raise StateVersionError(f"market state version {version}, not {VERSION}")
    found = msgspec.json.decode(body)
    feeds = {feed["name"]: _feed_in(feed) for feed in found["feeds"]}
    counts = {place: WindowCount(*window) for place, window in found["dead_letters"].items()}
    due = [
        Due(connection.heard_ms + stale_ms(settings, feed.venue), feed.name, connection.id)
        for feed in feeds.values()
        for connection in feed.connections.values()
        if not connection.line.stale
    ]
    return MarketState(feeds, found["now_ms"], counts).index(due)


def _feed_out(feed: Feed) -> dict[str, Any]:
    return {
        **{name: getattr(feed, name) for name in _HEADS},
        "lines": [feed.lines[name] for name in sorted(feed.lines)],
        "connections": [
            [found.id, found.line.name, found.heard_ms, found.number, found.silent]
            for found in sorted(feed.connections.values(), key=lambda found: found.id)
        ],
        "streams": [_stream_out(feed.streams[name]) for name in sorted(feed.streams)],
    }


def _feed_in(found: dict[str, Any]) -> Feed:
    lines = {line["name"]: Line(**line) for line in found["lines"]}
    connections = {
        id: Connection(id, lines[line], heard_ms, number, silent)
        for id, line, heard_ms, number, silent in found["connections"]
    }
    heads = {name: found[name] for name in _HEADS}
    feed = Feed(**heads, lines=lines, connections=connections)
    feed.streams = {stream["name"]: _stream_in(feed, stream) for stream in found["streams"]}
    return feed


def _stream_out(stream: Stream) -> dict[str, Any]:
    return {
        **{name: getattr(stream, name) for name in (*_PLAIN, *_LATER)},
        "order": stream.order.value,
        "topic": stream.topic,
        "key": stream.key,
        "anchored": stream.anchored,
        "reached": stream.reached,
        "seen": [
            [number, digest_of(seen.content).hex(), seen.line, seen.ts_recv_ns]
            for number, seen in stream.seen.items()
        ],
        "held": [
            [type(item.event).__name__, item.order.value, *item[:3], *item[4:]]
            for item in stream.held.values()
        ],
    }


def _stream_in(feed: Feed, found: dict[str, Any]) -> Stream:
    seen = {
        number: Seen(bytes.fromhex(content), line, ts_recv_ns)
        for number, content, line, ts_recv_ns in found["seen"]
    }
    held = {item.sequence: item for item in map(_held_in, found["held"])}
    places = {name: found[name] for name in (*_PLAIN, "topic", "key", "anchored", "reached")}
    places |= {name: found[name] for name in _LATER if name in found}
    order = Order(found["order"])
    arbiter = ARBITERS[order]
    return Stream(feed=feed, order=order, arbiter=arbiter, seen=seen, held=held, **places)


def _held_in(found: list[Any]) -> Market:
    kind, order, event, feed, stream, *place = found
    return Market(_event_in(kind, event), feed, stream, Order(order), *place)


def _event_in(kind: str, fields: list[Any] | None) -> Any:
    """None for a place that nothing of use took."""
    if fields is None:
        return None
    event = EVENTS[kind]
    fields[_DECIMALS[event]] = [_exact(field) for field in fields[_DECIMALS[event]]]
    return event(*fields)


def _exact(field: str | list[str]) -> Decimal | tuple[Decimal, ...]:
    return exact(field) if isinstance(field, str) else tuple(map(exact, field))
