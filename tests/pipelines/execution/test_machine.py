"""No sequence of targets, prices, ticks and venue events leads to more than is wanted.

1. A model desk answers requests as it likes: denies, rejects, loses, fills in parts, cancels or
   refuses to, leaves in doubt; it tells late, twice and out of order. Its own books are the truth.
2. At every request: nothing else is open at the venue, the position known is the true one, and
   position and quantity asked for stay within the target, zero and one child. Ids never repeat,
   every request names a cause that is on the log.
3. Every input goes through the fold and through `step`; the state is dumped and loaded in between.
4. In the end all is answered and filled: the position is the target to the lot.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from pipelines.ids import OutputIds, position_id
from pipelines.logic import Output
from pipelines.strategy.logic import StrategyLogic
from schemas.events import CancelRequested, OrderRequested
from tests.pipelines.batches import cut
from tests.pipelines.execution.rig import ACCOUNT, BTC, Rig, logic

LOT, CHILD = Decimal("0.1"), Decimal(2)
lots = st.integers(-5, 60).map(lambda n: n * LOT)
prices = st.sampled_from([("99", "100"), ("99.5", "100.5"), ("101", "102"), ("0", "0")])
picks = st.integers(0, 10**6)


@dataclass
class Venue:
    """An order as the venue has it, and the reports that are still on their way."""

    request: OrderRequested
    stage: str = "NEW"  # NEW, OPEN, DOUBT, ENDED
    filled: Decimal = Decimal(0)
    trades: int = 0
    late: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    @property
    def open_qty(self) -> Decimal:
        return self.request.order_qty - self.filled if self.stage != "ENDED" else Decimal(0)

    def trade(self, qty: Decimal) -> None:
        self.trades += 1
        self.filled += qty
        fill = {"last_qty": qty, "trade_id": f"{self.request.cl_ord_id}-{self.trades}"}
        self.late.append(("OrderFilled", fill))
        if self.filled == self.request.order_qty:
            self.stage = "ENDED"


class Desk(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.rig = Rig().start()
        self.orders: list[Venue] = []
        self.told: list[tuple[OrderRequested, str, dict[str, Any]]] = []
        self.seen, self.target = 0, Decimal(0)

    # ---- the market ------------------------------------------------------------------------------

    @rule(qty=lots)
    def want(self, qty: Decimal) -> None:
        self.target = max(qty, Decimal(0))
        self.rig.want(qty)

    @rule(touch=prices)
    def quote(self, touch: tuple[str, str]) -> None:
        self.rig.quote(*touch)

    @rule(ms=st.sampled_from([100, 1_000, 5_000, -2_000]))
    def tick(self, ms: int) -> None:
        self.rig.tick(ms)

    # ---- risk and venue --------------------------------------------------------------------------

    def _at(self, *stages: str) -> list[Venue]:
        return [order for order in self.orders if order.stage in stages]

    def _tell(self, order: Venue, kind: str, **fields: Any) -> None:
        self.told.append((order.request, kind, fields))
        self.rig.tell(kind, order.request, **fields)

    @precondition(lambda self: self._at("NEW"))
    @rule(answer=st.sampled_from(["deny", "drop", "reject", "lose", "absent", "accept", "accept"]))
    def answer(self, answer: str) -> None:
        [order] = self._at("NEW")
        if answer == "deny":
            order.stage = "ENDED"
            return self._tell(order, "OrderDenied")
        self._tell(order, "OrderApproved")
        order.stage = "ENDED" if answer in {"drop", "reject", "absent"} else "OPEN"
        if answer == "drop":
            return self._tell(order, "DecisionExpired")
        self._tell(order, "OrderSubmitting")
        if answer == "reject":
            return self._tell(order, "OrderRejected")
        if answer in {"lose", "absent"}:
            self._tell(order, "OrderOutcomeUnknown")
        if answer == "absent":
            return self._tell(order, "OrderResolved", resolution="ABSENT")
        if answer == "accept":
            order.late.append(("OrderAccepted", {}))
        else:
            order.stage = "DOUBT"
        return None

    @precondition(lambda self: self._at("DOUBT"))
    @rule()
    def resolve(self) -> None:
        for order in self._at("DOUBT"):
            order.stage = "OPEN"
            self._tell(order, "OrderResolved", resolution="OPEN")

    @precondition(lambda self: self._at("OPEN", "DOUBT"))
    @rule(pick=picks)
    def fill(self, pick: int) -> None:
        [order] = self._at("OPEN", "DOUBT")
        order.trade(LOT * (1 + pick % int(order.open_qty / LOT)))
        if order.stage == "ENDED" and pick % 2:
            # The venue's own word on the end may overtake or repeat the fills.
            order.late.append(("OrderResolved", {"resolution": "FILLED", "cum_qty": order.filled}))

    @precondition(lambda self: self._at("OPEN"))
    @rule(refuse=st.booleans(), unasked=st.booleans())
    def cancel(self, refuse: bool, unasked: bool) -> None:
        [order] = self._at("OPEN")
        working = self.rig.line.working
        if not unasked and (working is None or working.cancel_ms is None):
            return
        order.late.append(("OrderPendingCancel", {}))
        if refuse:
            order.late.append(("OrderCancelRejected", {}))
            return
        order.stage = "ENDED"
        reason = "STATE_HALTED" if unasked else "UNKNOWN"
        order.late.append(("OrderCanceled", {"cum_qty": order.filled, "reason": reason}))

    @precondition(lambda self: any(order.late for order in self.orders))
    @rule(pick=picks, reconciled=st.sampled_from([False, False, True]))
    def deliver(self, pick: int, reconciled: bool) -> None:
        """One report of the newest three; a fill may be booked by reconciliation instead."""
        waiting = [order for order in self.orders if order.late]
        order = waiting[pick % len(waiting)]
        kind, fields = order.late.pop(pick % min(3, len(order.late)))
        if kind == "OrderFilled" and reconciled:
            fields = {**fields, "reconciled": True, "topic": "recon.position.v1"}
        self._tell(order, kind, **fields)

    @precondition(lambda self: self.told)
    @rule(pick=picks)
    def repeat(self, pick: int) -> None:
        """What was told is told again: only what the venue's stream may repeat."""
        request, kind, fields = self.told[pick % len(self.told)]
        if kind in {"OrderFilled", "OrderAccepted", "OrderCanceled"}:
            self.rig.tell(kind, request, **fields)

    # ---- what must hold --------------------------------------------------------------------------

    @property
    def position(self) -> Decimal:
        signs = {"BUY": 1, "SELL": -1}
        return sum((signs[o.request.side] * o.filled for o in self.orders), Decimal(0))

    @invariant()
    def requests_are_within_the_target(self) -> None:
        for output in self.rig.outputs[self.seen :]:
            if isinstance(output.event, OrderRequested):
                self._check_order(output.event)
            self._check_cause(output)
        self.seen = len(self.rig.outputs)

    def _check_order(self, request: OrderRequested) -> None:
        assert not self._at("NEW", "OPEN", "DOUBT"), "one order at a time"
        assert not any(order.late and self._matters(order) for order in self.orders)
        assert self.rig.line.position == self.position, "the position known is the true one"
        assert LOT <= request.order_qty <= min(CHILD, request.parent_qty)
        assert request.order_qty % LOT == 0
        assert request.cl_ord_id not in {order.request.cl_ord_id for order in self.orders}
        if request.side == "BUY":
            assert self.position + request.order_qty <= self.target
        else:
            assert self.position - request.order_qty >= self.target
        self.orders.append(Venue(request))

    def _matters(self, order: Venue) -> bool:
        return any(kind == "OrderFilled" for kind, _ in order.late)

    def _check_cause(self, output: Output) -> None:
        """The direct parent is the input, or the target that it led to."""
        if isinstance(output.event, OrderRequested | CancelRequested):
            of_target = OutputIds("strategy", output.position).next("signal.target.v1", BTC)
            assert output.event.causation_id in {position_id(output.position), of_target}
            assert output.event.correlation_id
            assert output.event.account == ACCOUNT

    @invariant()
    def the_position_stays_above_zero_and_near_the_target(self) -> None:
        working = sum((order.open_qty for order in self.orders), Decimal(0))
        assert working <= CHILD
        assert self.position >= 0
        if self.orders:
            assert self.rig.line.position >= 0

    @invariant()
    def parents_are_never_overfilled(self) -> None:
        used: dict[str, Decimal] = {}
        for order in self.orders:
            qty = order.filled + order.open_qty
            used[order.request.parent_id] = used.get(order.request.parent_id, Decimal(0)) + qty
            assert used[order.request.parent_id] <= order.request.parent_qty

    def teardown(self) -> None:
        self.rig.check_saved() if self.orders else None
        for _ in range(400):
            if not self._settle():
                break
        if self.rig.state.execution and self.rig.state.execution.lines:
            assert abs(self.target - self.position) < LOT
            assert self.rig.line.position == self.position
        self._check_cuts(logic())

    def _settle(self) -> bool:
        """Everything is told, approved and filled; False when the line wants nothing more."""
        self.rig.now_ms += 61_000  # past every pause
        self.rig.quote()
        self.rig.tick(0)
        self.requests_are_within_the_target()
        for order in list(self.orders):
            if order.stage == "NEW":
                for kind in ("OrderApproved", "OrderSubmitting", "OrderAccepted"):
                    self._tell(order, kind)
                order.stage = "OPEN"
            if order.stage == "DOUBT":
                self._tell(order, "OrderResolved", resolution="OPEN")
                order.stage = "OPEN"
            if order.open_qty:
                order.trade(order.open_qty)
            while order.late:
                kind, fields = order.late.pop(0)
                self._tell(order, kind, **fields)
        self.requests_are_within_the_target()
        return bool(self._at("NEW", "OPEN")) or abs(self.target - self.position) >= LOT

    def _check_cuts(self, twin: StrategyLogic) -> None:
        """The same records in a few large epochs give the same outputs and state."""
        state, outputs = twin.initial(), list[Output]()
        for batch in cut(self.rig.inputs, (7, 0, 13)):
            state, found = twin.step(state, batch)
            outputs += found
        assert outputs == self.rig.outputs
        assert twin.dump(state) == self.rig.logic.dump(self.rig.state)


Desk.TestCase.settings = settings(deadline=None, max_examples=60, stateful_step_count=60)
TestDesk = Desk.TestCase
