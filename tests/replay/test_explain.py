"""An order explained, over a real traded run, from the log in memory and from its archive.

1. Every order of the run has one tree with each of its events once.
2. A filled order: tick, signal, request, decision, sending, fill, position; what a request was
   made at and the tick of its price are told beside; a cancel hangs below what it cancels.
3. Versions are those of the epochs that really hold the causes; limits and caps by name.
4. Times are exact, to the nanosecond, and a clock is never taken for another. Nothing hangs below
   what came after it.
5. What is gone is said, and the rest is shown.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from connectors.epochs.encode import cause_of
from connectors.log.interface import OutRecord, Tp
from connectors.log.memory import Entry, MemoryLog
from pipelines.batches import local_codec
from replay.archive.schemas import archived_ids
from replay.archive.source import ArchiveLog
from replay.archive.store import FolderStore
from replay.explain.chain import explain
from replay.explain.errors import OrderNotFound
from replay.explain.found import Past
from replay.explain.steps import Explained, Step
from replay.explain.text import as_json, as_text, ms_of
from replay.times import Span
from schemas.catalog import load_catalog
from schemas.codec import Codec
from schemas.events import (
    EpochCommitted,
    LimitsChanged,
    OrderAccepted,
    OrderDenied,
    OrderFilled,
    OrderRequested,
    PositionChanged,
    TradingFlattened,
)
from tests.replay import traded

CODEC = local_codec()
EVENTS = "oms.order-event.v1"


@pytest.fixture(scope="module")
def past(traded_log: MemoryLog) -> Past:
    return Past(traded_log, CODEC)


@pytest.fixture(scope="module")
def every(past: Past, traded_log: MemoryLog) -> dict[OrderRequested, Explained]:
    """Each request of the run with its order explained."""
    return {each: explain(past, each.cl_ord_id) for each in requested(traded_log)}


def told(log: MemoryLog, kind: type[Any] = object) -> Iterator[tuple[Tp, int, Any]]:
    for tp, part in log.partitions.items():
        for at, record in part.committed(0, part.end):
            event = CODEC.decode(record.value)
            if isinstance(event, kind):
                yield tp, at, event


def requested(log: MemoryLog) -> list[OrderRequested]:
    return [event for _, _, event in told(log, OrderRequested)]


def steps(explained: Explained) -> list[Step]:
    return [step for root in explained.roots for step in root.walk()]


def names(step: Step) -> list[str]:
    """The way down along the last children."""
    return [step.name, *(names(step.children[-1]) if step.children else [])]


def direct(log: MemoryLog) -> OrderRequested:
    """An order that a trade's signal asked for at once; acknowledged, then filled."""
    done = [{e.cl_ord_id for _, _, e in told(log, kind)} for kind in (OrderFilled, OrderAccepted)]
    return next(
        each
        for each in requested(log)
        if all(each.cl_ord_id in names for names in done)
        and each.correlation_id.startswith("md.trade.v1/")
        and each.causation_id.startswith("strategy/")
    )


def test_every_order_is_one_tree_with_each_event_once(
    every: dict[OrderRequested, Explained], traded_log: MemoryLog
) -> None:
    for request, found in every.items():
        [root] = found.roots
        places = [step.found.place for step in root.walk()]
        assert len(set(places)) == len(places)
        own = {
            f"{tp.topic}/{tp.partition}/{at}"
            for tp, at, event in told(traded_log)
            if getattr(event, "cl_ord_id", None) == request.cl_ord_id and tp.topic != "venue.raw.v1"
        }
        fills = {p for p in own if p in places and p.startswith(EVENTS)}
        moved = {
            f"{tp.topic}/{tp.partition}/{at}"
            for tp, at, event in told(traded_log, PositionChanged)
            if event.causation_id in fills
        }
        assert {*places} >= own | moved
        [signal] = root.children
        assert signal.found.event.causation_id == root.found.place
        assert not found.notes


def test_nothing_hangs_below_what_came_after_it(every: dict[OrderRequested, Explained]) -> None:
    for found in every.values():
        for step in steps(found):
            for child in step.children:
                assert child.found.timestamp_ms >= step.found.timestamp_ms
        shown = list(told_steps(as_json(found)["steps"]))
        assert min(one["since_parent_ns"] for one in shown[1:]) >= 0
        assert "  -" not in as_text(found)
        assert "log -" not in as_text(found)


def told_steps(shown: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for one in shown:
        yield one
        yield from told_steps(one["children"])


def test_the_tick_of_a_price_is_told_beside_the_request(
    every: dict[OrderRequested, Explained],
) -> None:
    later = 0
    for request, found in every.items():
        [step] = [s for s in steps(found) if s.name == "OrderRequested"]
        tick, priced_on = found.roots[0].found.place, step.causes.get("priced_on")
        assert (priced_on is None) == (tick == request.correlation_id)
        if priced_on is not None:
            later += 1
            assert priced_on.found.place == request.correlation_id
            assert priced_on.at_ns == request.ts_recv_ns
            assert f"─ priced on {clock_of(priced_on)} QuoteChanged" in as_text(found)
            [told_step] = [s for s in told_steps(as_json(found)["steps"]) if s["causes"]]
            assert told_step["causes"]["priced_on"]["place"] == request.correlation_id
    assert later == 11


def told_of(log: MemoryLog, request: OrderRequested) -> Explained:
    return explain(Past(log, CODEC), request.cl_ord_id)


def clock_of(step: Step) -> str:
    return f"{datetime.fromtimestamp(step.at_ns // 1_000 / 1_000_000, UTC):%H:%M:%S.%f}"


def test_a_filled_order_leads_from_tick_to_position(past: Past, traded_log: MemoryLog) -> None:
    [root] = explain(past, direct(traded_log).cl_ord_id).roots
    assert names(root) == [
        "TradePrinted",
        "TargetChanged",
        "OrderRequested",
        "OrderApproved",
        "OrderSubmitting",
        "OrderFilled",
        "PositionChanged",
    ]


def test_a_slice_that_a_fill_led_to_names_that_fill(past: Past, traded_log: MemoryLog) -> None:
    fills = {f"{tp.topic}/{tp.partition}/{at}" for tp, at, _ in told(traded_log, OrderFilled)}
    request = next(r for r in requested(traded_log) if r.causation_id in fills)
    found = explain(past, request.cl_ord_id)
    _, signal, step, *_ = found.roots[0].walk()
    assert [signal.name, step.name] == ["TargetChanged", "OrderRequested"]
    fill = step.causes["made_at"].found
    assert fill.place == request.causation_id
    assert fill.event.cl_ord_id != request.cl_ord_id
    assert (signal.found.event.strategy, signal.found.event.instrument) == (
        request.strategy,
        request.instrument,
    )
    assert f"─ made at {clock_of(step.causes['made_at'])} OrderFilled" in as_text(found)


def test_an_order_that_closes_a_position_begins_with_the_desk_s_word() -> None:
    log = traded.load()
    request = next(r for r in requested(log) if r.correlation_id.startswith("md.quote.v1/"))
    told_ms = request.ts_recv_ns // 1_000_000 + 1
    why = ("ada", "a drill", None, told_ms * 1_000_000)
    word = TradingFlattened(request.account, None, None, "OPERATOR", *why)
    at = log.bounds(Tp("ops.control.v1", 0))[1]
    log.append(OutRecord("ops.control.v1", 0, b"", CODEC.encode(word), told_ms))
    place = f"ops.control.v1/0/{at}"
    closing = request._replace(
        cl_ord_id="CLOSING",
        parent_id=f"{request.strategy}/{request.instrument}/{place}/0",
        causation_id=place,
    )
    log.append(OutRecord("oms.order-request.v1", 0, b"", CODEC.encode(closing), told_ms))
    found = explain(Past(log, CODEC), "CLOSING")
    assert (names(found.roots[0]), found.notes) == (["TradingFlattened", "OrderRequested"], [])
    assert found.roots[0].children[0].causes.keys() == {"priced_on"}
    assert found.tick_ns is None


def test_a_cancel_hangs_below_what_it_cancels(past: Past, traded_log: MemoryLog) -> None:
    canceled = [e for _, _, e in told(traded_log) if type(e).__name__ == "OrderCanceled"]
    both = [e for e in canceled if e.reason == "TARGET_CHANGED"]
    [root] = explain(past, both[0].cl_ord_id).roots
    assert names(root)[-4:] == [
        "CancelRequested",
        "CancelApproved",
        "OrderPendingCancel",
        "OrderCanceled",
    ]


def test_versions_are_those_of_the_epochs_that_decided(past: Past, traded_log: MemoryLog) -> None:
    request = direct(traded_log)
    by_name = {s.name: s for s in steps(explain(past, request.cl_ord_id))}
    pipelines = {
        "TradePrinted": "market",
        "TargetChanged": "strategy",
        "OrderRequested": "strategy",
        "OrderApproved": "risk",
        "PositionChanged": "reconciliation",
    }
    for name, pipeline in pipelines.items():
        versions = by_name[name].versions
        assert versions["pipeline"] == f"{pipeline}-0"
    decided = by_name["OrderApproved"].versions
    assert (decided["limits_version"], decided["limits_by"]) == (1, "ada")
    assert by_name["OrderRequested"].versions["strategy_version"] == request.strategy_version
    sent = by_name["OrderSubmitting"]
    assert sent.versions["gateway"] == sent.found.event.instance
    assert len(sent.versions["caps_version"]) == 16


def test_limits_are_those_that_were_first_with_their_version() -> None:
    """Two people may set limits at the same moment: risk takes the first."""
    log = traded.load()
    tp, _, limits = next(told(log, LimitsChanged))
    log.append(OutRecord(*tp, b"desk", CODEC.encode(limits._replace(person="bob")), 1))
    found = steps(explain(Past(log, CODEC), direct(log).cl_ord_id))
    assert {s.versions["limits_by"] for s in found if "limits_by" in s.versions} == {"ada"}


@pytest.mark.parametrize("again", [False, True])
def test_limits_are_found_where_they_were_set_before_the_time_looked_at(again: bool) -> None:
    """Those that were set again with their version within that time are not taken for them."""
    log = traded.load()
    request, (tp, _, limits) = direct(log), next(told(log, LimitsChanged))
    if again:
        later_ms = request.ts_recv_ns // 1_000_000 + 1_000
        bobs = CODEC.encode(limits._replace(person="bob"))
        log.append(OutRecord(*tp, b"desk", bobs, later_ms))
    since = Span(request.ts_recv_ns // 1_000_000 - 1)
    found = steps(explain(Past(log, CODEC, since), request.cl_ord_id))
    assert {s.versions["limits_by"] for s in found if "limits_by" in s.versions} == {"ada"}


def test_every_epoch_is_the_one_that_wrote_the_record(
    every: dict[OrderRequested, Explained], traded_log: MemoryLog
) -> None:
    epochs = [event for _, _, event in told(traded_log, EpochCommitted)]
    for found in every.values():
        for step in steps(found):
            if step.clock == "log" and step.name != "ClockTick":
                epoch = epoch_of(epochs, step, step.versions["pipeline"].removesuffix("-0"))
                named = (step.versions["epoch"], step.versions["version"])
                assert named == (epoch.sequence, epoch.version)


def epoch_of(epochs: list[EpochCommitted], step: Step, pipeline: str) -> EpochCommitted:
    """By its outputs: the last epoch whose outputs there begin at or before the record."""
    topic, partition, offset = step.found.position
    found = [
        (output.floor, event)
        for event in epochs
        if event.pipeline == pipeline
        for output in event.outputs
        if (output.topic, output.partition) == (topic, partition) and output.floor <= offset
    ]
    epoch: EpochCommitted = max(found, key=lambda pair: pair[0])[1]
    return epoch


def test_an_output_is_found_by_its_cause_alone() -> None:
    log = traded.load()
    tp, first = next(
        (tp, record)
        for tp, part in log.partitions.items()
        for _, record in part.committed(0, part.end)
        if tp.topic == "signal.target.v1"
    )
    other = first._replace(headers=[("ce_id", b"strategy/md.trade.v1/9/9/signal.target.v1/x/0")])
    log.partitions[tp].entries.insert(0, Entry(other, None))
    name = dict(first.headers)["ce_id"].decode()
    cause, key = cause_of(name), first.key.decode()
    found = list(Past(log, CODEC).output("strategy", cause, tp.topic, key))
    assert [one.id for one in found] == [name]


def test_a_denied_order_ends_with_the_denial(past: Past, traded_log: MemoryLog) -> None:
    for _, _, denied in told(traded_log, OrderDenied):
        [root] = explain(past, denied.cl_ord_id).roots
        assert names(root)[-2:] == ["OrderRequested", "OrderDenied"]
        assert denied.reason in as_text(explain(past, denied.cl_ord_id))


def test_times_are_exact(past: Past, traded_log: MemoryLog) -> None:
    request = direct(traded_log)
    found = explain(past, request.cl_ord_id)
    by_name = {s.name: s for s in steps(found)}
    assert found.tick_ns == by_name["TradePrinted"].at_ns == request.ts_recv_ns
    fill = by_name["OrderFilled"]
    assert (fill.clock, fill.at_ns) == ("socket", fill.found.event.ts_recv_ns)
    assert by_name["OrderApproved"].clock == "log"
    shown = as_json(found)["steps"][0]
    while shown["event"] != "OrderSubmitting":
        [shown] = shown["children"]
    told_fill = next(c for c in shown["children"] if c["event"] == "OrderFilled")
    assert told_fill["since_tick_ns"] == fill.at_ns - request.ts_recv_ns
    assert told_fill["since_parent_ns"] == fill.at_ns - by_name["OrderSubmitting"].at_ns
    assert told_fill["fields"]["last_px"] == f"{fill.found.event.last_px.normalize():f}"


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "+0.000"),
        (1_999, "+0.001"),
        (-1_999, "-0.001"),
        (12_345_678_999, "+12,345.678"),
        (None, "?"),
    ],
)
def test_milliseconds_are_cut_not_rounded(ns: int | None, text: str) -> None:
    assert ms_of(ns) == text


def test_an_archive_explains_what_its_log_does(
    past: Past, traded_log: MemoryLog, traded_root: Path
) -> None:
    store, catalog = FolderStore(traded_root), load_catalog()
    archived = Past(ArchiveLog(store), Codec(catalog, archived_ids(store, catalog)))
    for request in (direct(traded_log), requested(traded_log)[-1]):
        name = request.cl_ord_id
        assert as_json(explain(archived, name)) == as_json(explain(past, name))


def test_what_is_gone_is_said_and_the_rest_is_shown(traded_log: MemoryLog) -> None:
    log = traded.load()
    request = direct(traded_log)
    for tp in log.partitions:
        if tp.topic in ("md.trade.v1", "md.quote.v1", "signal.target.v1", "risk.epochs.v1"):
            log.trim(tp, log.bounds(tp)[1])
    found = told_of(log, request)
    assert [root.name for root in found.roots] == ["OrderRequested"]
    assert found.notes == [
        f"its tick {request.correlation_id} is gone",
        f"its wanted position {request.parent_id} is gone",
    ]
    assert "note: its tick" in as_text(found)
    priced = next(r for r in requested(log) if not r.parent_id.count(r.correlation_id))
    assert f"its price's tick {priced.correlation_id} is gone" in told_of(log, priced).notes
    later = Past(log, CODEC, Span(request.ts_recv_ns // 1_000_000 + 50))
    assert explain(later, request.cl_ord_id).roots[0].name == "OrderSubmitting"
    assert "its request is gone" in explain(later, request.cl_ord_id).notes[0]


@pytest.mark.parametrize(
    ("prefix", "says"),
    [("", "name an order"), ("!", "no order begins with !")],
    ids=["nothing", "unknown"],
)
def test_an_order_that_is_not_there_is_one_line(past: Past, prefix: str, says: str) -> None:
    with pytest.raises(OrderNotFound, match=says):
        explain(past, prefix)


def test_a_prefix_of_several_orders_names_them(past: Past, traded_log: MemoryLog) -> None:
    found = sorted({request.cl_ord_id for request in requested(traded_log)})
    letter = next(a[0] for a, b in pairwise(found) if a[0] == b[0])
    alike = [name for name in found if name.startswith(letter)]
    with pytest.raises(
        OrderNotFound, match=f"^{len(alike)} orders begin with {letter}: {alike[0]}"
    ):
        explain(past, letter)
    assert explain(past, alike[0][:10]).cl_ord_id == alike[0]
