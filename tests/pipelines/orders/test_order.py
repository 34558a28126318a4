"""The table of an order's life, row by row; its quantities, over random sequences.

1. every pair of state and event is legal exactly where the table below says so
2. random events: filled never exceeds ordered, nothing is counted twice, a refusal changes nothing,
   an order in doubt reserves all it has not filled, an order that ended never lives again
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.exact import ZERO
from pipelines.orders.order import Order, Refusal, follow, refused
from pipelines.orders.table import ENDED, LIVE, RESOLVED
from schemas.events import OrderState
from tests.pipelines.orders.events import KINDS, event

TEN = Decimal(10)

# submit accept reject fill pending cancel cxlrej expire doubt resolve drop
LIFE = """
APPROVED        SUB . . . . . . . . . DRO
SUBMITTING      . ACC REJ ACC PEN CAN . EXP OUT . DRO
ACCEPTED        . ACC . ACC PEN CAN ACC EXP OUT . .
PENDING_CANCEL  . PEN REJ PEN PEN CAN ACC EXP OUT . DRO
OUTCOME_UNKNOWN . ACC REJ OUT OUT CAN OUT EXP OUT ACC DRO
FILLED          . FIL . . . . FIL . . . .
CANCELED        . CAN . . . . CAN . . . .
REJECTED        . . . . . . REJ . . . .
EXPIRED         . EXP . . . . EXP . . . .
ABSENT          . . . . . . ABS . . . .
DROPPED         . . . . . . DRO . . . .
"""
ROWS = [
    pytest.param(line.split()[0], kind, cell, id=f"{line.split()[0]}-{kind}")
    for line in LIFE.strip().splitlines()
    for kind, cell in zip(KINDS, line.split()[1:], strict=True)
]


def order_in(state: Any) -> Order:
    final = ZERO if state in ENDED else None
    if state == "FILLED":
        return Order(TEN, "FILLED", TEN, TEN)
    return Order(TEN, state, ZERO, final)


@pytest.mark.parametrize(("state", "kind", "cell"), ROWS)
def test_what_may_follow_what(state: OrderState, kind: str, cell: str) -> None:
    item = event(kind, last_qty=Decimal(4), trade_id="1", resolution="OPEN")
    after = follow(order_in(state), item)
    if cell == ".":
        assert isinstance(after, Refusal)
    else:
        assert isinstance(after, Order)
        assert after.state[:3] == cell


def test_every_state_has_a_row() -> None:
    assert {row.values[0] for row in ROWS} == {*LIVE, *ENDED}


@pytest.mark.parametrize("resolution", RESOLVED)
def test_a_query_tells_what_became_of_it(resolution: Any) -> None:
    cum = TEN if resolution == "FILLED" else ZERO
    item = event("OrderResolved", resolution=resolution, cum_qty=cum)
    after = follow(order_in("OUTCOME_UNKNOWN"), item)
    assert isinstance(after, Order)
    assert after.state == RESOLVED[resolution]


def test_fills_the_end_names_stay_reserved_until_they_are_seen() -> None:
    order = follow(order_in("ACCEPTED"), event("OrderCanceled", cum_qty=Decimal(3)))
    assert isinstance(order, Order)
    assert (order.reserved_qty, order.ended) == (Decimal(3), False)
    late = follow(order, event("OrderFilled", last_qty=Decimal(3), trade_id="9"))
    assert isinstance(late, Order)
    assert (late.state, late.reserved_qty, late.ended) == ("CANCELED", ZERO, True)
    more = follow(late, event("OrderFilled", last_qty=Decimal(1), trade_id="10"))
    assert isinstance(more, Refusal)


def test_a_refusal_is_an_event_that_names_order_state_and_event() -> None:
    item = event("OrderRejected", correlation_id="tick")
    refusal = follow(order_in("FILLED"), item)
    assert isinstance(refusal, Refusal)
    said = refused(order_in("FILLED"), item, refusal, "cause")
    assert (said.cl_ord_id, said.state, said.event) == ("C1", "FILLED", "OrderRejected")
    assert (said.reason, said.correlation_id) == ("TRANSITION_ILLEGAL", "tick")
    assert refused(None, item, Refusal("ORDER_UNKNOWN", ""), "cause").state == "UNKNOWN"


quantities = st.integers(0, 12).map(Decimal)
items = st.builds(
    lambda kind, last, trade, cum, resolution: event(
        kind, last_qty=last, trade_id=str(trade), cum_qty=cum, resolution=resolution
    ),
    st.sampled_from(KINDS),
    quantities,
    st.integers(0, 5),
    quantities,
    st.sampled_from(sorted(RESOLVED)),
)


@settings(deadline=None, max_examples=500)
@given(st.lists(items, max_size=40), st.sampled_from(LIVE))
def test_quantities_hold_over_random_events(sequence: list[Any], state: OrderState) -> None:
    order, seen = Order(TEN, state), dict[tuple[str, str], Decimal]()
    for item in sequence:
        after = follow(order, item)
        if isinstance(after, Refusal):
            continue
        if type(item).__name__ == "OrderFilled":
            key = item.order_id, item.trade_id
            assert key not in seen
            seen[key] = item.last_qty
        assert not (order.state in ENDED and after.state in LIVE)
        order = after
        assert order.cum_qty == sum(seen.values()) <= order.order_qty
        assert ZERO <= order.reserved_qty <= order.order_qty - order.cum_qty
        if order.state in LIVE:
            assert order.reserved_qty == order.order_qty - order.cum_qty
