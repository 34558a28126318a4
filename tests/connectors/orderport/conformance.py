"""What every order port must do, against a running venue: a second venue's folder runs the same."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Final

from connectors.gateway.transport import Answer, boottime_ns
from pipelines.exact import ZERO
from pipelines.gateway.reports import FillReport, OrderReport, RefusalReport, Stamp
from schemas.events import OpenOrder
from tests.connectors.orderport.garbage import (
    a_time_that_is_none_makes_an_answer_unreadable,
    an_account_nobody_understands_is_an_error,
    an_order_in_doubt_stays_so_until_the_venue_lists_its_orders,
    bytes_nobody_understands_are_a_doubt,
)
from tests.connectors.orderport.rig import Rig


async def an_order_rests_is_found_and_canceled(rig: Rig) -> None:
    order = rig.order("A1")
    [stands] = await rig.ask(rig.port.submit(order))
    assert isinstance(stands, OrderReport)
    assert (stands.cl_ord_id, stands.standing, stands.cum_qty) == ("A1", "OPEN", ZERO)
    for request in (
        rig.port.open_orders(None),
        rig.port.open_orders(rig.instrument, "A1"),
        rig.port.closed_orders(rig.instrument, 0, "A1"),
    ):
        [found] = await rig.ask(request)
        assert isinstance(found, OrderReport)
        assert (found.cl_ord_id, found.order_id, found.standing) == ("A1", stands.order_id, "OPEN")
    [gone] = await rig.ask(rig.port.cancel(order))
    assert isinstance(gone, OrderReport)
    assert (gone.cl_ord_id, gone.standing) == ("A1", "CANCELED")
    assert await rig.ask(rig.port.open_orders(rig.instrument)) == []


async def fills_are_told_in_the_answer_and_found_as_trades(rig: Rig) -> None:
    _, fill, end = await rig.ask(rig.port.submit(rig.order("A2", None)))
    assert isinstance(fill, FillReport)
    assert isinstance(end, OrderReport)
    assert (fill.last_px, fill.last_qty, fill.last_liquidity) == (
        Decimal(101),
        Decimal("0.1"),
        "TAKER",
    )
    assert fill.instrument == rig.instrument
    assert (end.standing, end.cum_qty) == ("FILLED", Decimal("0.1"))
    for order_id in (fill.order_id, None):
        [trade] = await rig.ask(rig.port.trades(rig.instrument, order_id, 0, "A2"))
        assert isinstance(trade, FillReport)
        assert trade._replace(cl_ord_id="A2", ts_event_ns=None) == fill._replace(ts_event_ns=None)


async def refusals_have_a_reason(rig: Rig) -> None:
    reasons = []
    for request in (
        rig.port.submit(rig.order("A3", "100.001")),
        rig.port.submit(rig.order("A4", "100", "9000")),
        rig.port.cancel(rig.order("never")),
    ):
        [refusal] = await rig.ask(request)
        assert isinstance(refusal, RefusalReport)
        assert refusal.venue_code
        assert refusal.text
        reasons.append(refusal.reason)
    assert reasons == ["PRICE_FILTER", "BALANCE_INSUFFICIENT", "ORDER_UNKNOWN"]


async def an_open_id_is_not_taken_twice(rig: Rig) -> None:
    order = rig.order("A5")
    await rig.ask(rig.port.submit(order))
    [refusal] = await rig.ask(rig.port.submit(order))
    assert isinstance(refusal, RefusalReport)
    assert refusal.reason == "ORDER_DUPLICATE"
    await rig.ask(rig.port.cancel(order))


async def the_venue_tells_time_quote_and_permissions(rig: Rig) -> None:
    told = rig.port.read_venue_time((await rig.answer(rig.port.venue_time())).body)
    assert abs(told - time.time_ns() // 1_000_000) < 60_000
    quote = rig.port.read_quote((await rig.answer(rig.port.quote(rig.instrument))).body)
    assert quote == (Decimal(99), Decimal(101))
    answer = await rig.answer(rig.port.permissions())
    assert rig.port.read_permissions(answer.body) == (True, False, False)


async def the_account_is_listed_exactly(rig: Rig) -> None:
    """A sandbox's account is fresh: 100000 of the quote asset and 2 of the base asset."""
    order = rig.order("A7", "98", "0.5")
    [stands] = await rig.ask(rig.port.submit(order))
    assert isinstance(stands, OrderReport)
    request = rig.port.open_orders(None)
    [resting] = rig.port.read_open_orders((await rig.answer(request)).body)
    numbers = Decimal(98), Decimal("0.5"), ZERO
    wanted = OpenOrder(rig.instrument, stands.order_id, "A7", "BUY", *numbers, None)
    assert resting._replace(ts_event_ns=None) == wanted
    await rig.ask(rig.port.submit(rig.order("A8", None)))
    balances = rig.port.read_balances((await rig.answer(rig.port.account())).body)
    totals = {one.asset: one.free_qty + one.locked_qty for one in balances}
    assert [one.locked_qty for one in balances] == [ZERO, Decimal(49)]
    request = rig.port.trades(rig.instrument, None, 0)
    trades = rig.port.read_trades((await rig.answer(request)).body)
    [trade] = trades.rows
    assert trades.complete
    assert (trade.side, trade.last_px, trade.last_qty) == ("BUY", Decimal(101), Decimal("0.1"))
    fees = {trade.comm_currency: trade.commission}
    paid = trade.last_px * trade.last_qty
    assert list(totals.values()) == [
        2 + trade.last_qty - fees.get(balances[0].asset, ZERO),
        100_000 - paid - fees.get(balances[1].asset, ZERO),
    ]
    for order_id, from_id in ((trade.order_id, None), (None, trade.trade_id)):
        request = rig.port.trades(rig.instrument, order_id, 0, None, from_id)
        assert rig.port.read_trades((await rig.answer(request)).body) == trades
    await rig.ask(rig.port.cancel(order))


async def a_request_costs_what_the_venue_counts(rig: Rig) -> None:
    used = None
    for request in (
        rig.port.account(),
        rig.port.open_orders(None),
        rig.port.open_orders(rig.instrument),
        rig.port.trades(rig.instrument, None, 0),
        rig.port.trades(rig.instrument, "1", 0),
        rig.port.permissions(),
    ):
        now = rig.port.metered((await rig.answer(request)).headers).used_weight
        assert now is not None
        if used is not None and now > used:  # not a new minute
            assert now - used == rig.port.weight(request)
        used = now
    assert used is not None
    assert used <= rig.port.weight_per_minute


async def an_old_stamp_is_refused_and_never_taken(rig: Rig) -> None:
    request = rig.port.submit(rig.order("A6"))
    stamp = Stamp(time.time_ns() // 1_000_000 - 10_000, 1_000)
    found = await rig.transport.send(rig.port.sign(request, rig.key, stamp), boottime_ns())
    assert isinstance(found, Answer)
    [refusal] = rig.port.read_response("SUBMIT", found.status, found.body)
    assert isinstance(refusal, RefusalReport)
    assert refusal.reason == "TIMESTAMP_OUTSIDE_WINDOW"
    assert await rig.ask(rig.port.closed_orders(rig.instrument, 0, None)) == []


SUITE: Final[tuple[Callable[[Rig], Awaitable[None]], ...]] = (
    an_order_rests_is_found_and_canceled,
    fills_are_told_in_the_answer_and_found_as_trades,
    refusals_have_a_reason,
    an_open_id_is_not_taken_twice,
    the_venue_tells_time_quote_and_permissions,
    the_account_is_listed_exactly,
    a_request_costs_what_the_venue_counts,
    an_account_nobody_understands_is_an_error,
    an_old_stamp_is_refused_and_never_taken,
    bytes_nobody_understands_are_a_doubt,
    a_time_that_is_none_makes_an_answer_unreadable,
    an_order_in_doubt_stays_so_until_the_venue_lists_its_orders,
)
