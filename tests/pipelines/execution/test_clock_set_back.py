"""A clock that is set back stops nothing: what was stamped before counts as long ago.

Each case at a step that counts as one, and at the largest that does not.
"""

from __future__ import annotations

from typing import Any

import pytest

from pipelines.ages import STEP_BACK_MS
from schemas.events import CancelRequested, OrderRequested
from tests.pipelines.execution.rig import Rig, options

steps = pytest.mark.parametrize(
    "set_back",
    [pytest.param(True, id="set back"), pytest.param(False, id="within the tolerance")],
)


def step(rig: Rig, set_back: bool) -> None:
    rig.now_ms -= STEP_BACK_MS + set_back


def requested(found: list[Any]) -> OrderRequested:
    [request] = [each for each in found if isinstance(each, OrderRequested)]
    return request


def working(qty: str = "1") -> tuple[Rig, OrderRequested]:
    rig = Rig(options()).start()
    request = requested(rig.want(qty))
    rig.accept(request)
    return rig, request


def reasons(found: list[Any]) -> list[str]:
    """Those of cancels, which are all that was asked for."""
    assert all(isinstance(each, CancelRequested) for each in found)
    return [each.reason for each in found]


@steps
def test_a_touch_of_before_is_not_fresh(set_back: bool) -> None:
    rig = Rig(options()).start()
    step(rig, set_back)
    asked = [each for each in rig.want("1") if isinstance(each, OrderRequested)]
    assert bool(asked) is not set_back


@steps
def test_an_order_on_a_touch_of_before_is_canceled(set_back: bool) -> None:
    rig, _ = working()
    step(rig, set_back)
    assert reasons(rig.tick(0)) == ["MARKET_STALE"] * set_back


def test_an_event_that_comes_late_is_no_clock_set_back() -> None:
    """Quotes went on while the gateway's word was on its way; only a tick says what time it is."""
    rig = Rig(options()).start()
    request = requested(rig.want("1"))
    rig.now_ms += STEP_BACK_MS + 500
    rig.quote()
    rig.now_ms -= STEP_BACK_MS + 1
    rig.accept(request)
    rig.fill(request, "0.5")
    assert reasons(rig.tick(STEP_BACK_MS)) == []
    assert not [one for one in rig.outputs if isinstance(one.event, CancelRequested)]


@steps
def test_a_cancel_without_effect_is_repeated(set_back: bool) -> None:
    rig, request = working("2")
    rig.want("1")
    rig.tell("OrderCancelRejected", request)
    step(rig, set_back)
    assert reasons(rig.tick(0)) == ["TARGET_CHANGED"] * set_back
    assert rig.tick(0) == [], "it is asked for once, not all the way back"


@steps
def test_an_order_away_from_the_touch_is_late(set_back: bool) -> None:
    rig, _ = working()
    step(rig, set_back)
    rig.quote("101", "102")
    assert reasons(rig.tick(0)) == ["ORDER_TIMED_OUT"] * set_back


@steps
@pytest.mark.parametrize("refusals", [1, 4])
def test_a_pause_is_over(set_back: bool, refusals: int) -> None:
    rig = Rig(options()).start()
    rig.deny(requested(rig.want("1")), refusals)
    step(rig, set_back)
    rig.quote()
    assert len(rig.tick(0)) == set_back
