"""Coinbase Advanced Trade market data.

The venue: 8 connections and 8 unauthenticated messages a second and address; one channel per
subscribe message, the first within 5 seconds; channels fall silent after 60 to 90 s without
updates unless `heartbeats` is subscribed too, which it therefore always is. That channel speaks
once a second and is the only sign of life: other frames may flow while some channel has died.
Each subscribe is answered by a `subscriptions` frame that lists everything subscribed so far.
A product in USDC is answered as that in USD, but for two ("Advanced Trade WebSocket Channels").
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from connectors.venues.coinbase.parse import DEPTH_CHANNEL, VENUE, parse
from connectors.venues.protocol import (
    BadSubscription,
    Control,
    Kind,
    Limits,
    Request,
    Subscription,
    websocket,
)
from pipelines.market.parsed import Refused
from schemas.events import FrameReceived

HEARTBEATS = "heartbeats"
_PRODUCT = re.compile(r"[A-Z0-9]+(-[A-Z0-9]+)+")
_NUMBER = re.compile(rb'"sequence_num":(\d{1,18})')
HEAD_BYTES = 200  # it stands before the events
_DEPTH = b'{"channel":"%b"' % DEPTH_CHANNEL.encode()
CHECKED_BYTES_MAX = 1 << 16  # whole books of megabytes would hold up what arrives meanwhile
_OWN_USDC = ("USDT-USDC", "EURC-USDC")
_DATA = Control(Kind.DATA, alive=False)
_ALIVE = Control(Kind.HEARTBEAT, alive=True)


class CoinbaseProtocol(NamedTuple):
    """See `connectors.venues.protocol.VenueProtocol`."""

    url: str
    limits: Limits
    channels: tuple[str, ...]
    ping_is_heartbeat: bool = False

    def plan(
        self, symbols: Sequence[str], channels: Sequence[str] = (), url: str | None = None
    ) -> tuple[Subscription, ...]:
        products = list(dict.fromkeys(symbol.upper() for symbol in symbols))
        for product in products:
            _check(product)
        if not products:
            raise BadSubscription("no product to subscribe")
        address = websocket(url or self.url)
        wanted = [name for name in channels or self.channels if name != HEARTBEATS]
        size = max(1, self.limits.streams_per_connection // max(1, len(wanted)))
        return tuple(
            self._one(products[at : at + size], wanted, address)
            for at in range(0, len(products), size)
        )

    def _one(self, products: list[str], channels: list[str], url: str) -> Subscription:
        requests = (_request(HEARTBEATS, []), *(_request(name, products) for name in channels))
        streams = tuple(f"{name}:{product}" for name in channels for product in products)
        return Subscription(url, (HEARTBEATS, *streams), requests)

    def read(self, payload: bytes) -> Control:
        """Told by the channel, which comes first in every frame seen; else by decoding.

        Books come whole on connect only, so a hole in `sequence_num` is told as well. A change of a
        book that cannot be read is a hole too.
        """
        found = _NUMBER.search(payload, 0, HEAD_BYTES)
        control = self._control(payload)
        if found is None or _is_refused_depth(payload):
            return control
        return control._replace(number=int(found[1]))

    def _control(self, payload: bytes) -> Control:
        if payload.startswith(b'{"channel":"heartbeats"'):
            return _ALIVE
        if payload.startswith(b'{"channel":"subscriptions"') or not payload.startswith(
            b'{"channel":"'
        ):
            return _decoded(payload)
        return _DATA


def _check(product: str) -> None:
    """Raises `BadSubscription` for what is no product, or is answered under another's name."""
    if not _PRODUCT.fullmatch(product):
        raise BadSubscription(f"{product!r} is not a Coinbase product, such as BTC-USD")
    if product.endswith("-USDC") and product not in _OWN_USDC:
        raise BadSubscription(f"{product!r} comes as {product[:-1]}: subscribe that")


def _is_refused_depth(payload: bytes) -> bool:
    if not payload.startswith(_DEPTH) or len(payload) > CHECKED_BYTES_MAX:
        return False
    return isinstance(parse(FrameReceived(VENUE, "", "", 0, payload))[0], Refused)


def _request(channel: str, products: list[str]) -> Request:
    message: dict[str, Any] = {"type": "subscribe", "channel": channel}
    if products:
        message["product_ids"] = products
    tokens = frozenset(f"{channel}:{product}" for product in products or [HEARTBEATS])
    return Request(json.dumps(message), tokens)


def _decoded(payload: bytes) -> Control:
    try:
        message = json.loads(payload)
    except (ValueError, RecursionError):
        return _DATA
    if not isinstance(message, dict):
        return _DATA
    if message.get("type") == "error":
        return Control(Kind.REFUSED, False, detail=str(message.get("message", "")))
    if message.get("channel") == HEARTBEATS:
        return _ALIVE
    if message.get("channel") != "subscriptions":
        return _DATA
    return Control(Kind.ACK, False, _subscribed(message))


def _subscribed(message: dict[str, Any]) -> frozenset[str]:
    """Every `channel:product` of a `subscriptions` frame; nothing where its form is another."""
    try:
        return frozenset(
            f"{channel}:{product}"
            for event in message["events"]
            for channel, products in event["subscriptions"].items()
            for product in products
        )
    except (KeyError, TypeError, AttributeError):
        return frozenset()


PROTOCOL = CoinbaseProtocol(
    url="wss://advanced-trade-ws.coinbase.com",
    limits=Limits(
        attempts=4,
        attempts_window_s=1.0,
        messages_per_s=4.0,
        streams_per_connection=300,
        lifetime_s=600.0,  # a book comes whole on connect alone: no gap lasts longer
        stale_s=5.0,
        unread_s=15.0,
    ),
    channels=("market_trades", "ticker", "level2"),
)
