"""Figures read from the states of risk and reconciliation."""

from __future__ import annotations

from decimal import Decimal

from ops.figures import reconciliation, risk
from ops.figures.pipeline import Seen
from pipelines.reconciliation.state import Account, Finding, Suspicion
from pipelines.risk.limits import Bounds
from pipelines.risk.logic import RiskLogic
from pipelines.risk.state import Cell, Level, Net, RiskState, Unpriced
from tests.pipelines.batches import batch_of
from tests.pipelines.risk.rig import Desk

SECOND_NS = 10**9


def state() -> RiskState:
    made = RiskState(now_ns=100 * SECOND_NS)
    bounds = Bounds(exposure_max=Decimal(1_000), open_max=4, loss_max=Decimal(200))
    desk = Level((None, None, None), pnl=Decimal(-150), day_pnl=Decimal(10), bounds=bounds)
    desk.exposure, desk.open_orders = Decimal(250), 1
    made.levels[desk.scope] = desk
    made.cells["a", "s", "BTC"] = Cell("a", "s", "BTC", position=Decimal("0.5"), state="REDUCING")
    made.nets[(None, None, None), "BTC"] = Net(Decimal("0.6"), Decimal(2))
    made.control["a", None, None] = "HALTED"
    return made


def test_the_share_of_each_limit() -> None:
    assert risk.limit_use(state()) == {
        ("EXPOSURE_GROSS_MAX", "*", "*", "*"): 0.25,
        ("ORDERS_OPEN_MAX", "*", "*", "*"): 0.25,
        ("LOSS_DAILY_MAX", "*", "*", "*"): 0.8,
        ("POSITION_QTY_MAX", "*", "*", "BTC"): 0.3,
    }


def test_positions_money_and_states() -> None:
    held = state()
    assert risk.positions(held) == {("a", "s", "BTC"): Decimal("0.5")}
    assert risk.by_level(held, lambda level: level.pnl - level.day_pnl) == {("*", "*"): -160}
    on = {labels for labels, value in risk.trading_states(held).items() if value}
    assert on == {("a", "s", "BTC", "REDUCING"), ("a", "*", "*", "HALTED")}
    assert len(risk.trading_states(held)) == 8


def test_fees_that_no_loss_limit_has_yet() -> None:
    desk = Desk().begin().play("open:BUY:2@100 accept:o1 fee:o1:1@100:BNB:0.5")
    assert risk.fees_unpriced(desk.state) == {("sim-1", "ema", "BNB"): Decimal("0.5")}
    desk.state.unpriced[Unpriced("sim-1", "ema", "ETH", "BNB")] = Decimal("0.1")
    assert risk.fees_unpriced(desk.state) == {("sim-1", "ema", "BNB"): Decimal("0.6")}
    assert risk.fees_unpriced(state()) == {}


def test_a_cell_shows_the_stricter_of_what_holds_for_it_and_what_is_latched_for_it() -> None:
    held = state()
    held.control["a", "s", "BTC"] = "PAUSED"
    held.control["a", "s", "ETH"] = "PAUSED"
    on = {labels for labels, value in risk.trading_states(held).items() if value}
    assert {one for one in on if one[1] == "s"} == {
        ("a", "s", "BTC", "REDUCING"),
        ("a", "s", "ETH", "PAUSED"),
    }


def drift(log: str, venue: str) -> Finding:
    finding = Finding("POSITION_DRIFT/BTC", "POSITION_DRIFT", "V", "", "1", "BTC")
    return finding._replace(log_qty=Decimal(log), venue_qty=Decimal(venue))


def test_a_drift_in_percent_of_the_larger() -> None:
    account = Account(broken={"d": drift("1", "0.98")})
    assert reconciliation.drifts(account, ("BTC", "ETH")) == {"BTC": 2, "ETH": 0}
    account = Account(suspected={"d": Suspicion(drift("0", "0.3"), 0)})
    assert reconciliation.drifts(account, ("BTC",)) == {"BTC": 100}
    assert reconciliation.drifts(Account(), ("BTC",)) == {"BTC": 0}


def test_breaks_by_kind_also_where_there_are_none() -> None:
    found = reconciliation.breaks({"a": Account(broken={"d": drift("1", "2")})})
    assert found["a", "POSITION_DRIFT"] == 1
    assert sum(map(float, found.values())) == 1
    assert len(found) == len(reconciliation.KINDS)


def test_a_logic_that_is_seen_decides_the_same() -> None:
    seen = Seen(RiskLogic())
    assert (seen.name, seen.state) == ("risk", None)
    initial = seen.initial()
    after, outputs = seen.step(initial, batch_of([]))
    assert outputs == []
    assert seen.state is after
