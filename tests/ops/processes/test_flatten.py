"""What is left to close, read from the log: fills once, fees, corrections, open orders, lots."""

from __future__ import annotations

import time
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from connectors.control import CONTROL
from connectors.log.interface import OutRecord, Tp
from connectors.log.memory import MemoryLog
from ops.processes import flatten
from ops.processes.flatten import BOOKED, EVENTS, Positions, Remaining
from ops.settings import load
from pipelines.batches import local_codec
from schemas.events import InstrumentTerms, OrderFilled, PositionAdjusted
from tests.ops.processes.known import Control
from tests.pipelines.orders.events import event
from tests.pipelines.risk.rig import limits_of

CODEC = local_codec()
ALL = (None, None, None)


class Book:
    """A log in memory, and what is read from it."""

    def __init__(self) -> None:
        self.log = MemoryLog({CONTROL.topic: 1, EVENTS: 2, BOOKED: 2})
        terms: list[InstrumentTerms] = list(limits_of({}, 1).instruments)
        self.terms = {one.instrument: one for one in terms}
        self.positions = Positions(self.log, CODEC, self.terms)

    def tell(self, topic: str, *told: Any) -> None:
        for one in told:
            self.log.append(OutRecord(*Tp(topic, 0), b"", CODEC.encode(one), 1))

    def left(self, scope: Any = ALL) -> list[Remaining]:
        self.positions.read()
        return list(self.positions.remaining(scope))


def fill(qty: str, trade_id: str, side: str = "BUY", **more: Any) -> OrderFilled:
    made: OrderFilled = event(
        "OrderFilled", side=side, last_qty=Decimal(qty), trade_id=trade_id, **more
    )
    return made


@pytest.fixture
def book() -> Book:
    return Book()


def test_fills_count_once_whoever_tells_them(book: Book) -> None:
    first = fill("0.5", "1")
    book.tell(EVENTS, first, first)
    book.tell(BOOKED, first._replace(reconciled=True), fill("0.25", "2", reconciled=True))
    [left] = book.left()
    assert left.position_qty == Decimal("0.75")
    book.tell(EVENTS, fill("0.75", "3", "SELL"))
    assert book.left() == []


def test_a_fee_in_the_base_asset_and_a_correction_are_counted(book: Book) -> None:
    one = fill("0.5", "1")
    base = book.terms[one.instrument].base_asset
    book.tell(EVENTS, one._replace(commission=Decimal("0.1"), comm_currency=base))
    names = ("a1", one.account, one.strategy, one.venue, one.instrument)
    fix = PositionAdjusted(*names, Decimal("-0.15"), None, "ada", "why", "statement", 0)
    book.tell(CONTROL.topic, fix, fix)
    [left] = book.left()
    assert left.position_qty == Decimal("0.25")


def test_less_than_a_lot_is_flat(book: Book) -> None:
    one = fill("1", "1")
    lot = book.terms[one.instrument].lot_size
    book.tell(EVENTS, one, fill(str(1 - lot / 2), "2", "SELL"))
    assert book.left() == []
    book.tell(EVENTS, fill(str(lot / 2), "3"))
    assert [left.position_qty for left in book.left()] == [lot]


def test_an_open_order_is_left_until_it_ends(book: Book) -> None:
    sent = event("OrderSubmitting", order_qty=Decimal(1))
    book.tell(EVENTS, sent)
    assert [(left.open_orders, left.position_qty) for left in book.left()] == [(1, Decimal(0))]
    accepted = event("OrderAccepted", cl_ord_id=sent.cl_ord_id)
    ended = event("OrderCanceled", cl_ord_id=sent.cl_ord_id, cum_qty=Decimal(0))
    book.tell(EVENTS, accepted, ended)
    assert book.left() == []


def test_another_scope_is_not_waited_for(book: Book) -> None:
    one = fill("1", "1")
    book.tell(EVENTS, one)
    assert len(book.left((one.account, one.strategy, one.instrument))) == 1
    assert book.left((None, "another", None)) == []


def test_an_order_that_was_on_its_way_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Decided before, it shows on the log when the first look has found nothing."""
    control, one = Control(), fill("0.5", "1")
    submitted = event("OrderSubmitting", cl_ord_id=one.cl_ord_id, order_qty=one.last_qty)
    shown = iter([submitted, one, fill("0.5", "2", "SELL")])

    def sleep(_: float) -> None:
        if told := next(shown, None):
            control.log.append(OutRecord(EVENTS, 0, b"", CODEC.encode(told), 1))

    control.serve(monkeypatch, flatten)
    monkeypatch.setattr(flatten, "decide", lambda *_: 0)
    monkeypatch.setattr(flatten, "SETTLED_S", 0.2)
    monkeypatch.setattr(flatten, "time", SimpleNamespace(**vars(time) | {"sleep": sleep}))
    assert flatten.flatten(load(), ALL, "ada", "why", 60.0, lambda: None) == []
    assert next(shown, None) is None
