"""Each hard cap in a row of a table; and no sequence of orders that breaks one.

#  what the order is                 what counts already         -> decision
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.exact import ZERO
from pipelines.gateway import saved
from pipelines.gateway.book import SECOND_MS
from pipelines.gateway.caps import CapsRefused, Usage, check, notional, parse_caps
from pipelines.gateway.fold import OrderFold
from pipelines.gateway.reports import FillReport, OrderReport
from tests.pipelines.gateway.orders import (
    BTC,
    CAPS,
    QUOTE,
    PlainReader,
    approved,
    caps,
    frame,
    response,
    sent,
)

FREE = Usage(0, 0, ZERO, 0, ZERO, ZERO)
D = Decimal


@pytest.mark.parametrize(
    ("order", "usage", "reason"),
    [
        ({}, {}, None),
        ({"account": "other"}, {}, "ACCOUNT_FOREIGN"),
        ({"instrument": "ETHUSDT.BINANCE"}, {}, "CAP_INSTRUMENT"),
        ({"order_qty": D(10)}, {}, None),
        ({"order_qty": D("10.00000001")}, {}, "CAP_ORDER_NOTIONAL"),
        ({"price": None, "reserved_notional": D(1001)}, {}, "CAP_ORDER_NOTIONAL"),
        ({}, {"notional_today": D(4900)}, None),
        ({}, {"notional_today": D("4900.01")}, "CAP_NOTIONAL_PER_DAY"),
        ({}, {"orders_this_second": 2}, None),
        ({}, {"orders_this_second": 3}, "CAP_ORDERS_PER_SECOND"),
        ({}, {"orders_today": 19}, None),
        ({}, {"orders_today": 20}, "CAP_ORDERS_PER_DAY"),
        ({}, {"open_orders": 3}, None),
        ({}, {"open_orders": 4}, "CAP_OPEN_ORDERS"),
        ({}, {"exposure_qty": D(11)}, None),
        ({}, {"exposure_qty": D("11.1")}, "CAP_POSITION"),
        ({"side": "SELL"}, {"exposure_qty": D(1)}, None),
        ({"side": "SELL"}, {"exposure_qty": D("0.9")}, "CAP_POSITION"),
        ({"side": "SELL"}, {"exposure_qty": D(20)}, None),
        ({}, {"exposure_qty": D(-2)}, "CAP_POSITION"),
        ({"parent_qty": D(5)}, {"parent_used_qty": D(4)}, None),
        ({"parent_qty": D(5)}, {"parent_used_qty": D("4.1")}, "CAP_PARENT"),
        ({"price": D("102.01")}, {}, None),
        ({"price": D("102.0100000001")}, {}, "CAP_PRICE"),
        ({"price": D("98.01"), "side": "SELL"}, {"exposure_qty": D(1)}, None),
        ({"price": D("98.0099999999"), "side": "SELL"}, {"exposure_qty": D(1)}, "CAP_PRICE"),
    ],
)
def test_caps(order: dict[str, Any], usage: dict[str, Any], reason: str | None) -> None:
    found = check(approved(**order), FREE._replace(**usage), QUOTE, caps())
    assert (found.reason if found else None) == reason


def test_no_quote_no_order() -> None:
    found = check(approved(), FREE, None, caps())
    assert found is not None
    assert found.reason == "CAP_QUOTE_MISSING"


@pytest.mark.parametrize(
    ("given_", "says"),
    [
        ({"order_notional_max": 1000.5}, "no exact number"),
        ({"order_notional_max": "ten"}, "not a decimal number"),
        ({"order_notional_max": "-1"}, "negative"),
        ({"orders_per_day_max": True}, "no whole number"),
        ({"orders_per_day_max": "20"}, "no whole number"),
        ({"live": "yes"}, "neither true nor false"),
        ({"position_max": {}}, "allowed instruments"),
        ({"account": ""}, "no name"),
        ({"position_max": {"BTC USDT.BINANCE": "1"}}, "no name of an instrument"),
        ({"leverage": 3}, "does not know leverage"),
    ],
)
def test_an_unclear_file_is_refused(given_: dict[str, Any], says: str) -> None:
    with pytest.raises(CapsRefused, match=says):
        caps(**given_)


@pytest.mark.parametrize("name", sorted({*CAPS}))
def test_a_missing_cap_is_refused(name: str) -> None:
    rest = {key: value for key, value in CAPS.items() if key != name}
    with pytest.raises(CapsRefused, match=f"lacks {name}"):
        parse_caps(rest)


def test_the_version_follows_the_values_and_not_their_writing() -> None:
    assert caps().version == caps(order_notional_max="1000.00").version
    assert caps().version != caps(order_notional_max="1000.01").version


class Desk:
    """Decisions in any order against one fold, as the gateway checks and counts them."""

    def __init__(self) -> None:
        self.fold = OrderFold(PlainReader())
        self.now_ms, self.number = 0, 0
        self.stamps: list[int] = []
        self.value = ZERO

    def order(self, side: str, qty: Decimal) -> None:
        self.number += 1
        order = approved(f"C{self.number}", side=side, order_qty=qty, parent_qty=qty)
        before = saved.dump(self.fold)
        refused = check(order, self.fold.book.usage(order, self.now_ms), QUOTE, TIGHT)
        assert saved.dump(self.fold) == before, "a replay does not ask about what was not sent"
        if refused is not None:
            return
        self.fold.apply(order)
        self.fold.apply(sent(order.cl_ord_id, ts_ms=self.now_ms))
        self.stamps.append(self.now_ms)
        self.value += notional(order)

    def fill(self, which: int, share: Decimal) -> None:
        live = list(self.fold.book.live)
        if live:
            entry = self.fold.book.entries[live[which % len(live)]]
            one = entry.approved
            qty = (entry.order.reserved_qty * share).quantize(D("1e-10"))
            trade = FillReport(
                one.cl_ord_id, one.instrument, f"V{one.cl_ord_id}", f"{len(entry.order.trades)}",
                one.side, D(100), qty, ZERO, "USDT", "TAKER",
            )  # fmt: skip
            self.fold.apply(frame([trade]))

    def cancel(self, which: int) -> None:
        live = list(self.fold.book.live)
        if live:
            entry = self.fold.book.entries[live[which % len(live)]]
            name = entry.approved.cl_ord_id
            request = sent(name, "CANCEL", entry.cancels + 1)
            self.fold.apply(request)
            report = OrderReport(name, f"V{name}", "CANCELED", entry.order.cum_qty)
            self.fold.apply(response(request, [report]))


# Small enough for a short sequence to meet each of them.
TIGHT = caps(notional_per_day_max=1100, orders_per_day_max=6, orders_per_second_max=2)
STEPS = st.one_of(
    st.tuples(st.just("order"), st.sampled_from(["BUY", "SELL"]), st.integers(1, 10).map(D)),
    st.tuples(st.just("fill"), st.integers(0, 9), st.sampled_from([D("0.25"), D(1)])),
    st.tuples(st.just("cancel"), st.integers(0, 9)),
    st.tuples(st.just("wait"), st.integers(1, 1500)),
)


@given(st.lists(STEPS, max_size=60))
def test_no_sequence_breaks_a_cap(steps: list[Any]) -> None:
    desk, limits = Desk(), TIGHT
    for name, *arguments in steps:
        if name == "wait":
            desk.now_ms += arguments[0]
        else:
            getattr(desk, name)(*arguments)
        book = desk.fold.book
        bought = sum(
            (e.order.reserved_qty for e in book.entries.values() if e.approved.side == "BUY"), ZERO
        )
        assert book.position(BTC) >= ZERO
        assert book.position(BTC) + bought <= limits.position_max[BTC]
        assert len(book.live) <= limits.open_orders_max
        assert desk.value <= limits.notional_per_day_max
        assert len(desk.stamps) <= limits.orders_per_day_max
        for stamp in desk.stamps:
            inside = [s for s in desk.stamps if stamp <= s < stamp + SECOND_MS]
            assert len(inside) <= limits.orders_per_second_max
