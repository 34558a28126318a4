"""How money, positions and sums follow: worked by hand.

A desk begins with 20,000 USDT and a mark of 100.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from pipelines.risk.logic import RiskLogic
from pipelines.risk.state import Cell, Level
from schemas.events import CancelApproved, CancelRequested, PositionAdjusted, TransferAnnounced
from tests.pipelines.orders.events import event
from tests.pipelines.risk.rig import (
    ACCOUNT,
    INSTRUMENT,
    STRATEGY,
    VENUE,
    Desk,
    limits_of,
    request,
    terms,
)


def begun(text: str) -> Desk:
    return Desk(LOSS_DRAWDOWN_MAX="9999").begin().play(text)


def cell(desk: Desk) -> Cell:
    return desk.state.cells[ACCOUNT, STRATEGY, INSTRUMENT]


def whole(desk: Desk) -> Level:
    return desk.state.levels[None, None, None]


def funds(desk: Desk) -> dict[str, tuple[Decimal, Decimal]]:
    return {a: (f.total, f.reserved) for (_, a), f in desk.state.funds.items() if f.total}


def numbers(*values: int) -> tuple[Decimal, ...]:
    return tuple(map(Decimal, values))


# before | position, USDT and reserved, BTC and reserved, profit, gross
BY_HAND = """
pos:20                                                   | 20 18000 0 20 0 0 2000
pos:20 mark:103                                          | 20 18000 0 20 0 60 2060
open:BUY:5@99                                            | 0 20000 495 0 0 0 0
open:BUY:5@ accept:o1 fill:o1:2@100.5                    | 2 19799 303 2 0 -1 200
open:BUY:5@99 accept:o1 fill:o1:2@98.5                   | 2 19803 297 2 0 3 200
open:BUY:5@99 accept:o1 fill:o1:2@99 end:o1:2            | 2 19802 0 2 0 2 200
open:BUY:5@99 accept:o1 fill:o1:2@99 end:o1:3            | 2 19802 99 2 0 2 200
open:BUY:5@99 accept:o1 fill:o1:5@99 fill:o1:1@99        | 6 19406 0 6 0 6 600
open:BUY:5@99 reject:o1                                  | 0 20000 495 0 0 0 0
pos:20 open:SELL:8@101 accept:o2 fill:o2:3@101           | 17 18303 0 17 5 3 1700
pos:20 open:SELL:20@101 accept:o2 fill:o2:20@101 mark:90 | 0 20020 0 0 0 20 0
open:BUY:9@100 accept:o1 fee:o1:9@100:USDT:0.9           | 9 19099.1 0 9 0 -0.9 900
open:BUY:9@100 accept:o1 fee:o1:9@100:BTC:0.01           | 8.99 19100 0 8.99 0 -1 899
"""


@pytest.mark.parametrize("line", BY_HAND.strip().splitlines())
def test_by_hand(line: str) -> None:
    before, _, wanted = line.partition("|")
    desk = begun(before)
    held = {"USDT": (Decimal(0), Decimal(0)), "BTC": (Decimal(0), Decimal(0)), **funds(desk)}
    gross = whole(desk).exposure - held["USDT"][1]  # without what open buys reserve
    found = [cell(desk).position, *held["USDT"], *held["BTC"], whole(desk).pnl, gross]
    assert found == [Decimal(number) for number in wanted.split()]


def test_a_fee_without_a_price_waits_for_one() -> None:
    desk = begun("open:BUY:9@100 accept:o1 fee:o1:9@100:BNB:0.5")
    assert whole(desk).pnl == 0
    assert funds(desk)["BNB"] == (Decimal("-0.5"), Decimal(0))
    bnb = terms("BNBUSDT.BINANCE", base_asset="BNB")
    desk.put("ops.control.v1", limits_of(desk.limits, 2)._replace(instruments=(terms(), bnb)))
    desk.play("mark:600:BNBUSDT.BINANCE")
    assert (whole(desk).pnl, desk.state.unpriced) == (Decimal(-300), {})
    desk.play("mark:700:BNBUSDT.BINANCE")
    assert whole(desk).pnl == Decimal(-300)


def test_fees_without_a_price_wait_in_one_sum() -> None:
    orders = (f"open:BUY:1@{90 + n} accept:o{n} fee:o{n}:1@100:BNB:0.{n}" for n in (1, 2, 3))
    desk = Desk(PRICE_COLLAR_BPS="9999").begin().play(" ".join(orders))
    assert list(desk.state.unpriced.values()) == [Decimal("0.6")]


def test_fees_of_an_older_snapshot_are_summed_up() -> None:
    logic, desk = RiskLogic(), begun("open:BUY:9@100 accept:o1 fee:o1:1@100:BNB:0.3")
    body = logic.dump(desk.state)
    rows = b'"unpriced":[["sim-1","ema","BTCUSDT.BINANCE","BNB","%b"]'
    old = body.replace(
        rows % b"0.3", rows % b"0.1" + b',["sim-1","ema","BTCUSDT.BINANCE","BNB","0.2"]'
    )
    assert old != body
    assert logic.dump(logic.load(old, 2)) == body


def adjusted(desk: Desk, name: str, strategy: str, qty: int) -> None:
    fields = (ACCOUNT, strategy, VENUE, INSTRUMENT, Decimal(qty), None, "ada", "taken over", "", 0)
    desk.put("ops.control.v1", PositionAdjusted(name, *fields))


def loaded(desk: Desk) -> Level:
    """The desk's sums as a restart has them."""
    return desk.logic.load(desk.logic.dump(desk.state), 2).levels[None, None, None]


def test_a_first_price_from_a_fill_values_what_was_taken_over() -> None:
    desk = Desk()
    desk.put("ops.control.v1", limits_of(desk.limits, 1))
    adjusted(desk, "a", STRATEGY, 40)
    desk.put("oms.order-event.v1", filled(last_qty=Decimal(1)))
    assert whole(desk).exposure == loaded(desk).exposure == 4100
    assert whole(desk).pnl == 0


@pytest.mark.parametrize(("first", "second"), [("zeta", "alpha"), ("alpha", "zeta")])
def test_a_peak_is_one_of_all_cells_together(first: str, second: str) -> None:
    desk = begun("")
    adjusted(desk, "a", first, 10)
    adjusted(desk, "b", second, -10)
    desk.play("mark:101")
    assert (whole(desk).pnl, whole(desk).peak_pnl) == numbers(0, 0)


def filled(**given: Any) -> Any:
    usual = {"cl_ord_id": "foreign", "side": "BUY", "trade_id": "1", "last_qty": Decimal(3)}
    return event("OrderFilled", **{**usual, "strategy": "", "last_px": Decimal(100), **given})


def test_a_foreign_fill_counts_once_for_account_and_desk() -> None:
    desk = begun("")
    for _ in range(2):
        desk.put("oms.order-event.v1", filled())
    desk.put("oms.order-event.v1", filled(trade_id="2", side="SELL", last_qty=Decimal(1)))
    assert desk.state.cells[ACCOUNT, "", INSTRUMENT].position == 2
    assert funds(desk)["USDT"][0] == 19_800
    denied = desk.ask(request("new", "BUY", "48.5", "100"))
    assert denied.reason == "POSITION_ABOVE_MAX"


def test_an_order_of_another_account_is_not_ours() -> None:
    desk = begun("open:BUY:5@99 accept:o1")
    desk.put("oms.order-event.v1", filled(account="sim-2", cl_ord_id="o1"))
    assert (cell(desk).position, cell(desk).open_buy) == numbers(0, 5)


def test_a_transfer_and_an_adjustment_count_once() -> None:
    desk, told = begun(""), ("ada", "", "", 0)
    place = (ACCOUNT, STRATEGY, VENUE, INSTRUMENT)
    for _ in range(2):
        desk.put("ops.control.v1", PositionAdjusted("a1", *place, Decimal(3), None, *told))
        desk.put("ops.control.v1", PositionAdjusted("a2", *place, Decimal(1), Decimal(90), *told))
        money = TransferAnnounced("t1", ACCOUNT, VENUE, "USDT", Decimal(-10), *told)
        desk.put("ops.control.v1", money)
    assert (cell(desk).position, funds(desk)["USDT"][0]) == numbers(4, 19_900)
    assert (whole(desk).pnl, whole(desk).exposure) == numbers(10, 400)


def test_what_was_taken_over_without_a_price_is_valued_from_the_first_mark_on() -> None:
    desk, told = Desk(), ("ada", "", "", 0)
    place = (ACCOUNT, STRATEGY, VENUE, INSTRUMENT)
    desk.put("ops.control.v1", PositionAdjusted("a1", *place, Decimal(3), None, *told))
    desk.play("mark:100 mark:101")
    assert (whole(desk).exposure, whole(desk).pnl) == numbers(303, 3)


def test_an_older_mark_does_not_replace_a_newer_one() -> None:
    desk = begun("mark:101")
    older = next(i.event for i in desk.inputs if i.position.topic == "md.mark.v1")
    desk.put("md.mark.v1", older)
    assert desk.state.marks[INSTRUMENT].px == 101


def test_yesterdays_orders_are_forgotten_the_day_after() -> None:
    desk = begun("open:BUY:5@99 accept:o1 end:o1 open:BUY:4@99")
    desk.play("+86400s")
    assert set(desk.state.orders) == {"o1", "o2"}
    desk.play("+86400s")
    assert set(desk.state.orders) == {"o2"}


def cancelled(outputs: list[Any]) -> dict[str, str]:
    return {o.event.cl_ord_id: o.event.reason for o in outputs}


def control(desk: Desk, text: str) -> dict[str, str]:
    before = len(desk.outputs)
    desk.play(text)
    return cancelled(desk.outputs[before:])


def test_a_halt_cancels_what_is_open_in_its_scope() -> None:
    desk = begun("pos:5 open:BUY:1@99 open:SELL:2@101 accept:o2 end:o2")
    desk.ask(request("other", "BUY", "1", "99")._replace(strategy="s2"))
    assert control(desk, "halt:ema") == {"o3": "STATE_HALTED"}
    assert control(desk, "halt") == {"o3": "STATE_HALTED", "other": "STATE_HALTED"}


@pytest.mark.parametrize("verb", ["reduce", "flatten"])
def test_reducing_cancels_what_leads_away_from_zero(verb: str) -> None:
    desk = begun("pos:5 open:BUY:1@99 open:SELL:2@101")
    assert control(desk, verb) == {"o2": "STATE_REDUCING"}
    assert control(desk, "pause resume") == {}


def test_reconciliation_may_halt_and_only_a_person_resumes() -> None:
    desk = begun("open:BUY:1@99")
    halt = event("TradingHalted", account=ACCOUNT, strategy=None, instrument=INSTRUMENT)
    outputs = desk.put("recon.control.v1", halt._replace(cancel_orders=True))
    assert cancelled(outputs) == {"o1": "STATE_HALTED"}
    assert outputs[0].event.causation_id == "recon.control.v1/0/0"
    assert desk.ask(request("n1", "BUY", "1", "100")).reason == "STATE_HALTED"
    resumed = event("TradingResumed", account=ACCOUNT, strategy=None, instrument=INSTRUMENT)
    desk.put("ops.control.v1", resumed)
    assert desk.ask(request("n2", "BUY", "1", "100")).limits_version == 1


def test_cancels_always_pass() -> None:
    desk = Desk()
    asked: CancelRequested = event("CancelRequested", cl_ord_id="nobody", reason="PRICE_MOVED")
    answer = desk.ask(asked)
    assert isinstance(answer, CancelApproved)
    assert (answer.cl_ord_id, answer.reason) == ("nobody", "PRICE_MOVED")


def test_older_limits_do_not_replace_newer_ones() -> None:
    desk = begun("limit:ORDERS_OPEN_MAX=1")
    desk.put("ops.control.v1", limits_of({}, 1))
    assert desk.state.limits is not None
    assert desk.state.limits.limits_version == 2
