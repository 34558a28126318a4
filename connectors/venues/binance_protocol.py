"""What Binance's market streams share: spot and USD-M futures differ in address and limits.

Combined streams (`/stream`), subscribed by message and not by address, because only a message is
acknowledged. Sources: "WebSocket Streams for Binance" (spot) and "Websocket Market Streams" with
its "Important WebSocket Change Notice" (USD-M), Binance's developer documentation, 2026.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from connectors.venues.protocol import (
    BadSubscription,
    Control,
    Kind,
    Limits,
    Request,
    Snapshot,
    Subscription,
    websocket,
)

STREAMS_PER_REQUEST = 100
_DATA = Control(Kind.DATA, alive=True)
_UNKNOWN = Control(Kind.DATA, alive=False)
_LEAVING = Control(Kind.LEAVING, alive=True, detail="serverShutdown")
_LEAVING_BYTES_MAX = 256


def read(payload: bytes) -> Control:
    """Data frames are told by their first bytes; all else is short and decoded."""
    if len(payload) <= _LEAVING_BYTES_MAX and b'"serverShutdown"' in payload:
        return _LEAVING
    if payload.startswith(b'{"stream":'):
        return _DATA
    try:
        message = json.loads(payload)
    except (ValueError, RecursionError):
        return _UNKNOWN
    return _control(message) if isinstance(message, dict) else _UNKNOWN


def _control(message: dict[str, Any]) -> Control:
    tokens = frozenset({str(message["id"])}) if "id" in message else frozenset[str]()
    error = message.get("error", message)
    if isinstance(error, dict) and "code" in error:
        return Control(Kind.REFUSED, True, tokens, f"{error['code']} {error.get('msg', '')}")
    if "result" in message and message["result"] is None:
        return Control(Kind.ACK, True, tokens)
    return _UNKNOWN


class BinanceProtocol(NamedTuple):
    """See `connectors.venues.protocol.VenueProtocol`. `path` gives the entry point of a channel,
    `depth_url` the REST address of a book, to which `symbol=` is added.
    """

    url: str
    depth_url: str
    limits: Limits
    channels: tuple[str, ...]
    path: Callable[[str], str]
    ping_is_heartbeat: bool = True

    def plan(
        self, symbols: Sequence[str], channels: Sequence[str] = (), url: str | None = None
    ) -> tuple[Subscription, ...]:
        """Streams that one entry point serves go together, up to the venue's number."""
        by_path: dict[str, list[str]] = {}
        for symbol in symbols:
            for channel in channels or self.channels:
                stream = f"{symbol.lower()}@{channel}"
                if not symbol.isalnum():
                    raise BadSubscription(f"{symbol!r} is not a Binance symbol, such as BTCUSDT")
                by_path.setdefault(self.path(channel), []).append(stream)
        if not by_path:
            raise BadSubscription("no symbol to subscribe")
        size, base = self.limits.streams_per_connection, websocket(url or self.url)
        return tuple(
            Subscription(
                f"{base}{path}",
                tuple(some),
                _requests(some),
                () if url else _snapshots(some, self.depth_url),
            )
            for path, streams in by_path.items()
            for some in _chunks(list(dict.fromkeys(streams)), size)
        )

    def read(self, payload: bytes) -> Control:
        return read(payload)


def _requests(streams: list[str]) -> tuple[Request, ...]:
    return tuple(
        Request(
            json.dumps({"method": "SUBSCRIBE", "params": some, "id": number}),
            frozenset({str(number)}),
        )
        for number, some in enumerate(_chunks(streams, STREAMS_PER_REQUEST), start=1)
    )


def _snapshots(streams: list[str], depth_url: str) -> tuple[Snapshot, ...]:
    """One for each symbol whose depth comes as changes: `depth5` and the like are whole books."""
    symbols = dict.fromkeys(
        stream.partition("@")[0] for stream in streams if stream.split("@")[1] == "depth"
    )
    return tuple(
        Snapshot(f"{depth_url}&symbol={symbol.upper()}", f"{symbol}@depth_snapshot")
        for symbol in symbols
    )


def _chunks(items: list[str], size: int) -> list[list[str]]:
    return [items[at : at + size] for at in range(0, len(items), size)]
