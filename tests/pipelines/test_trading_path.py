"""Strategy, risk and reconciliation over the same events, in memory: they agree on every position.

1. a target becomes requests, risk approves each, fills lead to the next; fees in the base asset
2. a halt at risk is a denial that execution waits out
3. a fill that only reconciliation books moves the position of execution and risk as well, once
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from pipelines.risk.state import cell_of
from schemas.events import OrderApproved, OrderDenied, OrderFilled, OrderRequested
from tests.pipelines.execution.rig import BTC, STRATEGY
from tests.pipelines.execution.rig import Rig as Strategy
from tests.pipelines.orders.events import event
from tests.pipelines.reconciliation.rig import ACCOUNT, trade
from tests.pipelines.reconciliation.rig import Rig as Reconciliation
from tests.pipelines.risk.rig import Desk as Risk


class Path:
    """Each event of the venue reaches all three."""

    def __init__(self) -> None:
        self.strategy, self.risk = Strategy().start(), Risk().begin()
        self.reconciliation = Reconciliation()
        self.trades = 0

    def answered(self, request: OrderRequested) -> Any:
        """Risk's answer, which the others read."""
        answer = self.risk.ask(request)
        self.strategy.feed(answer)
        self.reconciliation.feed(answer)
        return answer

    def tell(self, kind: str, request: OrderRequested, **fields: Any) -> list[Any]:
        """What execution asks for after an event about an order."""
        names = {"strategy": STRATEGY, "cl_ord_id": request.cl_ord_id, "side": request.side}
        terms = {"order_qty": request.order_qty, "order_id": f"V{request.cl_ord_id}"}
        told = event(kind, **{**names, **terms, **fields})
        self.risk.put("oms.order-event.v1", told)
        self.reconciliation.feed(told)
        return self.strategy.feed(told)

    def fill(self, request: OrderRequested, **fields: Any) -> list[Any]:
        self.trades += 1
        last = {"last_qty": request.order_qty, "last_px": request.price}
        return self.tell("OrderFilled", request, trade_id=str(self.trades), **{**last, **fields})

    def follow(self, found: list[Any], **fields: Any) -> None:
        """Approves and fills whatever is asked for."""
        while requests := [each for each in found if isinstance(each, OrderRequested)]:
            [request] = requests
            assert isinstance(self.answered(request), OrderApproved)
            for kind in ("OrderSubmitting", "OrderAccepted"):
                self.tell(kind, request)
            found = self.fill(request, **fields)

    @property
    def positions(self) -> set[Decimal]:
        cell = cell_of(self.risk.state, ACCOUNT, STRATEGY, BTC)
        account = self.reconciliation.state.accounts[ACCOUNT]
        held = account.holdings[STRATEGY, BTC].qty
        return {self.strategy.line.position, cell.position, held}


def test_all_three_agree_on_every_position() -> None:
    path = Path()
    for target in ("5", "3.3", "0", "0.7"):
        path.follow(path.strategy.want(target))
        assert path.positions == {Decimal(target)}


def test_all_three_take_a_fee_in_the_base_asset_off() -> None:
    path = Path()
    path.follow(path.strategy.want("1"), commission=Decimal("0.04"), comm_currency="BTC")
    assert path.positions == {Decimal("0.96")}, "less than a lot is left"


def test_a_halt_is_a_denial_that_execution_waits_out() -> None:
    path = Path()
    path.risk.play("halt")
    [_, request] = path.strategy.want("1")
    denied = path.answered(request)
    assert isinstance(denied, OrderDenied)
    assert denied.reason == "STATE_HALTED"
    path.risk.play("resume")
    assert path.strategy.tick(999) == []
    path.strategy.quote()
    path.follow(path.strategy.tick(1))
    assert path.positions == {Decimal(1)}


def test_a_booked_fill_reaches_execution_and_risk() -> None:
    path = Path()
    [_, request] = path.strategy.want("2")
    path.answered(request)
    for kind in ("OrderSubmitting", "OrderAccepted"):
        path.tell(kind, request)
    path.reconciliation.trades(trade("2", "9", request.cl_ord_id))
    said = path.reconciliation.tick(2_000)
    [booked] = [each for each in said if isinstance(each, OrderFilled)]
    path.strategy.feed(booked, "recon.position.v1")
    assert path.strategy.line.position == 2
    assert path.strategy.line.working is None
    cell = cell_of(path.risk.state, ACCOUNT, STRATEGY, BTC)
    assert (cell.position, cell.open_buy) == (Decimal(0), Decimal(2))
    path.risk.put("recon.position.v1", booked)
    assert (cell.position, cell.open_buy) == (Decimal(2), Decimal(0))
    assert path.strategy.fill(request, "2", "9", order_id=booked.order_id) == []
    assert path.strategy.line.position == 2
    path.risk.put("oms.order-event.v1", booked._replace(reconciled=False))
    assert (cell.position, cell.open_buy) == (Decimal(2), Decimal(0))
