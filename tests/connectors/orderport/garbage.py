"""Answers that nobody understands prove nothing: part of the suite that every order port passes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any, Final

import pytest

from connectors.orderport.interface import UNREADABLE, Request
from pipelines.gateway.fold import OrderFold
from pipelines.gateway.reports import DoubtReport, Kind, Stamp
from pipelines.gateway.resolution import Question, question
from schemas.events import (
    VenueRequestFailed,
    VenueRequestSent,
    VenueResponseReceived,
)
from tests.connectors.orderport.rig import WINDOW_MS, Rig

NO_LISTS: Final = (
    b"",
    b"<html>",
    b'""',
    b'"x"',
    b"{}",
    b"{",
    b'{"code": "x"}',
    b"null",
    b"true",
    b"1",
    b"[1]",
    b"[null]",
    b"[[]]",
    b"[{}]",
    b"[" * 100_000,
    b'{"code":' * 100_000,
)
NO_OBJECTS: Final = (*NO_LISTS, b"[]")
NO_TIMES: Final[tuple[Any, ...]] = ("abc", "1700000000000", True, -1, 1.5, 10**13, 10**30, [], {})
LISTS: Final[tuple[Kind, ...]] = ("OPEN_ORDERS", "CLOSED_ORDERS", "TRADES")
ANSWERS_MAX: Final = 30  # far more than two rounds take


async def bytes_nobody_understands_are_a_doubt(rig: Rig) -> None:
    kinds: tuple[Kind, ...] = ("SUBMIT", "CANCEL", *LISTS)
    for kind in kinds:
        for status in (200, 400, 502):
            for body in NO_LISTS if kind in LISTS and status == 200 else NO_OBJECTS:
                [report] = rig.port.read_response(kind, status, body)
                assert isinstance(report, DoubtReport), (kind, status, body[:20])
                assert not report.readable
    for body in NO_OBJECTS:
        assert rig.port.read_frame(body) == []
        assert rig.port.subscribed(body) is None


async def an_account_nobody_understands_is_an_error(rig: Rig) -> None:
    port = rig.port
    lists: tuple[Callable[[bytes], object], ...] = (port.read_open_orders, port.read_trades)
    for read in lists:
        _all_unreadable(read, NO_LISTS)
    for read in (port.read_balances, port.read_venue_time, port.read_quote):
        _all_unreadable(read, NO_OBJECTS)


async def a_time_that_is_none_makes_an_answer_unreadable(rig: Rig) -> None:
    resting, market = rig.order("T1"), rig.order("T2", None)
    port = rig.port
    answers: dict[Kind, bytes] = {}
    answers["SUBMIT"] = (await rig.answer(port.submit(market))).body
    await rig.answer(port.submit(resting))
    for kind, request in _questions(rig).items():
        answers[kind] = (await rig.answer(request)).body
    answers["CANCEL"] = (await rig.answer(port.cancel(resting))).body
    told = (await rig.answer(port.venue_time())).body
    for bad in NO_TIMES:
        for kind, body in answers.items():
            reports = port.read_response(kind, 200, _timed(body, bad))
            assert [type(one) for one in reports] == [DoubtReport], (kind, bad)
        _all_unreadable(port.read_venue_time, [_timed(told, bad)])
        _all_unreadable(port.read_open_orders, [_timed(answers["OPEN_ORDERS"], bad)])
        _all_unreadable(port.read_trades, [_timed(answers["TRADES"], bad)])


async def an_order_in_doubt_stays_so_until_the_venue_lists_its_orders(rig: Rig) -> None:
    """An account without orders: what it answers twice in full makes an order absent."""
    empty = {kind: (await rig.answer(one)).body for kind, one in _questions(rig).items()}
    assert await _became(rig, empty) == "ABSENT"
    for body in NO_LISTS:
        for asked in LISTS:
            assert await _became(rig, empty | {asked: body}) == "OUTCOME_UNKNOWN", (asked, body)


def _all_unreadable(read: Callable[[bytes], object], bodies: Any) -> None:
    for body in bodies:
        with pytest.raises(UNREADABLE):
            read(body)


def _questions(rig: Rig) -> dict[Kind, Request]:
    return {
        "OPEN_ORDERS": rig.port.open_orders(rig.instrument, "T1"),
        "CLOSED_ORDERS": rig.port.closed_orders(rig.instrument, 0, "T1"),
        "TRADES": rig.port.trades(rig.instrument, None, 0, "T1"),
    }


def _timed(body: bytes, bad: Any) -> bytes:
    """The answer with something else wherever it tells a time in milliseconds of about now."""
    now_ms, found = time.time_ns() // 1_000_000, 0

    def changed(said: Any) -> Any:
        nonlocal found
        if isinstance(said, dict):
            return {name: changed(one) for name, one in said.items()}
        if isinstance(said, list):
            return [changed(one) for one in said]
        if type(said) is int and abs(said - now_ms) < 600_000:
            found += 1
            return bad
        return said

    answer = json.dumps(changed(json.loads(body))).encode()
    assert found
    return answer


async def _became(rig: Rig, answers: dict[Kind, bytes]) -> str:
    """The state of an order whose own answer never came, after all these."""
    fold, order = OrderFold(rig.port), rig.order("T1")
    fold.apply(order)
    lost = _sent(rig, rig.port.submit(order), 0)
    fold.apply(lost)
    about = (order.account, order.venue, lost.request_id, order.cl_ord_id)
    fold.apply(VenueRequestFailed(*about, "RESPONSE_TIMED_OUT", True, "", 1))
    at_ns = 1
    for _ in range(ANSWERS_MAX):
        if (inquiry := fold.inquiries.get(order.cl_ord_id)) is None:
            break
        at_ns = max(at_ns + 1, inquiry.not_before_ns)
        asks: Question | None = question(inquiry, at_ns)
        assert asks is not None
        sent = _sent(rig, _questions(rig)[asks], at_ns)
        fold.apply(sent)
        about = (order.account, order.venue, sent.request_id, order.cl_ord_id)
        fold.apply(VenueResponseReceived(*about, 200, None, None, answers[asks], at_ns))
    return fold.book.entries[order.cl_ord_id].order.state


def _sent(rig: Rig, request: Request, at_ns: int) -> VenueRequestSent:
    signed = rig.port.sign(request, rig.key, Stamp(at_ns // 1_000_000, WINDOW_MS))
    order = rig.order("T1")
    names = (order.account, order.venue, f"g/{at_ns}", order.cl_ord_id)
    what = (signed.method, signed.path, signed.parameters)
    return VenueRequestSent(*names, *what, 1, "decision", at_ns, "UNKNOWN")
