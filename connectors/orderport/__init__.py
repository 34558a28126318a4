"""Order ports: how a gateway speaks to a venue. One folder per venue, one line here, and the
conformance suite in `tests/connectors/orderport`.
"""

from __future__ import annotations

from importlib import import_module

from connectors.orderport.interface import OrderPort
from schemas.errors import TapeError

FOLDERS = {"BINANCE": "binance_spot"}


class NoSuchPort(TapeError):
    """No order port speaks to that venue."""


def order_port(venue: str) -> OrderPort:
    """Raises `NoSuchPort`."""
    if venue not in FOLDERS:
        raise NoSuchPort(f"no order port for {venue}: there are {', '.join(FOLDERS)}")
    port: OrderPort = import_module(f"connectors.orderport.{FOLDERS[venue]}").PORT
    return port
