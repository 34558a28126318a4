"""What an account has, as Binance Spot lists it: balances, open orders, trades, permissions."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, Final

from connectors.orderport.interface import Permissions, Request, Trades
from schemas.events import AccountTrade, Balance, OpenOrder
from schemas.numbers import exact

ROWS_MAX: Final = 1_000
WEIGHT_PER_MINUTE: Final = 6_000
_MS: Final = 1_000_000
_MS_MAX: Final = ((1 << 63) - 1) // _MS  # nanoseconds have 64 bits
_WEIGHTS: Final = {
    "/api/v3/account": 20,
    "/api/v3/openOrders": 80,  # of all symbols; 6 of one
    "/api/v3/myTrades": 20,  # 5 of one order
    "/api/v3/allOrders": 20,
    "/api/v3/order": 4,
}
_MOVES: Final = ("enableWithdrawals", "enableInternalTransfer", "permitsUniversalTransfer")
_ACTS: Final = (
    "enableMargin",
    "enableFutures",
    "enableVanillaOptions",
    "enableFixApiTrade",
    "enablePortfolioMarginTrading",
)


def weight(request: Request) -> int:
    """Of the limit per minute; what is not known costs 1."""
    names = {name for name, _ in request.parameters}
    if request.path == "/api/v3/openOrders" and "symbol" in names:
        return 6
    if request.path == "/api/v3/myTrades" and "orderId" in names:
        return 5
    return _WEIGHTS.get(request.path, 1) if request.method == "GET" else 1


def read_balances(body: bytes) -> tuple[Balance, ...]:
    balances = rows(json_object(body).get("balances"))
    return tuple(
        sorted(Balance(r["asset"], exact(r["free"]), exact(r["locked"])) for r in balances)
    )


def read_open_orders(venue: str, body: bytes) -> tuple[OpenOrder, ...]:
    orders = (_open_order(venue, row) for row in _list(body))
    return tuple(sorted(orders, key=lambda row: (row.instrument, row.order_id)))


def _open_order(venue: str, row: dict[str, Any]) -> OpenOrder:
    price: Decimal = exact(row["price"])
    return OpenOrder(
        f"{row['symbol']}.{venue}",
        str(row["orderId"]),
        row["clientOrderId"],
        _side(buys=row["side"] == "BUY"),
        price or None,
        exact(row["origQty"]),
        exact(row["executedQty"]),
        time_ns(row["updateTime"]),
    )


def read_trades(venue: str, body: bytes) -> Trades:
    trades = _list(body)
    return Trades(tuple(_trade(venue, row) for row in trades), len(trades) < ROWS_MAX)


def _trade(venue: str, row: dict[str, Any]) -> AccountTrade:
    return AccountTrade(
        f"{row['symbol']}.{venue}",
        str(row["orderId"]),
        str(row["id"]),
        _side(buys=row["isBuyer"]),
        exact(row["price"]),
        exact(row["qty"]),
        exact(row["commission"]),
        row["commissionAsset"],
        "MAKER" if row["isMaker"] else "TAKER",
        time_ns(row["time"]),
    )


def _side(*, buys: bool) -> Any:
    return "BUY" if buys else "SELL"


def read_permissions(body: bytes) -> Permissions:
    """A missing answer counts against the key: about withdrawals as yes, about trading as no for
    who wants to trade and as yes for who must not.
    """
    said = json_object(body)
    trade = said.get("enableSpotAndMarginTrading")
    withdraw = any(said.get(name) is not False for name in _MOVES)
    acts = any(said.get(name, False) is not False for name in _ACTS)
    return Permissions(trade is True, withdraw, trade is False and not withdraw and not acts)


def time_ms(said: Any) -> int:
    """Raises `ValueError`."""
    if type(said) is not int or not 0 <= said <= _MS_MAX:
        raise ValueError("no time in milliseconds")
    return said


def time_ns(said: Any) -> int:
    """Raises `ValueError`."""
    return time_ms(said) * _MS


def rows(said: Any) -> list[dict[str, Any]]:
    """Raises `ValueError`."""
    if not isinstance(said, list) or not all(isinstance(row, dict) for row in said):
        raise ValueError("no list of objects")
    return said


def _list(body: bytes) -> list[dict[str, Any]]:
    """Raises `ValueError`."""
    return rows(json.loads(body, parse_float=str))


def json_object(body: bytes) -> dict[str, Any]:
    """Raises `ValueError`."""
    said = json.loads(body, parse_float=str)
    if not isinstance(said, dict):
        raise ValueError("no JSON object")
    return said
