"""Positions are closed because the desk says so, and stay closed until it says otherwise."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from pipelines.gateway.scopes import Scope
from schemas.events import (
    CancelRequested,
    OrderRequested,
    PositionAdjusted,
    TradingFlattened,
    TradingResumed,
)
from tests.pipelines.execution.rig import ACCOUNT, BTC, STRATEGY, Rig, logic, options

ALL: Scope = (None, None, None)
MINE: Scope = (ACCOUNT, STRATEGY, BTC)
WHO = ("OPERATOR", "ada", "why", None, 0)


def flattened(scope: Scope = ALL) -> TradingFlattened:
    return TradingFlattened(*scope, *WHO)  # type: ignore[arg-type]


def resumed(scope: Scope = ALL) -> TradingResumed:
    return TradingResumed(*scope, *WHO)  # type: ignore[arg-type]


def holding(qty: str = "1.5", **changed: Any) -> Rig:
    """A line that holds what is wanted."""
    rig = Rig(options(**changed)).start()
    rig.feed(adjusted(Decimal(qty)))
    assert [type(e).__name__ for e in rig.want(qty)] == ["TargetChanged"]
    return rig


def adjusted(qty: Decimal) -> PositionAdjusted:
    names = ("a1", ACCOUNT, STRATEGY, "BINANCE", BTC)
    return PositionAdjusted(*names, qty, None, "ada", "taken over", "statement", 0)


def test_what_is_held_is_sold_at_the_other_sides_price() -> None:
    rig = holding(post_only=True)
    [request] = rig.feed(flattened())
    assert isinstance(request, OrderRequested)
    assert (request.side, request.order_qty, request.price) == (
        "SELL",
        Decimal("1.5"),
        Decimal("99.5"),
    )
    assert not request.post_only
    rig.accept(request)
    rig.fill(request, "1.5", "2")
    assert rig.line.position == 0
    assert rig.tick() == []
    rig.check_saved()


def test_more_than_one_order_takes_goes_in_pieces_down_to_the_lot() -> None:
    rig = holding("1.9", child_qty_max="1", lot_size="0.2")
    assert rig.line.position == Decimal("1.9")
    parents, sold = set(), []
    found = rig.feed(flattened())
    while sales := [e for e in found if isinstance(e, OrderRequested)]:
        [sale] = sales
        parents.add(sale.parent_id)
        sold.append(sale.order_qty)
        rig.accept(sale)
        found = rig.fill(sale, sale.order_qty, f"sold-{len(sold)}")
    assert sold == [Decimal(1), Decimal("0.8")]
    assert rig.line.position == Decimal("0.1")
    assert parents == {f"{STRATEGY}/{BTC}/ops.control.v1/0/2/0"}


def test_a_working_buy_is_canceled_first() -> None:
    rig = Rig(options()).start()
    request = rig.want("1")[1]
    rig.accept(request)
    [cancel] = rig.feed(flattened())
    assert isinstance(cancel, CancelRequested)
    rig.fill(request, "0.3")
    found = rig.tell("OrderCanceled", request, cum_qty=Decimal("0.3"))
    assert [(e.side, e.order_qty) for e in found] == [("SELL", Decimal("0.3"))]


def test_what_is_wanted_meanwhile_holds_after_the_resume() -> None:
    rig = Rig(options()).start()
    rig.feed(flattened(MINE))
    assert [type(e).__name__ for e in rig.want("1")] == ["TargetChanged"]
    assert rig.tick() == []
    rig.feed(resumed(ALL))
    assert rig.tick() == []
    rig.quote()
    [request] = rig.feed(resumed(MINE))
    assert (request.side, request.order_qty) == ("BUY", Decimal(1))
    rig.check_saved()


@pytest.mark.parametrize(
    "scope", [("other", None, None), (None, "other", None), (None, None, "ETHUSDT.BINANCE")]
)
def test_another_scope_is_left_alone(scope: Scope) -> None:
    rig = holding()
    assert rig.feed(flattened(scope)) == []
    assert rig.line.flat is None


def test_two_scopes_hold_until_both_are_resumed() -> None:
    rig = holding()
    rig.feed(flattened(ALL))
    rig.feed(flattened(MINE))
    rig.feed(resumed(ALL))
    assert rig.line.flat is not None
    rig.feed(resumed(MINE))
    assert rig.line.flat is None


def test_a_resume_ends_the_wait_after_refusals() -> None:
    rig = Rig(options()).start()
    request = rig.want("1")[1]
    rig.tell("OrderDenied", request)
    assert rig.line.pause is not None
    [again] = rig.feed(resumed())
    assert again.side == "BUY"


def test_a_flatten_does_not_wait_for_refusals_of_before() -> None:
    rig = holding()
    rig.deny(rig.want("0")[1], 8)
    rig.quote()
    [request] = rig.feed(flattened())
    assert request.side == "SELL"
    rig.tell("OrderDenied", request)
    assert rig.line.pause is not None
    assert rig.line.pause.refusals == 1, "its own refusals count anew"
    rig.check_saved()


def test_a_state_from_before_is_read() -> None:
    rig = holding()
    body = json.loads(rig.logic.dump(rig.state))
    del body["execution"]["flattened"]
    for line in body["execution"]["lines"][STRATEGY].values():
        del line["flat"]
    assert logic().load(json.dumps(body).encode(), 2).execution == rig.state.execution
