"""One order as the fold of its events: what is filled, and how much of it must stay reserved.

An order in doubt reserves all that it has not filled. One that ended reserves what the venue says
was filled and no fill event has shown yet. The caller writes a refusal as an event (`refused`); the
order stays as it was.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, NamedTuple

from pipelines.exact import EXACTLY, ZERO
from pipelines.orders.table import ENDED, RESOLVED, TABLE
from schemas.events import (
    OrderFilled,
    OrderResolved,
    OrderState,
    OrderTransitionRefused,
    TransitionRefusal,
)

TradeKey = tuple[str, str]
"""The venue's ids of order and trade; venue, account and instrument are the order's own."""


class Order(NamedTuple):
    """`cum_qty`: what fill events showed. `final_qty`: what fills in all, once it ended."""

    order_qty: Decimal
    state: OrderState = "APPROVED"
    cum_qty: Decimal = ZERO
    final_qty: Decimal | None = None
    trades: frozenset[TradeKey] = frozenset()

    @property
    def reserved_qty(self) -> Decimal:
        """What may still be filled, base units."""
        whole = self.order_qty if self.final_qty is None else self.final_qty
        return EXACTLY.subtract(whole, self.cum_qty)

    @property
    def ended(self) -> bool:
        """Nothing can follow: the venue is done with it, and every fill is known."""
        return self.state in ENDED and not self.reserved_qty


class Refusal(NamedTuple):
    """Why an event does not fit an order's state."""

    reason: TransitionRefusal
    detail: str


def follow(order: Order, event: Any) -> Order | Refusal:
    """The order after one of its events, or why the event is illegal."""
    name = type(event).__name__
    after = TABLE[order.state].get(name)
    if after is None:
        return Refusal("TRANSITION_ILLEGAL", f"{name} in {order.state}")
    if isinstance(event, OrderFilled):
        return _filled(order, event, after)
    if isinstance(event, OrderResolved):
        after = RESOLVED[event.resolution]
    if after in ENDED and order.state not in ENDED:
        return _ended(order, after, getattr(event, "cum_qty", ZERO))
    return order if after == order.state else _in_state(order, after, order.final_qty)


def _filled(order: Order, event: OrderFilled, after: OrderState) -> Order | Refusal:
    key = event.order_id, event.trade_id
    if key in order.trades:
        return Refusal("FILL_REPEATED", f"trade {event.trade_id}")
    if not ZERO < event.last_qty <= order.reserved_qty:
        detail = f"trade {event.trade_id} of {event.last_qty}, {order.reserved_qty} is open"
        return Refusal("QTY_EXCEEDED", detail)
    cum = EXACTLY.add(order.cum_qty, event.last_qty)
    trades = order.trades | {key}
    if cum == order.order_qty:
        return Order(order.order_qty, "FILLED", cum, cum, trades)
    return Order(order.order_qty, after, cum, order.final_qty, trades)


def _ended(order: Order, after: OrderState, final: Decimal) -> Order | Refusal:
    """The end names the final quantity; fills not yet seen stay reserved."""
    if not order.cum_qty <= final <= order.order_qty or (
        after == "FILLED" and final != order.order_qty
    ):
        detail = f"{final} filled in the end, {order.cum_qty} of {order.order_qty} before"
        return Refusal("QTY_EXCEEDED", detail)
    return _in_state(order, after, final)


def _in_state(order: Order, state: OrderState, final: Decimal | None) -> Order:
    """Made anew: `_replace` costs three times this."""
    return Order(order.order_qty, state, order.cum_qty, final, order.trades)


def refused(
    order: Order | None, event: Any, refusal: Refusal, causation_id: str
) -> OrderTransitionRefused:
    """The event that says so; `order` None: there is no such order."""
    return OrderTransitionRefused(
        event.account,
        event.strategy,
        event.venue,
        event.instrument,
        event.cl_ord_id,
        "UNKNOWN" if order is None else order.state,
        type(event).__name__,
        refusal.reason,
        refusal.detail,
        event.correlation_id,
        causation_id,
        event.ts_event_ns,
        event.ts_recv_ns,
    )
