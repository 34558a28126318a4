"""Binance USD-M futures market streams.

The venue: 10 incoming messages a second, 1,024 streams and 24 hours a connection; a ping every
3 minutes. Since 2026 each kind of stream has its own entry point, and a subscription at the wrong
one is acknowledged but silent: books and raw trades under `/public`, the rest under `/market`.

`trade` and `depth@0ms` are served but not documented; `aggTrade` and `depth@100ms` are the
documented ones.
"""

from __future__ import annotations

from connectors.venues.binance_protocol import BinanceProtocol
from connectors.venues.protocol import Limits

PUBLIC = ("trade", "bookTicker", "depth", "rpiDepth")


def path(channel: str) -> str:
    """The entry point that serves a channel: `depth5@100ms` is a `depth` channel."""
    name = channel.partition("@")[0].rstrip("0123456789")
    return "/public/stream" if name in PUBLIC else "/market/stream"


PROTOCOL = BinanceProtocol(
    url="wss://fstream.binance.com",
    depth_url="https://fapi.binance.com/fapi/v1/depth?limit=1000",
    limits=Limits(
        attempts=150,
        attempts_window_s=300.0,
        messages_per_s=5.0,
        streams_per_connection=1024,
        lifetime_s=23.5 * 3600,
        stale_s=200.0,
        unread_s=15.0,
        snapshots_per_minute=30,  # each weighs 20 of the 2,400 a minute
    ),
    channels=("trade", "bookTicker", "depth@0ms"),
    path=path,
)
