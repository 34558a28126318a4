"""Binance Spot frames to market events; see `connectors.venues.binance_parse`."""

from __future__ import annotations

from connectors.venues.binance_parse import CHANNELS, BinanceParser

__all__ = ["CHANNELS", "parse", "route"]

_PARSER = BinanceParser("BINANCE")
parse = _PARSER.parse
route = _PARSER.route
