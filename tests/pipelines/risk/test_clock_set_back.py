"""A clock that is set back stops nothing: risk goes on with the time it says now.

A tick up to 3 s behind may only be late: nothing is approved on a clock that is silent for longer.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from schemas.events import OrderApproved
from tests.pipelines.orders.events import event
from tests.pipelines.risk.rig import ACCOUNT, START_MS, STRATEGY, Desk, request

DAY_MS = 86_400_000


def ask(desk: Desk, name: str, price: str = "100", side: str = "BUY") -> Any:
    """The answer to an order whose tick came just now: why not, or OrderApproved."""
    order = request(name, side, "1", price)._replace(ts_recv_ns=desk.now_ms * 1_000_000)
    answer = desk.ask(order)
    return OrderApproved if isinstance(answer, OrderApproved) else answer.reason


def set_back(desk: Desk, ms: int) -> Desk:
    desk.now_ms -= ms
    desk.clock()
    body = desk.logic.dump(desk.state)
    assert desk.logic.dump(desk.logic.load(body, 2)) == body
    return desk


@pytest.mark.parametrize("ms", [4_000, 60_000, 400 * DAY_MS])
def test_marks_are_followed_and_losses_counted(ms: int) -> None:
    desk = Desk(LOSS_DAILY_MAX="10").begin().play("pos:5 limit:TICK_AGE_MAX_MS=2000")
    set_back(desk, ms).play("mark:99")
    assert ask(desk, "a", "98.1") is OrderApproved
    desk.play("mark:97.9")
    assert ask(desk, "b", "98") == "LOSS_DAILY"
    assert ask(desk, "out", "98.2", "SELL") is OrderApproved
    assert desk.outputs[-1].event.mark_ts_recv_ns <= desk.now_ms * 1_000_000, "as the gateway wants"


@pytest.mark.parametrize(("behind_ms", "is_set_back"), [(3_000, False), (3_001, True)])
def test_a_tick_that_is_only_late_sets_nothing_back(behind_ms: int, is_set_back: bool) -> None:
    desk = Desk().begin().play("still+5s mark:100")
    desk.gateway, now_ns = False, desk.state.now_ns
    set_back(desk, behind_ms + 1)
    assert desk.state.now_ns == now_ns - is_set_back * behind_ms * 1_000_000


def test_what_was_stale_stays_stale() -> None:
    desk = set_back(Desk().begin().play("+5s"), 6_000)
    assert ask(desk, "a") == "MARK_STALE"
    desk.play("mark:100")
    assert ask(desk, "a") is OrderApproved


def test_a_gateway_that_is_gone_is_not_there_again() -> None:
    desk = Desk().begin()
    desk.gateway = False
    set_back(desk.play("+5s"), 6_000).play("+2s mark:100")
    assert ask(desk, "a") == "GATEWAY_NOT_READY"
    desk.put("oms.order-event.v1", event("GatewayReady"))
    assert ask(desk, "a") is OrderApproved


@pytest.mark.parametrize(
    ("limit", "reason", "over_s"),
    [
        pytest.param({"ORDERS_PER_SECOND_MAX": "1"}, "ORDERS_PER_SECOND", 1, id="second"),
        pytest.param({"ORDERS_PER_MINUTE_MAX": "1"}, "ORDERS_PER_MINUTE", 60, id="minute"),
        pytest.param({"DUPLICATE_WINDOW_MS": "5000"}, "ORDER_DUPLICATE", 5, id="duplicate"),
        pytest.param(
            {"EXECUTIONS_REPEATED_MAX": "1", "EXECUTIONS_WINDOW_MS": "5000"},
            "EXECUTION_REPEATED",
            5,
            id="executions",
        ),
    ],
)
def test_windows_hold_from_then_on(limit: dict[str, str], reason: str, over_s: int) -> None:
    desk = set_back(Desk(**limit).begin().play("pos:1"), 3_600_000).play("mark:100")
    assert ask(desk, "a") == reason
    desk.play(f"resume:{STRATEGY} +{over_s}s mark:100")
    assert ask(desk, "b") is OrderApproved
    assert all(at <= desk.state.now_ns for at in desk.state.levels[None, None, None].approved_ns)


def test_a_day_that_has_begun_does_not_begin_again_but_the_next_one_does() -> None:
    desk = Desk(LOSS_DAILY_MAX="10").begin()
    desk.now_ms = (START_MS // DAY_MS + 1) * DAY_MS - 1
    desk.clock()
    desk.play("mark:100 pos:5 mark:97")
    set_back(desk, 10_000).play("+20s mark:97")
    assert ask(desk, "a", "97") == "LOSS_DAILY", "midnight twice is one day's end"
    desk.now_ms += DAY_MS
    desk.clock()
    desk.play("mark:97")
    assert ask(desk, "b", "97") is OrderApproved


def test_after_a_clock_that_ran_far_ahead_days_end_again() -> None:
    desk = Desk(LOSS_DAILY_MAX="10").begin()
    desk.now_ms += 400 * DAY_MS
    desk.clock()
    set_back(desk, 400 * DAY_MS).play("mark:100 pos:5 mark:97")
    assert ask(desk, "a", "97") == "LOSS_DAILY"
    desk.now_ms += 2 * DAY_MS
    desk.clock()
    desk.play("mark:97")
    assert ask(desk, "b", "97") is OrderApproved
    assert desk.state.levels[ACCOUNT, None, None].day_pnl == Decimal(-15)
