"""Risk under the epoch protocol, on the log in memory: replay, crash, snapshots, upgrade, what if.

The history: requests of two strategies, answered while the venue accepts, fills and cancels what
was approved, marks come, and the desk is halted for a while.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from functools import cache
from typing import Any

import pytest

from connectors.epochs.history import Ledger, history_from_start, history_since
from connectors.epochs.model import Intent, Shard
from connectors.epochs.opening import open_session
from connectors.epochs.parts import Parts
from connectors.epochs.points import POINTS, Point, nothing
from connectors.epochs.session import Session
from connectors.epochs.verify import Verifier
from connectors.log.interface import OutRecord
from connectors.log.memory import MemoryLog
from pipelines.batches import local_codec
from pipelines.logic import Input
from pipelines.risk.logic import RiskLogic
from replay.rerun import NothingRecorded, rerun
from replay.times import Span
from replay.what_if import what_if
from schemas.events import OrderApproved
from tests.connectors.epochs import driven
from tests.connectors.epochs.crash import At, survives
from tests.pipelines.risk.rig import LIMITS, START_MS, Desk, limits_of, request

CODEC, LOGIC = local_codec(), RiskLogic()
SHARD = Shard(
    "risk", 0, 1, RiskLogic.inputs, "v1",
    records_max=7, snapshot_bytes_min=3_000, snapshot_factor=0,
)  # fmt: skip
SIDES, QUANTITIES, OFFSETS = ("BUY", "BUY", "SELL"), ("1", "7", "30", "2.5"), ("0", "-1", "3")


@cache
def history() -> tuple[Input, ...]:
    """About 300 records, from a small linear congruence."""
    desk, number = Desk(ORDERS_OPEN_MAX="3").begin(), 7
    for at in range(60):
        number = (1_103_515_245 * number + 12_345) % 2**31
        pick = number >> 8
        price = str(100 + Decimal(OFFSETS[pick // 3 % 3]))
        order = request(f"o{at}", SIDES[pick % 3], QUANTITIES[pick // 9 % 4], price)
        order = order._replace(strategy=f"s{pick // 36 % 2}")
        if isinstance(desk.ask(order), OrderApproved):
            desk.opened.append(order)
            desk.play(f"accept:o{at}")
            desk.play(f"fill:o{at}:0.5@100" if pick % 2 else f"end:o{at}")
        desk.play({20: "halt", 25: "resume", 40: "+1s"}.get(at, "mark:100"))
    return tuple(desk.inputs)


def recorded() -> MemoryLog:
    topics = dict.fromkeys((*LOGIC.outputs, "risk.epochs.v1", "risk.snapshots.v1"), 2)
    log = MemoryLog({**topics, **{topic.topic: 1 for topic in LOGIC.inputs}})
    for item in history():
        value = CODEC.encode(item.event)
        log.append(OutRecord(item.position.topic, 0, item.key, value, item.timestamp_ms))
    return log


def run(session: Session) -> None:
    driven.drive(session, RiskLogic())


def live(log: MemoryLog, shard: Shard = SHARD, point: Point = nothing, **intent: Any) -> None:
    asked = Intent(**{"start": "earliest", **intent})
    run(open_session(log, CODEC, shard, asked, rebuildable=False, point=point, until=lambda: True))


def outputs(log: MemoryLog) -> dict[bytes, bytes]:
    return driven.outputs(log, LOGIC.outputs)


@cache
def uninterrupted() -> dict[bytes, bytes]:
    log = recorded()
    live(log)
    return outputs(log)


def test_the_history_has_all_kinds_of_answers() -> None:
    events = [CODEC.decode(value) for value in uninterrupted().values()]
    reasons = {getattr(event, "reason", "APPROVED") for event in events}
    assert {"APPROVED", "PRICE_COLLAR", "POSITION_BELOW_ZERO", "STATE_HALTED"} <= reasons
    assert len(events) >= 60


OFTEN = POINTS[POINTS.index("epoch-cut") :]
KILLS = [*((name, 0) for name in POINTS), *((name, n) for name in OFTEN for n in (3, 11))]


@pytest.mark.parametrize(("name", "number"), KILLS)
def test_killed_anywhere_every_answer_is_given_once(name: str, number: int) -> None:
    log = recorded()
    assert not survives(lambda: live(log, point=At(name, number)))
    live(log)
    assert outputs(log) == uninterrupted()
    assert rerun(log, CODEC, SHARD, RiskLogic()).clean


def test_every_snapshot_leads_to_the_same_rest() -> None:
    log = recorded()
    live(log)
    ledger = Ledger(log, CODEC, SHARD)
    taken = [e.snapshot for e in history_from_start(ledger, SHARD).epochs if e.snapshot_taken]
    assert len(taken) > 3
    for ref in taken:
        assert ref is not None
        rest = history_since(ledger, SHARD, ref)
        verifier = Verifier(CODEC, SHARD)
        session = Session(Parts(log, CODEC, SHARD, rest.base, rest.epochs, verifier))
        run(session)
        assert session.progress.epochs_verified == len(rest.epochs)


def test_epochs_of_any_size_give_the_same_answers() -> None:
    log = recorded()
    live(log, replace(SHARD, records_max=10_000))
    assert outputs(log) == uninterrupted()


def test_an_upgrade_with_open_orders_keeps_what_was_decided() -> None:
    """Half of the history under one version, the rest under the next: the answers are the same."""
    log, middle_ms = recorded(), moment("o30")
    later = {tp: part.entries for tp, part in log.partitions.items() if part.entries}
    for tp, entries in later.items():
        log.partitions[tp].entries = [e for e in entries if before(e, middle_ms)]
    live(log)
    assert 0 < len(outputs(log)) < len(uninterrupted())
    for tp, entries in later.items():
        log.partitions[tp].entries += [e for e in entries if not before(e, middle_ms)]
    live(log, replace(SHARD, version="v2"), upgrade="carry")
    assert outputs(log) == uninterrupted()


def before(entry: Any, at_ms: int) -> bool:
    return bool(entry.record.timestamp_ms < at_ms)


def moment(cl_ord_id: str) -> int:
    """When that order was asked for."""
    asked = (i for i in history() if i.position.topic == "oms.order-request.v1")
    return next(i.timestamp_ms for i in asked if i.event.cl_ord_id == cl_ord_id)


def test_the_same_limits_would_have_decided_the_same() -> None:
    log = recorded()
    live(log)
    same = limits_of({**LIMITS, "ORDERS_OPEN_MAX": "3"})
    found = what_if(log, CODEC, SHARD, same)
    assert (found.requests, found.changed) == (60, [])


def test_other_limits_are_judged_on_what_really_happened() -> None:
    log = recorded()
    live(log)
    none = limits_of({**LIMITS, "ORDERS_OPEN_MAX": "0"})
    found = what_if(log, CODEC, SHARD, none)
    approved = [e for e in map(CODEC.decode, uninterrupted().values()) if _passed(e)]
    assert {c.cl_ord_id for c in found.changed} == {e.cl_ord_id for e in approved}
    assert found.counts == {"APPROVED -> ORDERS_OPEN": len(approved)}
    wide = limits_of({**LIMITS, "ORDERS_OPEN_MAX": "3", "PRICE_COLLAR_BPS": "500"})
    changed = what_if(log, CODEC, SHARD, wide).changed
    assert changed
    assert {c.recorded for c in changed} == {"PRICE_COLLAR"}


def _passed(event: Any) -> bool:
    return isinstance(event, OrderApproved)


def test_other_limits_over_a_part_of_the_time() -> None:
    log = recorded()
    live(log)
    none = limits_of({**LIMITS, "ORDERS_OPEN_MAX": "0"})
    late = what_if(log, CODEC, SHARD, none, Span(from_ms=moment("o40")))
    assert late.requests == 20
    with pytest.raises(NothingRecorded):
        what_if(log, CODEC, SHARD, none, Span(to_ms=START_MS))


def test_only_marks_and_the_clock_may_wait_for_more() -> None:
    """Within an epoch an older request would come before an order event that arrived first."""
    waiting = {one.topic for one in RiskLogic.inputs if not one.urgent}
    assert waiting == {"md.mark.v1", "ops.clock.v1"}
