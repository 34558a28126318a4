"""Drift of positions and balances: found in two rounds where nothing in flight explains it, then
halted; cleared once a round agrees.
"""

from __future__ import annotations

from decimal import Decimal

import pytest

from schemas.events import BreakFound, TradingHalted
from tests.pipelines.orders.events import event
from tests.pipelines.reconciliation.rig import (
    ACCOUNT,
    BTC,
    Rig,
    held,
    kinds,
    listed,
    only,
    terms,
)

D = Decimal


def test_a_drift_in_two_rounds_halts_the_instrument() -> None:
    rig = held()
    assert rig.round("9.8", "-1000") == []
    found = rig.round("9.8", "-1000")
    assert kinds(found) == ["BreakFound POSITION_DRIFT", "TradingHalted"]
    halted = only(found, TradingHalted)
    assert (halted.account, halted.instrument, halted.strategy) == (ACCOUNT, BTC, None)
    assert (halted.cancel_orders, halted.source) == (True, "RECONCILIATION")
    assert halted.evidence_id == f"POSITION_DRIFT/{BTC}"
    assert rig.round("9.8", "-1000") == [], "halted once"
    rig.check_saved()
    assert kinds(rig.round("10", "-1000")) == ["BreakCleared POSITION_DRIFT"]


@pytest.mark.parametrize(
    ("btc", "found"),
    [
        pytest.param("9.9", [], id="a lot less"),
        pytest.param("10.1", [], id="a lot more"),
        pytest.param("9.89", ["BreakFound POSITION_DRIFT", "TradingHalted"], id="beyond a lot"),
        pytest.param("0", ["BreakFound POSITION_DRIFT", "TradingHalted"], id="all gone"),
    ],
)
def test_beyond_one_lot_and_one_percent(btc: str, found: list[str]) -> None:
    rig = held()
    rig.round(btc, "-1000")
    assert kinds(rig.round(btc, "-1000")) == found


def test_one_percent_counts_where_it_is_more_than_a_lot() -> None:
    rig = held("100")
    rig.round("99", "-10000")
    assert rig.round("99", "-10000") == []
    rig.round("98.9", "-10000")
    assert only(rig.round("98.9", "-10000"), TradingHalted)


def test_a_round_without_the_drift_begins_anew() -> None:
    rig = held()
    for btc in ("9", "10", "9"):
        assert rig.round(btc, "-1000") == []


def test_an_order_in_flight_explains_its_quantity_and_no_more() -> None:
    rig = held()
    rig.open("C2", "1")
    rig.tell("OrderOutcomeUnknown", "C2")
    for _ in range(3):
        assert not [e for e in rig.round("11", "-1100") if isinstance(e, TradingHalted)]
    rig.round("11.2", "-1100")
    assert only(rig.round("11.2", "-1100"), TradingHalted)


def test_an_order_in_flight_explains_its_own_side_alone() -> None:
    rig = held()
    rig.open("C2", "1")
    rig.round("9", "-1000")
    assert only(rig.round("9", "-1000"), TradingHalted)


def test_an_order_that_rests_untouched_explains_nothing() -> None:
    rig = held()
    rig.open("C2", "1")
    resting = [listed("C2", "1")]
    rig.round("11", "-1100", resting)
    assert only(rig.round("11", "-1100", resting), TradingHalted)


def test_fills_told_since_the_round_began_explain_their_side() -> None:
    rig = held()
    for at, (before, after) in enumerate([("10", "11"), ("11", "12")]):
        rig.open(f"D{at}", "1")
        rig.fill("1", f"d{at}", f"D{at}")
        assert rig.round(before, ago_ms=50) == [], f"the venue was asked before it held {after}"
        rig.now_ms += 1_000
    rig.round("11")
    assert only(rig.round("11"), TradingHalted)


def test_orders_read_before_the_balances_may_have_filled_since() -> None:
    rig = held()
    rig.open("C2", "1")
    for _ in range(3):
        assert rig.round("11", "-1000", [listed("C2", "1")], balances_ms=1) == []


def test_the_same_round_told_twice_is_one() -> None:
    rig = held()
    assert rig.round("5") == []
    again = [item.event for item in rig.inputs[-2:]]
    assert [rig.feed(item) for item in again] == [[], []]


def test_what_may_explain_a_drift_does_not_clear_it() -> None:
    rig = held()
    for _ in range(2):
        found = rig.round("9", "-1000")
    assert only(found, TradingHalted)
    rig.open("C2", "1", side="SELL")
    rig.tell("OrderOutcomeUnknown", "C2")
    assert rig.round("9", "-1000") == []
    assert kinds(rig.round("10", "-1000")) == ["BreakCleared POSITION_DRIFT"]


def test_a_round_that_could_not_judge_forgets_no_suspicion() -> None:
    rig = held()
    rig.round("9", "-1000")
    rig.open("C2", "1", side="SELL")
    rig.round("9", "-1000")
    rig.tell("OrderCanceled", "C2", cum_qty=D(0))
    assert only(rig.round("9", "-1000"), TradingHalted)


def test_a_drift_that_grows_is_found_and_halted_again() -> None:
    rig = held()
    held_btc = ("9", "9", "8.95", "8.95", "8.5", "8.5", "8.5", "10")
    found = [kinds(rig.round(btc, "-1000")) for btc in held_btc]
    again = ["BreakFound POSITION_DRIFT", "TradingHalted"]
    cleared = ["BreakCleared POSITION_DRIFT"]
    assert found == [[], again, [], [], [], again, [], cleared]
    rig.check_saved()


def test_a_drift_that_grew_in_one_round_alone_is_not_halted_again() -> None:
    rig = held()
    found = [kinds(rig.round(btc, "-1000")) for btc in ("9", "9", "8.5", "8.95", "8.5", "8.95")]
    assert found == [[], ["BreakFound POSITION_DRIFT", "TradingHalted"], [], [], [], []]
    rig.check_saved()


def test_an_order_in_flight_neither_clears_a_balance_nor_hides_another_ones() -> None:
    rig = held()
    other = terms("ETHBTC.BINANCE", "ETH")._replace(quote_asset="EUR")
    rig.feed(event("LimitsChanged", instruments=(terms(BTC, "BTC"), other)))
    for _ in range(2):
        found = rig.round("10", "-1001")
    assert kinds(found) == ["BreakFound BALANCE_DRIFT"]
    rig.open("C2", "1")
    assert rig.round("10", "-1001") == []
    rig.tell("OrderCanceled", "C2", cum_qty=D(0))
    rig.open("C3", "1", instrument="ETHBTC.BINANCE")
    for _ in range(2):
        found = rig.round("10", "-1002")
    assert kinds(found) == ["BreakFound BALANCE_DRIFT"]
    assert kinds(rig.round("10", "-1000")) == ["BreakCleared BALANCE_DRIFT"]


def test_a_balance_that_drifts_is_a_break_and_no_halt() -> None:
    rig = held()
    rig.transfer("USDT", "5000", "t1")
    rig.transfer("USDT", "5000", "t1")
    assert rig.round("10", "4000") == []
    assert rig.round("10", "3999.98") == []
    found = rig.round("10", "3999.98")
    assert kinds(found) == ["BreakFound BALANCE_DRIFT"]
    assert found[0].asset == "USDT"
    assert kinds(rig.round("10", "4000")) == ["BreakCleared BALANCE_DRIFT"]


def test_a_sum_finer_than_a_quantity_is_told_in_words() -> None:
    rig = Rig()
    rig.open(qty="3")
    rig.fill("1.0000000001", last_px=D("0.0000000001"))
    rig.now_ms += 100
    resting = [listed(qty="3", cum="1.0000000001")]
    rig.round("1.0000000001", "5", resting)
    found = only(rig.round("1.0000000001", "5", resting), BreakFound)
    assert kinds([found]) == ["BreakFound BALANCE_DRIFT"]
    assert (found.log_qty, found.venue_qty) == (None, 5)
    assert "-0.00000000010000000001" in found.detail
