"""What the desk's topics say of orders: each order's state, fills, signals, denials."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final, NamedTuple

from ops.console.newest import LISTED, Newest, Place
from pipelines.exact import EXACTLY, ZERO
from pipelines.orders.order import Order, Refusal, TradeKey, follow
from schemas.events import (
    DecisionExpired,
    OrderApproved,
    OrderDenied,
    OrderFilled,
    OrderRequested,
    OrderSubmitting,
    TargetChanged,
    TargetClipped,
)

KEPT: Final = 2_000  # orders remembered: an order's topics are not read in step
REPORTED: Final = "oms.order-event.v1"

Asked = OrderRequested | OrderApproved | OrderDenied | OrderSubmitting
"""What names an order's terms: all four do, and they agree."""


@dataclass(slots=True)
class Known:
    """One order. What an earlier topic says is kept apart from what a later one does: they are not
    read in step. `since`: its first record. `booked`: fills that reconciliation found.
    """

    since: Place
    asked: Asked | None = None
    decided: str = ""
    decided_reason: str = ""
    order: Order | None = None
    told_reason: str = ""
    booked: dict[TradeKey, Decimal] = field(default_factory=dict)

    @property
    def filled(self) -> Decimal:
        cum, trades = (self.order.cum_qty, self.order.trades) if self.order else (ZERO, frozenset())
        for key, qty in self.booked.items():
            if key not in trades:
                cum = EXACTLY.add(cum, qty)
        return cum

    @property
    def state(self) -> str:
        """REQUESTED, DENIED, or a state of `pipelines.orders`."""
        if self.order is None:
            return self.decided or "REQUESTED"
        if self.booked and self.filled == self.order.order_qty:
            return "FILLED"
        return self.order.state

    @property
    def reason(self) -> str:
        return self.told_reason or self.decided_reason

    @property
    def works(self) -> bool:
        """Whether it may still be filled."""
        if self.state == "FILLED":
            return False
        return self.decided == "APPROVED" if self.order is None else not self.order.ended


class Fill(NamedTuple):
    """A fill of ours; `identity` is the venue's."""

    event: OrderFilled
    identity: tuple[str, str, str]


class Signal(NamedTuple):
    """A wanted position, or one clipped at zero."""

    event: TargetChanged | TargetClipped


@dataclass
class Trading:
    """Orders by cl_ord_id."""

    orders: dict[str, Known] = field(default_factory=dict)
    fills: Newest[Fill] = field(default_factory=lambda: Newest(LISTED * 2))
    signals: Newest[Signal] = field(default_factory=lambda: Newest(LISTED))
    denials: Newest[OrderDenied] = field(default_factory=lambda: Newest(LISTED))

    def apply(self, place: Place, event: Any) -> tuple[str, ...]:
        """The sections that changed."""
        if isinstance(event, TargetChanged | TargetClipped):
            self.signals.add(place, Signal(event))
            return ("signals",)
        name = getattr(event, "cl_ord_id", "")
        if not name or not hasattr(event, "correlation_id"):
            return ()
        known = self._known(name, place)
        if isinstance(event, OrderFilled):
            identity = (event.cl_ord_id, event.order_id, event.trade_id)
            self.fills.add(place, Fill(event, identity))
        if place.topic == REPORTED:
            _report(known, event)
        else:
            self._before(known, place, event)
        return ("orders", "fills", "denials")

    def _known(self, name: str, place: Place) -> Known:
        known = self.orders.get(name)
        if known is None:
            known = self.orders[name] = Known(place)
            if len(self.orders) > KEPT * 2:
                self._forget()
        known.since = min(known.since, place)
        return known

    def _forget(self) -> None:
        """Only orders that ended; those that work are bounded by risk's limits."""
        ended = sorted((k.since, n) for n, k in self.orders.items() if not k.works)
        for _, name in ended[: max(len(self.orders) - KEPT, 0)]:
            del self.orders[name]

    def _before(self, known: Known, place: Place, event: Any) -> None:
        """What strategy, risk and reconciliation say."""
        if isinstance(event, OrderRequested):
            known.asked = known.asked or event
        elif isinstance(event, OrderApproved):
            known.asked, known.decided = known.asked or event, "APPROVED"
        elif isinstance(event, OrderDenied):
            known.asked, known.decided = known.asked or event, "DENIED"
            known.decided_reason = event.reason
            self.denials.add(place, event)
        elif isinstance(event, OrderFilled):
            known.booked[event.order_id, event.trade_id] = event.last_qty


def _report(known: Known, event: Any) -> None:
    """One of the gateway's events, in the order of the topic."""
    if isinstance(event, OrderSubmitting):
        known.asked = known.asked or event
    known.told_reason = str(getattr(event, "reason", ""))
    if known.order is None and isinstance(event, DecisionExpired):
        known.order = Order(ZERO, "DROPPED", final_qty=ZERO)
        return
    order = known.order or _begun(event)
    if order is not None:
        after = follow(order, event)
        known.order = order if isinstance(after, Refusal) else after


def _begun(event: Any) -> Order | None:
    """The order as far as its first report on the log tells, its own effect not yet in it."""
    qty = getattr(event, "order_qty", None)
    if qty is not None:
        return Order(qty, "APPROVED" if isinstance(event, OrderSubmitting) else "SUBMITTING")
    cum, leaves = getattr(event, "cum_qty", None), getattr(event, "leaves_qty", None)
    if cum is None:
        return None
    if isinstance(event, OrderFilled):
        before = EXACTLY.subtract(cum, event.last_qty)
        return Order(EXACTLY.add(cum, event.leaves_qty), "ACCEPTED", before)
    rest = (leaves, getattr(event, "canceled_qty", None), getattr(event, "expired_qty", None))
    open_qty = next((qty for qty in rest if qty is not None), ZERO)
    return Order(EXACTLY.add(cum, open_qty), "SUBMITTING", cum)
