"""A new order's parameters to a `PlaceOrder`, checked as far as they themselves tell."""

from __future__ import annotations

import hashlib
from typing import Final, cast

from connectors.simulated.calls import Call, Desk, symbol_of
from connectors.simulated.errors import Refusal, missing, unwanted
from connectors.simulated.parameters import Parameters
from connectors.simulated.rules import ORDER_TYPES, STP_MODES
from pipelines.matching.model import (
    OrdType,
    PlaceOrder,
    SelfTradePrevention,
    Side,
    TimeInForce,
)

_SIDE: Final = (-1117, "Invalid side.")
_TYPE: Final = (-1116, "Invalid orderType.")
_TIF: Final = (-1115, "Invalid timeInForce.")
_FORMS: Final = ("ACK", "RESULT", "FULL")
_STP: Final = (-1013, "This symbol does not allow the specified self-trade prevention mode.")
# Conditional orders exist at the venue; here they are refused as for a symbol without them.
_NOT_HERE: Final = (
    "STOP_LOSS",
    "STOP_LOSS_LIMIT",
    "TAKE_PROFIT",
    "TAKE_PROFIT_LIMIT",
)


def read_order(desk: Desk, call: Call) -> PlaceOrder:
    """What a new order's parameters ask for. Raises what the venue answers."""
    sent = call.parameters
    symbol = symbol_of(desk, sent)
    side, kind = sent.must("side"), sent.must("type")
    sent.one_of("side", ("BUY", "SELL"), *_SIDE)
    sent.one_of("type", (*ORDER_TYPES, *_NOT_HERE), *_TYPE)
    if kind in _NOT_HERE:
        raise Refusal(-2010, "Stop loss orders are not supported for this symbol.")
    tif = sent.one_of("timeInForce", ("GTC", "IOC", "FOK"), *_TIF)
    stp = sent.one_of("selfTradePreventionMode", tuple(STP_MODES), *_STP)
    order = PlaceOrder(
        call.account,
        symbol,
        sent.client_id("newClientOrderId") or "",
        cast(Side, side),
        cast(OrdType, kind),
        cast(TimeInForce, tif or "GTC"),
        sent.number("price"),
        sent.number("quantity"),
        sent.number("quoteOrderQty"),
    )
    _check_fields(order, tif)
    return order._replace(self_trade_prevention=cast(SelfTradePrevention, stp)) if stp else order


def _check_fields(order: PlaceOrder, tif: str | None) -> None:
    market = order.ord_type == "MARKET"
    if tif is None and order.ord_type == "LIMIT":
        raise missing("timeInForce")
    if tif is not None and order.ord_type != "LIMIT":
        raise unwanted("timeInForce")
    if not order.price and not market:
        raise missing("price")
    if order.price and market:
        raise unwanted("price")
    if order.quote_order_qty and (order.order_qty or not market):
        raise unwanted("quoteOrderQty")
    if not order.order_qty and not order.quote_order_qty:
        raise missing("quantity")


def named(desk: Desk, order: PlaceOrder) -> PlaceOrder:
    """With a client id where none was sent: a function of the number it gets now, as ids are."""
    if order.cl_ord_id:
        return order
    number = desk.venue.exchange.next_order_id
    made_up = hashlib.sha256(f"{order.account}:{number}".encode()).hexdigest()[:22]
    return order._replace(cl_ord_id=made_up)


def answer_form(order: PlaceOrder, sent: Parameters) -> str:
    """ACK, RESULT or FULL. Raises -1014."""
    usual = "ACK" if order.ord_type == "LIMIT_MAKER" else "FULL"
    refused = (-1014, "Unsupported order combination.")
    return sent.one_of("newOrderRespType", _FORMS, *refused) or usual
