"""What an account has, did, and may do."""

from __future__ import annotations

from typing import Any, Final, TypeVar
from zlib import crc32

from connectors.simulated.calls import Call, Desk, Method, symbol_of
from connectors.simulated.errors import illegal
from connectors.simulated.parameters import Parameters
from connectors.simulated.render import (
    MS,
    Json,
    Trade,
    account_form,
    balance_forms,
    commission_rates,
    order_form,
    trade_form,
)
from pipelines.exact import ZERO
from pipelines.matching.amounts import text
from pipelines.matching.model import Order

Row = TypeVar("Row", Order, Trade)
ROWS: Final = 500
ROWS_MAX: Final = 1_000


async def account(desk: Desk, call: Call) -> Json:
    """GET account."""
    without_zero = call.parameters.text("omitZeroBalances") == "true"
    call.parameters.all_read()
    balances = desk.venue.exchange.balances[call.account]
    shown = {
        asset: one
        for asset, one in sorted(balances.items())
        if one.free or one.locked or not without_zero
    }
    forms = balance_forms(shown)
    uid, can = crc32(call.account.encode()), call.caller.key.permissions
    return account_form(forms, desk.venue.exchange.fees, can, desk.venue.now_ns(), uid)


async def commission(desk: Desk, call: Call) -> Json:
    """GET account/commission."""
    symbol = symbol_of(desk, call.parameters)
    call.parameters.all_read()
    nothing = {name: text(ZERO) for name in ("maker", "taker", "buyer", "seller")}
    return {
        "symbol": symbol,
        "standardCommission": commission_rates(desk.venue.exchange.fees),
        "specialCommission": nothing,
        "taxCommission": nothing,
        "discount": {
            "enabledForAccount": False,
            "enabledForSymbol": False,
            "discountAsset": "BNB",
            "discount": text(ZERO),
        },
    }


async def all_orders(desk: Desk, call: Call) -> list[Json]:
    """GET allOrders: from an id on, else the newest."""
    symbol = symbol_of(desk, call.parameters)
    first = call.parameters.integer("orderId")
    begin, end, limit = _window(call.parameters)
    call.parameters.all_read()
    found = [
        one
        for one in desk.venue.history[call.account, symbol]
        if begin <= one.ts_ns <= end and (first is None or one.order_id >= first)
    ]
    oldest = first is not None or "startTime" in call.parameters.sent
    return [order_form(one) for one in _cut(found, limit, oldest)]


async def my_trades(desk: Desk, call: Call) -> list[Json]:
    """GET myTrades: of an order, from a trade on, in a time, else the newest."""
    symbol = symbol_of(desk, call.parameters)
    order_id, first = call.parameters.integer("orderId"), call.parameters.integer("fromId")
    begin, end, limit = _window(call.parameters)
    call.parameters.all_read()
    found = [
        one
        for one in desk.venue.trades[call.account, symbol]
        if begin <= one.event.ts_ns <= end
        and (order_id is None or one.order.order_id == order_id)
        and (first is None or one.event.trade_id >= first)
    ]
    oldest = first is not None or "startTime" in call.parameters.sent
    return [trade_form(one) for one in _cut(found, limit, oldest)]


async def order_counts(desk: Desk, call: Call) -> list[Json]:
    """GET rateLimit/order."""
    call.parameters.all_read()
    return desk.limits.order_counts(call.account)


async def restrictions(desk: Desk, call: Call) -> Json:
    """GET apiRestrictions: what the key may do."""
    call.parameters.all_read()
    can = call.caller.key.permissions
    return {
        "ipRestrict": False,
        "createTime": 0,
        "enableReading": "read" in can,
        "enableWithdrawals": "withdraw" in can,
        "enableInternalTransfer": False,
        "enableMargin": False,
        "enableFutures": False,
        "permitsUniversalTransfer": False,
        "enableVanillaOptions": False,
        "enableFixApiTrade": False,
        "enableFixReadOnly": False,
        "enableSpotAndMarginTrading": "trade" in can,
        "enablePortfolioMarginTrading": False,
    }


async def coins(desk: Desk, call: Call) -> list[Json]:
    """GET capital/config/getall: the assets, none of which moves in or out."""
    call.parameters.all_read()
    instruments = [one.instrument for one in desk.venue.exchange.books.values()]
    assets = sorted({asset for one in instruments for asset in (one.base, one.quote)})
    held = desk.venue.exchange.balances[call.account]
    forms = balance_forms({asset: held[asset] for asset in assets})
    still: Json = {"depositAllEnable": False, "withdrawAllEnable": False, "networkList": []}
    return [
        {
            "coin": one["asset"],
            "name": one["asset"],
            "free": one["free"],
            "locked": one["locked"],
            "trading": True,
            "isLegalMoney": False,
            **still,
        }
        for one in forms
    ]


def _window(sent: Parameters) -> tuple[int, int, int]:
    """Start and end in ns, and how many rows."""
    begin, end, limit = (sent.integer(name) for name in ("startTime", "endTime", "limit"))
    if limit is not None and not 0 < limit <= ROWS_MAX:
        raise illegal("limit", "^[1-9][0-9]{0,3}$")
    end_ns = (1 << 63) - 1 if end is None else (end + 1) * MS - 1
    return (begin or 0) * MS, end_ns, limit or ROWS


def _cut(found: list[Row], limit: int, oldest: bool) -> list[Row]:
    return found[:limit] if oldest else found[-limit:]


def _trades_weight(sent: Parameters) -> int:
    return 5 if sent.text("orderId") else 20


async def _nothing(desk: Desk, call: Call) -> list[Any]:
    """Lists that are always empty here: order lists, margin."""
    return []


METHODS: Final = (
    Method("GET", "/api/v3/account", account, 20, "read", "account.status"),
    Method("GET", "/api/v3/account/commission", commission, 20, "read", "account.commission"),
    Method("GET", "/api/v3/allOrders", all_orders, 20, "read", "allOrders"),
    Method("GET", "/api/v3/myTrades", my_trades, _trades_weight, "read", "myTrades"),
    Method("GET", "/api/v3/rateLimit/order", order_counts, 40, "read", "account.rateLimits.orders"),
    Method("GET", "/api/v3/openOrderList", _nothing, 6, "read", "openOrderLists.status"),
    Method("GET", "/sapi/v1/account/apiRestrictions", restrictions, 1, "read"),
    Method("GET", "/sapi/v1/capital/config/getall", coins, 10, "read"),
    Method("GET", "/sapi/v1/margin/allPairs", _nothing, 1),
    Method("GET", "/sapi/v1/margin/isolated/allPairs", _nothing, 1),
)
