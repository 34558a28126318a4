"""Which spans an epoch shows: all about orders, a share of the rest, links to what is in it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from connectors.log.interface import OutRecord, Tp
from connectors.metrics.epochs import Committed
from connectors.traces.epochs import EpochSpans
from connectors.traces.ids import epoch_ids, frames_ids, ids_of, round_ids, tick_ids
from connectors.traces.spans import LINKS_MAX, Span
from pipelines.logic import Input, Output, Position
from schemas.events import (
    BreakFound,
    EpochCommitted,
    OrderApproved,
    OrderRequested,
    TargetChanged,
    TradePrinted,
)
from tests.connectors.metrics.made import made

TICK = "md.trade.v1/0/5"
WANTED_ID = f"strategy/{TICK}/signal.target.v1/KEY/0"
WANTED = made(TargetChanged, correlation_id=TICK, causation_id=TICK, ts_recv_ns=17)
ASKED = made(
    OrderRequested, cl_ord_id="A", correlation_id=TICK, causation_id=WANTED_ID, ts_recv_ns=17
)
IDS = {WANTED: WANTED_ID}


class Shard:
    """An `EpochSpans`, and what it showed."""

    def __init__(self, pipeline: str = "strategy", share: float = 0.0) -> None:
        self.shown: list[Span] = []
        self._spans, self._sequence = EpochSpans(pipeline, 0, self.shown.append, share), 0

    def epoch(
        self, *events: Any, ends: dict[Tp, int] | None = None, inputs: Sequence[Input] = ()
    ) -> list[Span]:
        """The spans that an epoch of these events adds."""
        place, before = Position("t", 0, self._sequence), len(self.shown)
        outputs = [Output(place, 0, "x", "KEY", event) for event in events]
        records = [
            OutRecord("x", 0, b"", b"", 0, [("ce_id", IDS.get(event, "other").encode())])
            for event in events
        ]
        self._spans.decided(outputs, records, inputs)
        epoch: EpochCommitted = made(EpochCommitted, sequence=self._sequence, output_count=2)
        epoch = epoch._replace(inputs=(), outputs=())
        self._spans.committed(Committed(epoch, time.monotonic() - 0.5, 0.001, ends or {}))
        self._sequence += 1
        return self.shown[before:]

    def rerun(self, *events: Any) -> None:
        outputs = [Output(Position("t", 0, 0), 0, "x", "KEY", event) for event in events]
        self._spans.decided(outputs, [OutRecord("x", 0, b"", b"", 0)] * len(events))
        self._spans.verified()


def names(spans: list[Span]) -> list[str]:
    return [span.name for span in spans]


def test_what_was_wanted_waits_for_the_order_it_leads_to() -> None:
    shard = Shard()
    assert shard.epoch(WANTED) == []
    found = shard.epoch(ASKED)
    assert names(found) == ["frame", "md.trade.v1", "TargetChanged", "OrderRequested", "epoch"]
    frame, tick, wanted, asked, epoch = found
    above = ["", frame.ids.span, tick.ids.span, wanted.ids.span]
    assert [one.ids.parent for one in (frame, tick, wanted, asked)] == above
    assert len({one.ids.trace for one in (frame, tick, wanted, asked)}) == 1
    assert [one.service for one in (frame, tick, wanted)] == ["connector", "market", "strategy"]
    assert (frame.start_ns, tick.start_ns, tick.end_ns) == (17, 17, asked.start_ns)
    assert 0.4e9 < asked.end_ns - asked.start_ns < 60e9
    assert epoch.links == (asked.ids,)


def test_a_trace_begins_once() -> None:
    shard = Shard()
    shard.epoch(WANTED, ASKED)
    again = ASKED._replace(cl_ord_id="B", causation_id="oms.order-event.v1/0/9")
    found = shard.epoch(again)
    assert names(found) == ["OrderRequested", "epoch"]
    assert found[0].ids.parent == tick_ids(TICK).span


def test_without_orders_a_share_is_kept_by_its_id() -> None:
    assert names(Shard(share=1.0).epoch(WANTED))[:3] == ["frame", "md.trade.v1", "TargetChanged"]
    ticks = [f"md.trade.v1/0/{n}" for n in range(400)]
    shards = [Shard(share=0.1), Shard(share=0.1)]
    for shard in shards:
        for tick in ticks:
            shard.epoch(WANTED._replace(correlation_id=tick, causation_id=tick))
    kept = [{span.ids for span in shard.shown if span.name == "TargetChanged"} for shard in shards]
    assert kept[0] == kept[1]
    assert 15 < len(kept[0]) < 80


def test_what_is_re_run_is_not_shown_again() -> None:
    shard = Shard()
    shard.rerun(ASKED)
    assert shard.epoch() == []


def test_only_a_sampled_epoch_of_market_links_to_its_last_ticks() -> None:
    ends = {Tp("md.quote.v1", 2): 8, Tp("md.mark.v1", 0): 3}
    assert Shard("market").epoch(ends=ends) == []
    [epoch] = Shard("market", 1.0).epoch(ends=ends)
    assert epoch.ids == epoch_ids("market", 0, 0)
    assert epoch.links == (tick_ids("md.quote.v1/2/7"),)


def test_an_epoch_links_to_so_many_orders_and_no_more() -> None:
    orders = [made(OrderApproved, cl_ord_id=str(n), correlation_id=TICK) for n in range(100)]
    *spans, epoch = Shard("risk").epoch(*orders)
    assert [span.ids for span in spans] == [ids_of(order) for order in orders]
    assert len(epoch.links) == LINKS_MAX


def test_the_frame_links_to_what_its_line_received_in_that_second() -> None:
    tick = made(TradePrinted, venue="BINANCE", line="B", ts_recv_ns=17)
    others = [Input(Position("md.trade.v1", 0, at), 0, b"", made(TradePrinted)) for at in (4, 6)]
    shard = Shard()
    shard.epoch(WANTED, inputs=[*others, Input(Position("md.trade.v1", 0, 5), 0, b"", tick)])
    frame, *_ = shard.epoch(ASKED)
    assert frame.links == (frames_ids("BINANCE", "B", 17),)
    assert (frame.facts["tape.venue"], frame.facts["tape.line"]) == ("BINANCE", "B")
    [alone, *_] = Shard().epoch(ASKED)
    assert (alone.name, alone.links) == ("frame", ())


def test_a_break_hangs_below_the_round_that_showed_it() -> None:
    shard = Shard("reconciliation")
    found = made(BreakFound, account="desk", snapshot_id="w/1")
    span, epoch = shard.epoch(found)
    above = round_ids("desk", "w/1")
    assert (span.name, span.ids.trace, span.ids.parent) == ("BreakFound", above.trace, above.span)
    assert epoch.links == (span.ids,)
    assert shard.epoch(found._replace(snapshot_id="")) == [], "the log alone showed it"
