"""Placing, cancelling, replacing and asking for orders."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, Final

from connectors.simulated.calls import Call, Desk, Method, symbol_of
from connectors.simulated.errors import Refusal, missing, no_order, refusal
from connectors.simulated.order_reading import answer_form, named, read_order
from connectors.simulated.parameters import Parameters
from connectors.simulated.render import (
    Json,
    Trade,
    ack_form,
    cancel_form,
    full_form,
    order_form,
    result_form,
)
from pipelines.matching.filters import broken_filter
from pipelines.matching.model import (
    CancelOrder,
    Event,
    Order,
    OrderAdded,
    OrderTraded,
)

COUNTDOWN_MS_MAX: Final = 24 * 3_600_000


async def place(desk: Desk, call: Call) -> Json:
    """POST order."""
    order = read_order(desk, call)
    form = answer_form(order, call.parameters)
    call.parameters.all_read()
    await _arrive(desk, call)
    return _placed(desk, desk.venue.take(named(desk, order)), form)


async def test(desk: Desk, call: Call) -> Json:
    """POST order/test: checked as an order is, but for money and market."""
    order = read_order(desk, call)
    answer_form(order, call.parameters)
    call.parameters.all_read("computeCommissionRates")
    book = desk.venue.exchange.books[order.symbol]
    broken = broken_filter(order, book.instrument, book.depth.reference_px())
    if broken is not None:
        raise refusal(broken)
    return {}


async def cancel(desk: Desk, call: Call) -> Json:
    """DELETE order."""
    symbol = symbol_of(desk, call.parameters)
    cl_ord_id = call.parameters.client_id("newClientOrderId")
    order_id = call.parameters.integer("orderId")
    orig = call.parameters.client_id("origClientOrderId")
    restriction = call.parameters.text("cancelRestrictions")
    call.parameters.all_read()
    await desk.travel("cancel", call)
    return _cancel(desk, call, _pick(desk, call, symbol, order_id, orig), cl_ord_id, restriction)


async def cancel_open(desk: Desk, call: Call) -> list[Json]:
    """DELETE openOrders."""
    symbol = symbol_of(desk, call.parameters)
    call.parameters.all_read()
    await desk.travel("cancel", call)
    cancelled = desk.cancel_all(call.account, symbol)
    if not cancelled:
        raise refusal("UNKNOWN_ORDER")
    orders = desk.venue.exchange.orders
    return [cancel_form(orders[number], orders[number].cl_ord_id) for number in cancelled]


async def replace(desk: Desk, call: Call) -> Json:
    """POST order/cancelReplace: cancel, then place, at one moment. Raises -2022 and, where one half
    worked, -2021 with 409.
    """
    sent, modes = call.parameters, ("STOP_ON_FAILURE", "ALLOW_FAILURE")
    mode = sent.one_of("cancelReplaceMode", modes, -1102, missing("cancelReplaceMode").message)
    if mode is None:
        raise missing("cancelReplaceMode")
    order = read_order(desk, call)
    form = answer_form(order, sent)
    old, orig = sent.integer("cancelOrderId"), sent.client_id("cancelOrigClientOrderId")
    cl_ord_id, restriction = (
        sent.client_id("cancelNewClientOrderId"),
        sent.text("cancelRestrictions"),
    )
    sent.all_read("orderRateLimitExceededMode")
    await _arrive(desk, call)
    cancelled = _attempt(
        lambda: _cancel(
            desk, call, _pick(desk, call, order.symbol, old, orig), cl_ord_id, restriction
        )
    )
    placed: Json | Refusal | None = None
    if isinstance(cancelled, dict) or mode == "ALLOW_FAILURE":
        placed = _attempt(lambda: _placed(desk, desk.venue.take(named(desk, order)), form))
    return _replaced(cancelled, placed)


async def order_status(desk: Desk, call: Call) -> Json:
    """GET order."""
    symbol = symbol_of(desk, call.parameters)
    order_id = call.parameters.integer("orderId")
    orig = call.parameters.client_id("origClientOrderId")
    call.parameters.all_read()
    order = _pick(desk, call, symbol, order_id, orig)
    if order is None:
        raise no_order()
    return order_form(order)


async def open_orders(desk: Desk, call: Call) -> list[Json]:
    """GET openOrders, of one symbol or all."""
    symbol = symbol_of(desk, call.parameters) if call.parameters.text("symbol") else None
    call.parameters.all_read()
    return [order_form(one) for one in desk.venue.exchange.open_orders(call.account, symbol)]


async def arm(desk: Desk, call: Call) -> Json:
    """POST countdownCancelAll. Futures have it; this venue offers it for spot."""
    symbol = symbol_of(desk, call.parameters)
    countdown_ms = call.parameters.integer("countdownTime")
    call.parameters.all_read()
    if countdown_ms is None or countdown_ms > COUNTDOWN_MS_MAX:
        raise missing("countdownTime")
    desk.arm(call.account, symbol, countdown_ms)
    return {"symbol": symbol, "countdownTime": str(countdown_ms)}


async def _arrive(desk: Desk, call: Call) -> None:
    """Counts an order and brings it to the market. Raises -1015, -1021."""
    call.counts = desk.limits.count_order(call.account)
    desk.limits.check_orders(call.counts)
    await desk.travel("order", call)


def _attempt(half: Callable[[], Json]) -> Json | Refusal:
    try:
        return half()
    except Refusal as refused:
        return refused


def _placed(desk: Desk, events: list[Event], form: str) -> Json:
    added = events[0]
    assert isinstance(added, OrderAdded)
    order = desk.venue.exchange.orders[added.order.order_id]
    if form == "ACK":
        return ack_form(order)
    if form == "RESULT":
        return result_form(order)
    mine = [one for one in events if isinstance(one, OrderTraded) and not one.maker]
    return full_form(order, [Trade(order, one) for one in mine])


def _pick(
    desk: Desk, call: Call, symbol: str, order_id: int | None, orig: str | None
) -> Order | None:
    if order_id is None and orig is None:
        raise Refusal(
            -1102, "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!"
        )
    if order_id is None:
        assert orig is not None
        return desk.venue.order_by_client_id(call.account, symbol, orig)
    order = desk.venue.exchange.orders.get(order_id)
    if order is None or (order.account, order.symbol) != (call.account, symbol):
        return None
    return order if orig is None or orig == order.cl_ord_id else None


def _cancel(
    desk: Desk, call: Call, order: Order | None, cl_ord_id: str | None, restriction: str | None
) -> Json:
    if (
        order is None
        or (restriction == "ONLY_NEW" and order.status != "NEW")
        or (restriction == "ONLY_PARTIALLY_FILLED" and order.status != "PARTIALLY_FILLED")
    ):
        raise refusal("UNKNOWN_ORDER")
    mine = cl_ord_id or hashlib.sha256(f"cancel:{order.order_id}".encode()).hexdigest()[:22]
    desk.venue.take(CancelOrder(call.account, order.order_id, mine))
    return cancel_form(order, mine)


def _replaced(cancelled: Json | Refusal, placed: Json | Refusal | None) -> Json:
    answer = {
        "cancelResult": _result(cancelled),
        "newOrderResult": _result(placed),
        "cancelResponse": _response(cancelled),
        "newOrderResponse": _response(placed),
    }
    if isinstance(cancelled, dict) and isinstance(placed, dict):
        return answer
    if isinstance(cancelled, dict) or isinstance(placed, dict):
        raise Refusal(-2021, "Order cancel-replace partially failed.", 409, data=answer)
    raise Refusal(-2022, "Order cancel-replace failed.", 400, data=answer)


def _result(part: Json | Refusal | None) -> str:
    if part is None:
        return "NOT_ATTEMPTED"
    return "FAILURE" if isinstance(part, Refusal) else "SUCCESS"


def _response(part: Json | Refusal | None) -> Any:
    return part.body() if isinstance(part, Refusal) else part


def _open_weight(sent: Parameters) -> int:
    return 6 if sent.text("symbol") else 80


METHODS: Final = (
    Method("POST", "/api/v3/order", place, 1, "trade", "order.place"),
    Method("POST", "/api/v3/order/test", test, 1, "trade", "order.test"),
    Method("DELETE", "/api/v3/order", cancel, 1, "trade", "order.cancel"),
    Method("GET", "/api/v3/order", order_status, 4, "read", "order.status"),
    Method("POST", "/api/v3/order/cancelReplace", replace, 1, "trade", "order.cancelReplace"),
    Method("GET", "/api/v3/openOrders", open_orders, _open_weight, "read", "openOrders.status"),
    Method("DELETE", "/api/v3/openOrders", cancel_open, 1, "trade", "openOrders.cancelAll"),
    Method("POST", "/api/v3/countdownCancelAll", arm, 1, "trade"),
)
