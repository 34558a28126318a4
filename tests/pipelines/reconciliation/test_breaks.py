"""Positions of record and every kind of break: found, found once, cleared by evidence.

1. fills make positions, average prices and profit, each fill once
2. orders and fills that the venue has otherwise: only if it lasts; booked where it is ours
3. snapshots that stay away; a person's evidence; what is forgotten (drift: see `test_drift`)
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from pipelines.logic import StateVersionError
from schemas.events import (
    BreakCleared,
    BreakFound,
    OrderFilled,
    PositionChanged,
)
from tests.pipelines.orders.events import event
from tests.pipelines.reconciliation.rig import (
    ACCOUNT,
    BTC,
    Rig,
    held,
    kinds,
    listed,
    only,
    trade,
)

D = Decimal


# ---- positions -----------------------------------------------------------------------------------


def test_fills_make_positions_average_prices_and_profit() -> None:
    rig, rows = Rig(), []
    rig.open("C1", "10")
    rig.open("C2", "10", "SELL")
    script = [("C1", "BUY", "1", "100"), ("C1", "BUY", "2", "130"), ("C2", "SELL", "1", "150")]
    for at, (order, side, qty, px) in enumerate(script):
        changed = only(rig.fill(qty, str(at), order, side=side, last_px=D(px)), PositionChanged)
        rows.append((changed.position_qty, changed.avg_px, changed.realized_pnl))
    assert rows == [(D(1), D(100), D(0)), (D(3), D(120), D(0)), (D(2), D(120), D(30))]
    last = only(rig.fill("2", "9", "C2", side="SELL", last_px=D(90)), PositionChanged)
    assert (last.position_qty, last.avg_px, last.realized_pnl) == (0, None, -30)
    assert (last.previous_position_qty, last.strategy, last.account) == (2, "s", ACCOUNT)


def test_an_average_that_is_no_decimal_is_rounded_once() -> None:
    rig = Rig()
    rig.open(qty="3")
    rig.fill("1", "1", last_px=D(100))
    changed = only(rig.fill("2", "2", last_px=D("100.5")), PositionChanged)
    assert changed.avg_px == D("100.333333333333333333")


def test_a_fee_in_the_base_asset_is_taken_off() -> None:
    rig = Rig()
    rig.open()
    fee: dict[str, Any] = {"commission": D("0.1"), "comm_currency": "BTC"}
    assert only(rig.fill("2", **fee), PositionChanged).position_qty == D("1.9")


def test_a_correction_by_hand_counts_once() -> None:
    rig = Rig()
    rig.open()
    fields = {"adjustment_id": "a", "qty": D(1), "price": None}
    changed = only(rig.feed(event("PositionAdjusted", **fields)), PositionChanged)
    assert changed.position_qty == 1
    assert rig.feed(event("PositionAdjusted", **fields)) == []


# ---- orders --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("orders", "kind"),
    [
        pytest.param([], "ORDER_UNKNOWN", id="not open at the venue"),
        pytest.param([listed(cum="1")], "ORDER_STATE_MISMATCH", id="filled further"),
        pytest.param([listed(), listed("X")], "ORDER_FOREIGN", id="not ours"),
    ],
)
def test_an_order_break_lasts_is_found_once_and_is_cleared(orders: list[Any], kind: str) -> None:
    rig = Rig(balance_drift_max=D(10**6), drift_bps=10**6)
    rig.open()
    rig.now_ms += 10
    assert rig.round(orders=orders) == []
    assert rig.tick(1_999) == []
    assert kinds(rig.tick(1)) == [f"BreakFound {kind}"]
    assert rig.round(orders=orders) == []
    assert rig.tick() == []
    rig.check_saved()
    cleared = only(rig.round(orders=[listed()]), BreakCleared)
    assert (cleared.kind, cleared.snapshot_id, cleared.person) == (kind, "S3", "")


def test_an_order_that_ended_and_is_still_open_at_the_venue() -> None:
    rig = Rig()
    rig.open()
    rig.tell("OrderCanceled")
    rig.now_ms += 10
    rig.round(orders=[listed()])
    assert kinds(rig.tick(2_000)) == ["BreakFound ORDER_STATE_MISMATCH"]


def test_what_the_log_learned_after_the_venue_was_asked_is_no_break() -> None:
    rig = Rig()
    rig.open()
    rig.now_ms += 10
    rig.fill("1")
    rig.round(btc="0", orders=[listed()])
    assert rig.tick(3_000) == []


def test_an_order_accepted_after_the_venue_was_asked_is_no_break() -> None:
    rig = Rig()
    rig.open()
    rig.round(ago_ms=50)
    assert rig.tick(3_000) == []


def test_a_report_that_comes_in_time_is_no_break() -> None:
    rig = Rig()
    rig.open()
    rig.now_ms += 10
    rig.round(btc="1", usdt="-100", orders=[listed(cum="1")])
    rig.trades(trade("1"))
    rig.fill("1")
    assert rig.tick(3_000) == []


# ---- fills ---------------------------------------------------------------------------------------


def test_a_missing_fill_is_booked_with_the_venues_identity() -> None:
    rig = Rig()
    rig.open()
    assert rig.trades(trade("1.5", fee="0.2")) == []
    found = rig.tick(2_000)
    assert kinds(found) == ["BreakFound FILL_MISSING", "OrderFilled", "PositionChanged"]
    booked, changed = only(found, OrderFilled), only(found, PositionChanged)
    assert (booked.order_id, booked.trade_id, booked.cl_ord_id) == ("VC1", "1", "C1")
    assert (booked.reconciled, booked.strategy, booked.cum_qty) == (True, "s", D("1.5"))
    assert changed.position_qty == D("1.5")
    rig.check_saved()
    assert rig.tick(5_000) == []
    assert kinds(rig.trades(trade("1.5", fee="0.2"))) == ["BreakCleared FILL_MISSING"]
    assert rig.fill("1.5", commission=D("0.2"), comm_currency="USDT") == []
    assert kinds(rig.fill("1.5")) == ["BreakFound FILL_DUPLICATE"]


def test_several_missing_fills_follow_each_other() -> None:
    rig = Rig()
    rig.open()
    rig.trades(trade("1", "1"), trade("0.5", "2"))
    found = rig.tick(2_000)
    positions = [item.position_qty for item in found if isinstance(item, PositionChanged)]
    assert positions == [1, D("1.5")]
    assert [f.cum_qty for f in found if isinstance(f, OrderFilled)] == [1, D("1.5")]


def test_a_foreign_fill_is_not_booked() -> None:
    rig = Rig()
    rig.open()
    rig.trades(trade("1", order="X"))
    assert kinds(rig.tick(2_000)) == ["BreakFound FILL_FOREIGN"]


def test_a_fill_is_ours_once_the_log_names_its_order() -> None:
    rig = Rig()
    for kind in ("OrderApproved", "OrderSubmitting"):
        rig.tell(kind, order_qty=D(2), side="BUY")
    rig.trades(trade("2"))
    rig.tell("OrderAccepted")
    assert kinds(rig.tick(2_000))[:2] == ["BreakFound FILL_MISSING", "OrderFilled"]
    assert rig.tick() == []


def test_a_fill_listed_before_and_after_the_log_names_its_order_is_booked_once() -> None:
    rig = Rig()
    for kind in ("OrderApproved", "OrderSubmitting"):
        rig.tell(kind, order_qty=D(2), side="BUY")
    rig.trades(trade("2"))
    rig.tell("OrderAccepted")
    rig.trades(trade("2"))
    found = kinds(rig.tick(2_000))
    assert found == ["BreakFound FILL_MISSING", "OrderFilled", "PositionChanged"]
    assert rig.state.accounts[ACCOUNT].holdings["s", BTC].qty == 2
    assert rig.tick() == []
    rig.check_saved()


def test_a_fill_told_twice_counts_once_and_is_a_break_until_listed() -> None:
    rig = Rig()
    rig.open()
    rig.fill("1")
    assert kinds(rig.fill("1")) == ["BreakFound FILL_DUPLICATE"]
    assert rig.fill("1") == []
    assert rig.state.accounts[ACCOUNT].holdings["s", BTC].qty == 1
    assert kinds(rig.trades(trade("1"))) == ["BreakCleared FILL_DUPLICATE"]


def test_another_fee_at_the_venue() -> None:
    rig = Rig()
    rig.open()
    rig.fill("1", commission=D("0.1"))
    rig.trades(trade("1", fee="0.2"))
    found = only(rig.tick(2_000), BreakFound)
    assert (found.kind, found.log_qty, found.venue_qty) == ("FEE_MISMATCH", D("0.1"), D("0.2"))
    assert kinds(rig.trades(trade("1", fee="0.1"))) == ["BreakCleared FEE_MISMATCH"]


def test_a_persons_evidence_clears_a_break() -> None:
    rig = held()
    rig.trades(trade("1", "7", order="X"))
    found = only(rig.tick(2_000), BreakFound)
    fields = {"adjustment_id": "a", "qty": D(1), "price": D(100), "person": "ann", "reason": "seen"}
    out = rig.feed(event("PositionAdjusted", evidence=found.break_id, **fields))
    assert kinds(out) == ["PositionChanged", "BreakCleared FILL_FOREIGN"]
    assert only(out, BreakCleared).person == "ann"
    assert rig.round("11", "-1100") + rig.round("11", "-1100") == []


def test_a_snapshot_that_stays_away_is_a_break() -> None:
    rig = held()
    rig.round("10", "-1000")
    assert rig.tick(15_000) == []
    assert kinds(rig.tick(1)) == ["BreakFound SNAPSHOT_STALE"]
    assert rig.tick() == []
    assert kinds(rig.round("10", "-1000")) == ["BreakCleared SNAPSHOT_STALE"]


DAY_MS = 86_400_000


def settled() -> Rig:
    """An order that ended three days ago with one fill at the venue's 500, and one that rests."""
    rig = Rig()
    rig.open(qty="10")
    rig.fill("10", ts_event_ns=500)
    rig.open("C2")
    rig.now_ms += 100
    rig.round("10", "-1000", [listed("C2")])
    rig.tick(3 * DAY_MS)
    return rig


def test_orders_that_ended_and_their_fills_are_forgotten_once_a_round_agreed() -> None:
    account = settled().state.accounts[ACCOUNT]
    assert (set(account.orders), set(account.names)) == ({"C2"}, {(BTC, "VC2")})
    assert (account.fills, account.settled_ns) == ({}, 500)
    assert account.holdings["s", BTC].qty == 10


def test_without_a_round_that_agreed_nothing_is_forgotten() -> None:
    rig = Rig()
    rig.open(qty="10")
    rig.fill("10", ts_event_ns=500)
    rig.tick(3 * DAY_MS)
    rig.round("8", "-1000")  # as late as it is, it shows a drift
    rig.tick(3 * DAY_MS)
    account = rig.state.accounts[ACCOUNT]
    assert (set(account.orders), len(account.fills)) == ({"C1"}, 1)


def test_an_order_with_an_open_break_is_kept() -> None:
    rig = Rig()
    rig.open(qty="10")
    rig.fill("10", ts_event_ns=500)
    rig.fill("10", ts_event_ns=500)
    rig.now_ms += 100
    rig.round("10", "-1000")
    rig.tick(3 * DAY_MS)
    assert len(rig.state.accounts[ACCOUNT].fills) == 1
    rig.trades(trade("10", ts_event_ns=500))
    rig.tick(DAY_MS)
    assert not rig.state.accounts[ACCOUNT].fills


def test_what_was_forgotten_is_not_counted_or_judged_again() -> None:
    rig = settled()
    rig.trades()
    assert rig.trades(trade("10", ts_event_ns=500)) == []
    assert rig.tick(2_000) == []
    assert kinds(rig.fill("10", ts_event_ns=500)) == ["BreakFound FILL_DUPLICATE"]
    assert rig.state.accounts[ACCOUNT].holdings["s", BTC].qty == 10
    assert kinds(rig.trades(trade("10", ts_event_ns=500))) == ["BreakCleared FILL_DUPLICATE"]


def test_what_is_newer_or_of_a_known_order_is_judged() -> None:
    rig = settled()
    rig.trades(trade("1", "9", "X", ts_event_ns=501), trade("1", "8", "C2", ts_event_ns=499))
    found = kinds(rig.tick(2_000))
    assert found[0] == "BreakFound FILL_FOREIGN"
    assert found[1] == "BreakFound FILL_MISSING"


def test_a_foreign_fill_stays_a_break_however_old_it_grows() -> None:
    rig = Rig()
    rig.open(qty="10")
    rig.fill("10", ts_event_ns=500)
    rig.trades(trade("1", "9", "X", ts_event_ns=400))
    assert kinds(rig.tick(2_000)) == ["BreakFound FILL_FOREIGN"]
    rig.round("10", "-1000")
    rig.tick(3 * DAY_MS)
    assert rig.state.accounts[ACCOUNT].settled_ns == 500
    rig.trades()
    assert rig.trades(trade("1", "9", "X", ts_event_ns=400)) == []


def test_a_state_of_the_first_form_is_read() -> None:
    rig = settled()
    body = json.loads(rig.logic.dump(rig.state))
    for account in body["accounts"].values():
        del account["agreed_ns"], account["settled_ns"]
        account["fills"] = [[key, fill[:6]] for key, fill in account["fills"]]
    old = rig.logic.load(json.dumps(body).encode(), 1)
    assert old.accounts[ACCOUNT].orders == rig.state.accounts[ACCOUNT].orders
    assert old.accounts[ACCOUNT].settled_ns == 0


def test_another_form_of_state_is_refused() -> None:
    rig = Rig()
    with pytest.raises(StateVersionError):
        rig.logic.load(rig.logic.dump(rig.state), 3)
