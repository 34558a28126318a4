"""Every check, one row each in `decisions.txt`: what was before, the order, the decision.

A desk begins with 20,000 USDT, a mark of 100 and the limits of `rig.LIMITS`.
"""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

import pytest

from schemas.events import DenialReason, OrderApproved, OrderDenied
from tests.pipelines.orders.events import event
from tests.pipelines.risk.rig import LIMITS, OTHER, Desk, limits_of, request, terms

TABLE = Path(__file__).with_name("decisions.txt").read_text().splitlines()[1:]
ROWS = [
    pytest.param(*(cell.strip() for cell in line.split("|")[1:]), id=line.split("|")[0].strip())
    for line in TABLE
]
ELSEWHERE = {
    "UNKNOWN",
    "LIMITS_MISSING",
    "GATEWAY_NOT_READY",
    "INSTRUMENT_UNKNOWN",
    "INSTRUMENT_RESTRICTED",
    "MARK_MISSING",
    "MARK_DIVERGED",
    "EXECUTION_REPEATED",
}


def decision(desk: Desk, order: str, **given: Any) -> Any:
    side, qty, price, *name = order.split()
    cl_ord_id = name[0] if name else "new"
    asked = request(cl_ord_id, side, qty, None if price == "-" else price)
    return desk.ask(asked._replace(**given))


def said(answer: Any) -> str:
    return answer.reason if isinstance(answer, OrderDenied) else "APPROVED"


@pytest.mark.parametrize(("before", "order", "wanted"), ROWS)
def test_each_check(before: str, order: str, wanted: str) -> None:
    assert said(decision(Desk().begin().play(before), order)) == wanted


def test_every_reason_has_a_row() -> None:
    assert {row.values[2] for row in ROWS} | ELSEWHERE == {*get_args(DenialReason), "APPROVED"}


def test_before_anything_is_known_everything_is_denied() -> None:
    desk = Desk()
    assert said(decision(desk, "BUY 1 100")) == "LIMITS_MISSING"
    desk.put("ops.control.v1", limits_of(desk.limits))
    assert said(decision(desk, "BUY 1 100")) == "CLOCK_MISSING"
    desk.clock()
    assert said(decision(desk, "BUY 1 100")) == "GATEWAY_NOT_READY"
    desk.put("oms.order-event.v1", event("GatewayReady"))
    assert said(decision(desk, "BUY 1 100")) == "MARK_MISSING"
    desk.play("mark:100")
    assert said(decision(desk, "BUY 1 100")) == "BALANCE_INSUFFICIENT"
    desk.play("cash:100")
    assert said(decision(desk, "BUY 1 100")) == "APPROVED"


def test_a_gateway_that_is_gone_is_forgotten_after_six_seconds() -> None:
    desk = Desk().begin()
    desk.gateway = False
    ready_ms = desk.state.ready["sim-1"] // 1_000_000
    for late_ms, wanted in ((3_000, "APPROVED"), (6_000, "APPROVED"), (6_001, "GATEWAY_NOT_READY")):
        desk.now_ms = ready_ms + late_ms - 4
        desk.clock()
        desk.play("mark:100")
        desk.now_ms = ready_ms + late_ms - 1  # the request comes a millisecond later
        answer = decision(desk, f"BUY {late_ms}e-3 100 o{late_ms}")
        assert said(answer) == wanted
    assert ("age_ms", "6001") in {(fact.name, fact.value) for fact in answer.facts}
    desk.put("oms.order-event.v1", event("GatewayReady"))
    assert said(decision(desk, "BUY 1 100")) == "APPROVED"


def test_a_gateway_of_the_first_states_form_has_to_say_so_again() -> None:
    desk = Desk().begin()
    body = json.loads(desk.logic.dump(desk.state))
    body["ready"] = ["sim-1"]
    loaded = desk.logic.load(json.dumps(body).encode(), 1)
    assert loaded.ready == {"sim-1": desk.state.now_ns}


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        pytest.param({"instrument": "ETHUSDT.BINANCE"}, "INSTRUMENT_UNKNOWN", id="instrument"),
        pytest.param({"venue": "COINBASE"}, "INSTRUMENT_UNKNOWN", id="venue"),
        pytest.param({"account": "sim-2"}, "GATEWAY_NOT_READY", id="account"),
        pytest.param({"ord_type": "UNKNOWN"}, "ORDER_MALFORMED", id="order type"),
        pytest.param({"time_in_force": "UNKNOWN"}, "ORDER_MALFORMED", id="time in force"),
        pytest.param({"ord_type": "MARKET"}, "ORDER_MALFORMED", id="market order with a price"),
        pytest.param({"price": None}, "ORDER_MALFORMED", id="limit order without a price"),
        pytest.param({"parent_qty": Decimal("0.5")}, "ORDER_MALFORMED", id="above its parent"),
        pytest.param({"cl_ord_id": "my order"}, "ORDER_MALFORMED", id="no name at a venue"),
        pytest.param({"cl_ord_id": "A" * 37}, "ORDER_MALFORMED", id="too long a name"),
        pytest.param({"strategy": ""}, "ORDER_MALFORMED", id="nobody's"),
    ],
)
def test_what_an_order_says(given: dict[str, Any], wanted: str) -> None:
    assert said(decision(Desk().begin(), "BUY 1 100", **given)) == wanted


def with_terms(**given: Any) -> Desk:
    desk = Desk().begin()
    limits = limits_of({**LIMITS, "MARK_BAND_BPS": "50"}, 2)
    desk.put("ops.control.v1", limits._replace(instruments=(terms(**given),)))
    return desk


def test_a_restricted_instrument() -> None:
    assert said(decision(with_terms(restricted=True), "BUY 1 100")) == "INSTRUMENT_RESTRICTED"


def test_an_instrument_in_another_currency_is_none_of_the_desks() -> None:
    assert said(decision(with_terms(quote_asset="EUR"), "BUY 1 100")) == "INSTRUMENT_UNKNOWN"


def test_the_mark_of_a_second_venue() -> None:
    desk = with_terms(band_instrument=OTHER)
    assert said(decision(desk, "BUY 1 100")) == "MARK_MISSING"
    desk.play("mark:100.51:OTHER")
    assert said(decision(desk, "BUY 1 100")) == "MARK_DIVERGED"
    desk.play("mark:100.5:OTHER")
    assert said(decision(desk, "BUY 1 100")) == "APPROVED"
    desk.play("+3s mark:100")
    assert said(decision(desk, "BUY 1 100 later")) == "MARK_STALE"


def test_a_strategy_that_trades_again_and_again_is_paused_until_resumed() -> None:
    desk = Desk(EXECUTIONS_REPEATED_MAX="2", EXECUTIONS_WINDOW_MS="10000").begin()
    desk.play("pos:1 pos:1")
    denied = decision(desk, "BUY 1 100")
    assert said(denied) == "EXECUTION_REPEATED"
    assert said(decision(desk, "BUY 1 100")) == "STATE_PAUSED"
    assert said(decision(desk, "SELL 2 100.5 exit")) == "APPROVED"
    desk.play("resume:ema")
    assert said(decision(desk, "BUY 1 99 entry")) == "APPROVED"


def test_limits_hold_for_an_account_a_strategy_and_the_desk() -> None:
    desk = Desk(ORDERS_OPEN_MAX="3").begin()
    other = limits_of({"ORDERS_OPEN_MAX": "1"}, scope=(None, "ema")).limits
    both = limits_of(desk.limits, 2)
    desk.put("ops.control.v1", both._replace(limits=(*both.limits, *other)))
    assert said(decision(desk, "BUY 1 100 a")) == "APPROVED"
    denied = decision(desk, "BUY 1 99 b")
    assert (said(denied), denied.facts[0].value) == ("ORDERS_OPEN", "*/ema/*")
    for name in ("b", "c"):
        assert said(decision(desk, f"BUY 1 99 {name}", strategy="s2")) == "APPROVED"
    denied = decision(desk, "BUY 1 99 d", strategy="s3")
    assert (said(denied), denied.facts[0].value) == ("ORDERS_OPEN", "*/*/*")


@pytest.mark.parametrize(
    ("kind", "reason"),
    [("ORDERS_OPEN_MAX", "ORDERS_OPEN"), ("POSITION_QTY_MAX", "POSITION_ABOVE_MAX")],
)
def test_an_account_is_limited_as_long_as_the_limits_name_it(kind: str, reason: str) -> None:
    desk = Desk().begin()
    assert said(decision(desk, "BUY 1 100 a")) == "APPROVED"
    named, free = limits_of({kind: "1"}, scope=("sim-1", None)).limits, limits_of(LIMITS, 3)
    desk.put("ops.control.v1", free._replace(limits=(*free.limits, *named), limits_version=2))
    assert said(decision(desk, "BUY 1 99 b")) == reason
    desk.put("ops.control.v1", free)
    assert said(decision(desk, "BUY 1 99 b")) == "APPROVED"


def test_the_strictest_order_limit_holds() -> None:
    desk = Desk().begin()
    other = limits_of({"ORDER_NOTIONAL_MAX": "100"}, scope=(None, "ema")).limits
    both = limits_of(desk.limits, 2)
    desk.put("ops.control.v1", both._replace(limits=(*both.limits, *other)))
    assert said(decision(desk, "BUY 1.01 100")) == "NOTIONAL_ABOVE_MAX"
    assert said(decision(desk, "BUY 1.01 100", strategy="s2")) == "APPROVED"


@pytest.mark.parametrize("strategy_ms", ["1000", "0", "20000"])
def test_a_strategys_shorter_window_loosens_none_of_the_desks(strategy_ms: str) -> None:
    windows = {"DUPLICATE_WINDOW_MS": "10000", "EXECUTIONS_WINDOW_MS": "10000"}
    desk = Desk(**windows, EXECUTIONS_REPEATED_MAX="1").begin()
    own = limits_of(dict.fromkeys(windows, strategy_ms), scope=(None, "ema")).limits
    both = limits_of(desk.limits, 2)
    desk.put("ops.control.v1", both._replace(limits=(*both.limits, *own)))
    desk.play("pos:1 still+9s +0s mark:100")
    assert said(decision(desk, "BUY 1 100")) == "ORDER_DUPLICATE"
    assert said(decision(desk, "BUY 1 99")) == "EXECUTION_REPEATED"


def test_a_denial_names_what_it_looked_at() -> None:
    denied = decision(Desk().begin(), "BUY 1 102")
    facts = {fact.name: fact.value for fact in denied.facts}
    assert facts == {"price": "102", "mark_px": "100", "low": "99", "high": "101"}
    assert (denied.limits_version, denied.mark_px, denied.cl_ord_id) == (1, Decimal(100), "new")


def test_an_approval_is_the_request_and_what_decided() -> None:
    order = request("new", "BUY", "11", None)
    answer = Desk().begin().ask(order)
    assert isinstance(answer, OrderApproved)
    shared = [n for n in OrderApproved._fields if n in order._fields and "mark" not in n]
    assert all(getattr(answer, n) == getattr(order, n) for n in shared if n != "causation_id")
    assert answer.causation_id == "oms.order-request.v1/0/0"
    assert answer.reserved_notional == Decimal(1111)
    assert (answer.mark_px, answer.limits_version) == (Decimal(100), 1)
