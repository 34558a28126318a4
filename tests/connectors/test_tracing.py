"""The trace header: W3C's form, a function of the event, on every event that has a trace."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

from connectors.gateway.ledger import EVENTS
from connectors.simulated.server import VenueServer
from connectors.tracing import traceparent
from schemas import events
from tests.connectors.asynchronous import run, until
from tests.connectors.gateway.rig import CODEC, memory, running
from tests.connectors.gateway.test_gateway import memory_of
from tests.connectors.simulated.rig import options, quote

FORM = re.compile(rb"00-[0-9a-f]{32}-[0-9a-f]{16}-01")


def test_the_ids_are_functions_of_root_and_cause() -> None:
    header = traceparent("tick", "request")
    assert FORM.fullmatch(header)
    assert traceparent("tick", "request") == header
    assert traceparent("tick", "another")[:36] == header[:36]
    assert traceparent("tick", "another")[36:] != header[36:]
    assert traceparent("tack", "request")[:36] != header[:36]


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
        assert traced[at] == traceparent(event.correlation_id, event.causation_id)
    assert [traced[at] for at in traced if at not in ours] == [None]
