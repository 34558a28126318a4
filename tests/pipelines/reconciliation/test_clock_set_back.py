"""A clock that is set back hides nothing: what was told before it counts as long ago."""

from __future__ import annotations

import pytest

from tests.pipelines.reconciliation.rig import Rig, kinds, listed, trade

HOUR_MS = 3_600_000


def set_back(rig: Rig, ms: int = HOUR_MS) -> None:
    rig.tick(-ms)


def held() -> Rig:
    """Ten bought just now."""
    rig = Rig(now_ms=10 * HOUR_MS)
    rig.open(qty="10")
    rig.fill("10")
    return rig


def test_a_fill_of_before_explains_no_drift() -> None:
    rig = held()
    set_back(rig)
    rig.tick(1_000)
    rig.round("5", "-1000")
    rig.tick(5_000)
    assert kinds(rig.round("5", "-1000")) == ["BreakFound POSITION_DRIFT", "TradingHalted"]
    rig.tick(5_000)
    assert kinds(rig.round("10", "-1000")) == ["BreakCleared POSITION_DRIFT"]
    rig.check_saved()


@pytest.mark.parametrize("ms", [0, 30_000])
def test_a_fill_told_a_little_ahead_still_explains(ms: int) -> None:
    """Two machines' clocks are never equal."""
    rig = held()
    set_back(rig, ms)
    rig.round("0", "0", ago_ms=100)
    assert rig.round("0", "0", ago_ms=50) == []


def test_a_missing_fill_is_booked() -> None:
    rig = Rig(now_ms=10 * HOUR_MS)
    rig.open(qty="2")
    rig.trades(trade("2"))
    set_back(rig)
    assert "OrderFilled" in kinds(rig.tick(2_000))


def test_an_order_that_is_gone_is_found() -> None:
    rig = Rig(now_ms=10 * HOUR_MS)
    rig.open(qty="2")
    set_back(rig)
    rig.round("0", "0")
    assert kinds(rig.tick(2_000)) == ["BreakFound ORDER_UNKNOWN"]
    assert kinds(rig.round("0", "0", [listed()])) == ["BreakCleared ORDER_UNKNOWN"]


def test_a_watch_that_is_gone_is_found() -> None:
    rig = held()
    rig.round("10", "-1000")
    set_back(rig)
    assert rig.tick(15_000) == []
    assert kinds(rig.tick(1_000)) == ["BreakFound SNAPSHOT_STALE"]
