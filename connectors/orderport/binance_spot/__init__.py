"""Binance Spot: REST for orders and questions, the WebSocket API for the private stream."""

from connectors.orderport.binance_spot.port import BinanceSpot

PORT = BinanceSpot()
