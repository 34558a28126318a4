"""Binance Spot market streams.

The venue: 300 connections per 5 minutes and address, 5 incoming messages a second and connection
(pings and pongs included), 1,024 streams and 24 hours a connection; it pings every 20 s and closes
a connection whose pong is a minute late.
"""

from __future__ import annotations

from connectors.venues.binance_protocol import BinanceProtocol
from connectors.venues.protocol import Limits

PROTOCOL = BinanceProtocol(
    url="wss://stream.binance.com:9443",
    depth_url="https://api.binance.com/api/v3/depth?limit=1000",
    limits=Limits(
        attempts=150,
        attempts_window_s=300.0,
        messages_per_s=2.5,
        streams_per_connection=1024,
        lifetime_s=23.5 * 3600,
        stale_s=45.0,
        unread_s=15.0,
        snapshots_per_minute=30,  # each weighs 50 of the 6,000 a minute
    ),
    channels=("trade", "bookTicker", "depth@100ms"),
    path=lambda _channel: "/stream",
)
