"""What a trial of the kill switch counts as a failure, from what the venue saw."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from connectors.gateway.flat import Cleared
from ops.processes.kill import Killed
from tests.connectors.gateway.kills import MS, judged

BEGUN_NS = 1_700_000_000_000_000_000
LEFT = "not verified at the venue: no time; open: BTCUSDT.BINANCE BUY c12, ETHUSDT.BINANCE BUY c2"


def order(new_ms: int, canceled_ms: int | None = None) -> Any:
    """By milliseconds since the trigger."""
    status = "NEW" if canceled_ms is None else "CANCELED"
    gone_ns = BEGUN_NS + (canceled_ms or 0) * MS
    return SimpleNamespace(ts_ns=BEGUN_NS + new_ms * MS, status=status, update_ns=gone_ns)


def killed(looked_ms: int = 1_000, *alarms: str) -> Killed:
    return Killed((), Cleared(not alarms, ()), alarms, BEGUN_NS, BEGUN_NS + looked_ms * MS)


def failures(orders: list[Any], done: Killed, *left: str) -> tuple[int, int]:
    """`too late`, and `not free and no alarm`."""
    counts = judged(orders, "nothing", done, {*left})
    told = "kill switch, nothing broken"
    return counts[f"{told}: too late"], counts[f"{told}: not free and no alarm"]


def test_a_trial_within_every_limit_is_no_failure() -> None:
    assert failures([order(-5), order(100, 1_000)], killed(5_000)) == (0, 0)


@pytest.mark.parametrize("late", [order(101), order(-5, 1_001)])
def test_no_alarm_excuses_a_late_order_or_cancel(late: Any) -> None:
    assert failures([late], killed()) == (1, 0)
    assert failures([late], killed(1_000, LEFT)) == (1, 0)


def test_an_alarm_stands_for_the_venues_word_that_it_is_free() -> None:
    assert failures([], killed(5_001)) == (1, 0)
    assert failures([], killed(8_000, LEFT)) == (0, 0)


def test_an_alarm_says_which_orders_are_left() -> None:
    assert failures([], killed(), "c12") == (0, 1)
    assert failures([], killed(1_000, "no path worked"), "c12") == (0, 1)
    assert failures([], killed(1_000, LEFT), "c12", "c2") == (0, 0)
    assert failures([], killed(1_000, LEFT), "c1") == (0, 1)
