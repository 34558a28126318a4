"""Orders, trades, accounts and reports in the venue's JSON forms; numbers as text, times in ms."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final, NamedTuple

from pipelines.exact import EXACTLY, ZERO
from pipelines.matching.amounts import text
from pipelines.matching.model import (
    Balance,
    Event,
    Fees,
    Order,
    OrderAdded,
    OrderEnded,
    OrderTraded,
)

MS: Final = 1_000_000
Json = dict[str, Any]


class Trade(NamedTuple):
    """One order's half of a trade, as myTrades shows it."""

    order: Order
    event: OrderTraded


def order_form(order: Order) -> Json:
    """As GET order shows it."""
    return {
        "symbol": order.symbol,
        "orderId": order.order_id,
        "orderListId": -1,
        "clientOrderId": order.cl_ord_id,
        "price": text(order.price),
        "origQty": text(order.order_qty),
        "executedQty": text(order.cum_qty),
        "origQuoteOrderQty": text(order.quote_order_qty),
        "cummulativeQuoteQty": text(order.cum_quote),
        "status": order.status,
        "timeInForce": order.time_in_force,
        "type": order.ord_type,
        "side": order.side,
        "stopPrice": text(ZERO),
        "icebergQty": text(ZERO),
        "time": order.ts_ns // MS,
        "updateTime": order.update_ns // MS,
        "isWorking": True,
        "workingTime": order.ts_ns // MS,
        "selfTradePreventionMode": order.self_trade_prevention,
    }


def ack_form(order: Order) -> Json:
    """The answer ACK to a new order."""
    return {
        "symbol": order.symbol,
        "orderId": order.order_id,
        "orderListId": -1,
        "clientOrderId": order.cl_ord_id,
        "transactTime": order.ts_ns // MS,
    }


def result_form(order: Order) -> Json:
    """The answer RESULT to a new order."""
    shown = order_form(order)
    for name in ("stopPrice", "icebergQty", "time", "updateTime", "isWorking"):
        del shown[name]
    return shown | {"transactTime": order.update_ns // MS}


def full_form(order: Order, trades: list[Trade]) -> Json:
    """The answer FULL: RESULT and the fills."""
    fills = [
        {
            "price": text(one.event.last_px),
            "qty": text(one.event.last_qty),
            "commission": text(one.event.commission),
            "commissionAsset": one.event.commission_asset,
            "tradeId": one.event.trade_id,
        }
        for one in trades
    ]
    return result_form(order) | {"fills": fills}


def cancel_form(order: Order, cl_ord_id: str) -> Json:
    """The answer to a cancel, whose own id is `cl_ord_id`."""
    return result_form(order) | {
        "origClientOrderId": order.cl_ord_id,
        "clientOrderId": cl_ord_id,
    }


def trade_form(trade: Trade) -> Json:
    """As myTrades shows it."""
    event, order = trade.event, trade.order
    return {
        "symbol": order.symbol,
        "id": event.trade_id,
        "orderId": order.order_id,
        "orderListId": -1,
        "price": text(event.last_px),
        "qty": text(event.last_qty),
        "quoteQty": text(EXACTLY.multiply(event.last_px, event.last_qty)),
        "commission": text(event.commission),
        "commissionAsset": event.commission_asset,
        "time": event.ts_ns // MS,
        "isBuyer": order.side == "BUY",
        "isMaker": event.maker,
        "isBestMatch": True,
    }


def balance_forms(balances: Mapping[str, Balance]) -> list[Json]:
    """By asset, in the order given."""
    return [
        {"asset": asset, "free": text(one.free), "locked": text(one.locked)}
        for asset, one in balances.items()
    ]


def account_form(
    balances: list[Json], fees: Fees, can: frozenset[str], update_ns: int, uid: int
) -> Json:
    """As GET account shows it."""
    rates = commission_rates(fees)
    return {
        "makerCommission": int(fees.maker * 10_000),
        "takerCommission": int(fees.taker * 10_000),
        "buyerCommission": 0,
        "sellerCommission": 0,
        "commissionRates": rates,
        "canTrade": "trade" in can,
        "canWithdraw": "withdraw" in can,
        "canDeposit": False,
        "brokered": False,
        "requireSelfTradePrevention": False,
        "preventSor": False,
        "updateTime": update_ns // MS,
        "accountType": "SPOT",
        "balances": balances,
        "permissions": ["SPOT"],
        "uid": uid,
    }


def commission_rates(fees: Fees) -> Json:
    return {
        "maker": text(fees.maker),
        "taker": text(fees.taker),
        "buyer": text(ZERO),
        "seller": text(ZERO),
    }


def report(order: Order, event: Event, now_ns: int, execution_id: int) -> Json:
    """An executionReport: `order` as it is right after `event`."""
    traded = event if isinstance(event, OrderTraded) else None
    cancel = event.cl_ord_id if isinstance(event, OrderEnded) else ""
    last_quote = EXACTLY.multiply(traded.last_px, traded.last_qty) if traded else ZERO
    form = {
        "e": "executionReport",
        "E": now_ns // MS,
        "s": order.symbol,
        "c": cancel or order.cl_ord_id,
        "S": order.side,
        "o": order.ord_type,
        "f": order.time_in_force,
        "q": text(order.order_qty),
        "p": text(order.price),
        "P": text(ZERO),
        "F": text(ZERO),
        "g": -1,
        "C": order.cl_ord_id if cancel else "",
        "x": _execution(event),
        "X": order.status,
        "r": "NONE",
        "i": order.order_id,
        "l": text(traded.last_qty if traded else ZERO),
        "z": text(order.cum_qty),
        "L": text(traded.last_px if traded else ZERO),
        "n": text(traded.commission if traded else ZERO),
        "N": traded.commission_asset if traded else None,
        "T": order.update_ns // MS,
        "t": traded.trade_id if traded else -1,
        "I": execution_id,
        "w": order.open,
        "m": bool(traded and traded.maker),
        "M": False,
        "O": order.ts_ns // MS,
        "Z": text(order.cum_quote),
        "Y": text(last_quote),
        "Q": text(order.quote_order_qty),
        "W": order.ts_ns // MS,
        "V": order.self_trade_prevention,
    }
    if isinstance(event, OrderEnded) and event.status == "EXPIRED_IN_MATCH":
        form |= {
            "A": text(order.prevented_qty),
            "B": text(event.prevented_qty),
            "U": event.counter_order_id,
        }
    return form


def _execution(event: Event) -> str:
    if isinstance(event, OrderAdded):
        return "NEW"
    if isinstance(event, OrderTraded):
        return "TRADE"
    assert isinstance(event, OrderEnded)
    return {"CANCELED": "CANCELED", "EXPIRED_IN_MATCH": "TRADE_PREVENTION"}.get(
        event.status, "EXPIRED"
    )


def position_form(balances: list[Json], now_ns: int) -> Json:
    """An outboundAccountPosition."""
    return {
        "e": "outboundAccountPosition",
        "E": now_ns // MS,
        "u": now_ns // MS,
        "B": [{"a": one["asset"], "f": one["free"], "l": one["locked"]} for one in balances],
    }


def transfer_form(asset: str, amount: Decimal, now_ns: int) -> Json:
    """A balanceUpdate."""
    at = now_ns // MS
    return {"e": "balanceUpdate", "E": at, "a": asset, "d": text(amount), "T": at}
