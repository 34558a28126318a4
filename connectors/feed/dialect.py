"""The venues' side of their protocols: what a subscriber says, what it is told.

One dialect object per connection. It knows what that connection subscribed and what the venue
writes into each frame for that connection alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

from connectors.feed.capture import Frame
from connectors.venues.binance_usdm.protocol import path as usdm_path

SNAPSHOT = "@depth_snapshot"
HEARTBEATS = "heartbeats:heartbeats"


class Dialect(Protocol):
    """`ping_s`: how often the venue pings; `heartbeat_s`: how often it writes `heartbeat`."""

    venue: str
    ping_s: float
    heartbeat_s: float

    def hear(self, text: str | bytes) -> list[bytes]:
        """The answers to a message, in order; subscribes on the way."""
        ...

    def wants(self, frame: Frame) -> bool: ...

    def subscribed(self) -> bool:
        """Whether any market data has been asked for."""
        ...

    def finish(self, payload: bytes) -> bytes:
        """The frame as this connection gets it."""
        ...

    def heartbeat(self, now_ns: int) -> bytes | None: ...


class Binance:
    """Combined streams: by address (`?streams=a/b`, not acknowledged) and by SUBSCRIBE.

    As at the venue, any well-formed stream is acknowledged, and one that this entry point does not
    serve stays silent.
    """

    heartbeat_s = 3600.0

    def __init__(self, venue: str, ping_s: float, serves: Callable[[str], bool], path: str) -> None:
        self.venue, self.ping_s, self._serves = venue, ping_s, serves
        self._streams: set[str] = set()
        for streams in parse_qs(urlsplit(path).query).get("streams", []):
            self._streams.update(stream for stream in streams.split("/") if serves(stream))

    def hear(self, text: str | bytes) -> list[bytes]:
        try:
            message = json.loads(text)
        except ValueError:
            return [b'{"code":3,"msg":"Invalid JSON: expected value at line 1 column 1"}']
        if not isinstance(message, dict) or not isinstance(message.get("id"), int | str):
            return [_refusal(2, "Invalid request: request ID must be an unsigned integer", None)]
        return [self._answer(message)]

    def _answer(self, message: dict[str, Any]) -> bytes:
        method, streams, number = message.get("method"), message.get("params", []), message["id"]
        if not isinstance(streams, list) or not all(isinstance(one, str) for one in streams):
            return _refusal(2, "Invalid request: params must be an array of strings", number)
        if method == "SUBSCRIBE":
            self._streams.update(stream for stream in streams if self._serves(stream))
        elif method == "UNSUBSCRIBE":
            self._streams.difference_update(streams)
        elif method == "LIST_SUBSCRIPTIONS":
            return _compact({"result": sorted(self._streams), "id": number})
        else:
            return _refusal(2, f"Invalid request: unknown variant `{method}`", number)
        return _compact({"result": None, "id": number})

    def wants(self, frame: Frame) -> bool:
        stream = frame.streams[0]
        if stream in self._streams:
            return True
        if not stream.endswith(SNAPSHOT):
            return False
        symbol = stream.removesuffix(SNAPSHOT)
        return any(mine.startswith(f"{symbol}@depth") for mine in self._streams)

    def subscribed(self) -> bool:
        return bool(self._streams)

    def finish(self, payload: bytes) -> bytes:
        return payload

    def heartbeat(self, now_ns: int) -> bytes | None:
        return None


class Coinbase:
    """Subscribe messages per channel, each answered with everything subscribed so far.

    The venue numbers what it sends on a connection (`sequence_num`); so does this, and a captured
    frame differs from its capture in that number alone.
    """

    venue = "COINBASE"
    ping_s = 3600.0
    heartbeat_s = 1.0
    CHANNELS = ("market_trades", "ticker", "level2", "candles", "heartbeats")
    _NUMBER = re.compile(rb'"sequence_num":\d+')

    def __init__(self) -> None:
        self._streams: dict[str, list[str]] = {}
        self._sequence = 0
        self._beats = 0

    def hear(self, text: str | bytes) -> list[bytes]:
        try:
            message = json.loads(text)
            kind, channel = message["type"], message["channel"]
            products = [str(product) for product in message.get("product_ids", [])]
        except (ValueError, KeyError, TypeError, AttributeError):
            return [_compact({"type": "error", "message": "malformed message"})]
        if channel not in self.CHANNELS or kind not in ("subscribe", "unsubscribe"):
            return [_compact({"type": "error", "message": f"cannot {kind} {channel}"})]
        if kind == "subscribe":
            known = self._streams.get(channel, [])
            wanted = [channel] if channel == "heartbeats" else products
            self._streams[channel] = list(dict.fromkeys([*known, *wanted]))
        else:
            self._streams.pop(channel, None)
        event = {"subscriptions": self._streams}
        return [self._message("subscriptions", datetime.now(UTC), event)]

    def wants(self, frame: Frame) -> bool:
        for stream in frame.streams:
            channel, _, product = stream.partition(":")
            if product in self._streams.get(channel, ()):
                return True
        return False

    def subscribed(self) -> bool:
        return any(channel != "heartbeats" for channel in self._streams)

    def finish(self, payload: bytes) -> bytes:
        number = b'"sequence_num":%d' % self._sequence
        self._sequence += 1
        return self._NUMBER.sub(number, payload, count=1)

    def heartbeat(self, now_ns: int) -> bytes | None:
        if "heartbeats" not in self._streams:
            return None
        now = datetime.fromtimestamp(now_ns / 1e9, UTC)
        self._beats += 1
        event = {"current_time": f"{now:%Y-%m-%d %H:%M:%S.%f} +0000 UTC"}
        return self._message("heartbeats", now, event | {"heartbeat_counter": self._beats})

    def _message(self, channel: str, now: datetime, event: dict[str, Any]) -> bytes:
        """Numbered by `finish` when sent."""
        stamp = f"{now:%Y-%m-%dT%H:%M:%S.%f}Z"
        body = {"channel": channel, "timestamp": stamp, "sequence_num": 0, "events": [event]}
        return _compact(body)


def _refusal(code: int, reason: str, number: int | str | None) -> bytes:
    return _compact({"code": code, "msg": reason, "id": number})


def _compact(message: dict[str, Any]) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode()


def _usdm(path: str) -> Dialect:
    entry = urlsplit(path).path.removeprefix("/binance_usdm")

    def serves(stream: str) -> bool:
        return entry in ("/stream", usdm_path(stream.partition("@")[2]))

    return Binance("BINANCE_USDM", 180.0, serves, path)


# By the first part of the path, which is the venue's folder.
DIALECTS: dict[str, Callable[[str], Dialect]] = {
    "binance_spot": lambda path: Binance("BINANCE", 20.0, lambda _: True, path),
    "binance_usdm": _usdm,
    "coinbase": lambda _: Coinbase(),
}


def dialect_of(path: str) -> Dialect | None:
    """The dialect for a request's path, `/<venue folder>/<the venue's own path>`."""
    make = DIALECTS.get(urlsplit(path).path.strip("/").partition("/")[0])
    return make(path) if make else None
