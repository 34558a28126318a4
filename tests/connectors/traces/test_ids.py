"""Ids of spans are functions of events; the trace header says them, on every event of a trace."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

from connectors.gateway.ledger import EVENTS
from connectors.simulated.server import VenueServer
from connectors.traces.ids import frame_ids, ids_of, sampled, tick_ids, trace_of, traceparent
from schemas import events
from tests.connectors.asynchronous import run, until
from tests.connectors.gateway.rig import CODEC, memory, running
from tests.connectors.gateway.test_gateway import memory_of
from tests.connectors.metrics.made import made
from tests.connectors.simulated.rig import options, quote

FORM = re.compile(rb"00-[0-9a-f]{32}-[0-9a-f]{16}-01")


def test_an_orders_steps_name_one_another() -> None:
    about = {"cl_ord_id": "A1", "correlation_id": "md.quote.v1/0/7"}
    requested = ids_of(made(events.OrderRequested, **about, causation_id="strategy/a/0/7/b/c/0"))
    approved = ids_of(made(events.OrderApproved, **about, causation_id="oms.order-request.v1/0/3"))
    sending = ids_of(made(events.OrderSubmitting, **about, causation_id="the request"))
    assert (approved.parent, sending.parent) == (requested.span, approved.span)
    assert {approved.trace, sending.trace} == {requested.trace}
    first, second = (
        ids_of(made(events.OrderFilled, **about, causation_id="frame", trade_id=n)) for n in "12"
    )
    assert first.span != second.span, "two fills of one frame"
    assert {first.parent, second.parent} == {sending.span}
    other = ids_of(made(events.OrderRequested, **{**about, "correlation_id": "md.quote.v1/0/8"}))
    assert other.trace != requested.trace


def test_a_wanted_position_is_above_the_order_that_names_it() -> None:
    identifier, tick = "strategy/md.trade.v1/0/5/signal.target.v1/KEY/0", "md.trade.v1/0/5"
    wanted = ids_of(made(events.TargetChanged, correlation_id=tick, causation_id=tick), identifier)
    asked = made(events.OrderRequested, cl_ord_id="A", correlation_id=tick)
    assert ids_of(asked._replace(causation_id=identifier)).parent == wanted.span
    assert wanted.parent == tick_ids(tick).span
    assert tick_ids(tick).parent == frame_ids(tick).span
    later = ids_of(asked._replace(causation_id="oms.order-event.v1/0/9"))
    assert later.parent == tick_ids(tick).span, "a record that is no span: below the tick"
    assert tick_ids("ops.control.v1/0/1").parent == "", "no market data: no frame"


def test_the_share_that_is_kept_is_the_same_everywhere() -> None:
    traces = [trace_of(f"md.trade.v1/0/{n}") for n in range(2_000)]
    kept = [trace for trace in traces if sampled(trace, 0.1)]
    assert 150 < len(kept) < 250
    assert {*kept} <= {trace for trace in traces if sampled(trace, 0.2)}
    assert not any(sampled(trace, 0.0) for trace in traces)
    assert all(sampled(trace, 1.0) for trace in traces)


def test_what_has_a_root_has_a_cause() -> None:
    rooted = [c for c in vars(events).values() if hasattr(c, "correlation_id")]
    assert len(rooted) > 15
    assert all(hasattr(c, "causation_id") for c in rooted)


def test_an_orders_events_are_one_trace(tmp_path: Path) -> None:
    records = memory()

    async def main() -> None:
        async with VenueServer(options(tmp_path)) as server:
            quote(server, "99", "5", "101", "5")
            async with running(records, server, tmp_path):
                name = records.approve(price=Decimal(101))
                await until(lambda: "Filled" in records.told(name), "the fill")

    run(main())
    written = [m for m in memory_of(records) if m.topic() == EVENTS]
    traced = {m.offset(): dict(m.headers() or []).get("traceparent") for m in written}
    events_ = {m.offset(): CODEC.decode(m.value()) for m in written}
    ours = [at for at, event in events_.items() if hasattr(event, "cl_ord_id")]
    assert len(ours) == 3
    for at in ours:
        event = events_[at]
        assert traced[at] == traceparent(event, "")
        assert FORM.fullmatch(traced[at] or b"")
    assert [traced[at] for at in traced if at not in ours] == [None]
