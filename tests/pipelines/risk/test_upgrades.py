"""Upgrades of risk with open orders: forward and back, after a poison record, after a skipped one.

The judge folds what the log records, inputs and outputs, without session or dataflow: the state
that a process left must be the one that really happened, whatever another version would have said.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from connectors.epochs.batch import EpochBatch
from connectors.epochs.history import Ledger, history_from_start, history_since
from connectors.epochs.model import Intent, Shard, Skip
from connectors.epochs.opening import open_session
from connectors.epochs.recorded import RecordedOutputs
from connectors.epochs.supply import Supply
from connectors.log.memory import MemoryLog
from pipelines.logic import Batch, Input, Output, PoisonRecord, Position
from pipelines.risk.logic import RiskLogic
from schemas.events import EpochCommitted, OrderApproved
from tests.connectors.epochs.driven import drive
from tests.pipelines.risk.test_epochs import (
    CODEC,
    LOGIC,
    SHARD,
    before,
    history,
    moment,
    outputs,
    recorded,
    uninterrupted,
)

REQUESTS = "oms.order-request.v1"
NEXT, LAST = replace(SHARD, version="v2"), replace(SHARD, version="v3")


class Plain(RiskLogic):
    """Item by item, so that a version can differ in what it decides."""

    def step(self, state: Any, batch: Batch) -> tuple[Any, list[Output]]:
        found: list[Output] = []
        for item in batch.rows():
            decided = self.decide(state, item)
            state = self.evolve(state, item)
            for output in decided:
                state = self.evolve(state, output)
            found += decided
        return state, found


class Dearer(Plain):
    """Another version: reserves a unit of currency more than it must."""

    def decide(self, state: Any, item: Input) -> list[Output]:
        return [
            o._replace(event=o.event._replace(reserved_notional=o.event.reserved_notional + 1))
            if isinstance(o.event, OrderApproved)
            else o
            for o in super().decide(state, item)
        ]


class Broken(Plain):
    """A version that one request makes raise."""

    def decide(self, state: Any, item: Input) -> list[Output]:
        if getattr(item.event, "cl_ord_id", None) == "o30" and item.position.topic == REQUESTS:
            raise ZeroDivisionError
        return super().decide(state, item)


def live(log: MemoryLog, shard: Shard = SHARD, logic: RiskLogic = LOGIC, **asked: Any) -> None:
    intent = Intent(**{"start": "earliest", **asked})
    session = open_session(log, CODEC, shard, intent, rebuildable=False, until=lambda: True)
    drive(session, logic)


def in_parts(log: MemoryLog, *moments_ms: int) -> Iterator[None]:
    """Lets the log's records appear up to one moment after the other, then all."""
    whole = {tp: part.entries for tp, part in log.partitions.items() if part.entries}
    for tp in whole:
        log.partitions[tp].entries = []
    for at_ms in (*moments_ms, 1 << 62):
        for tp, entries in whole.items():
            count = len(log.partitions[tp].entries)
            log.partitions[tp].entries += [e for e in entries[count:] if before(e, at_ms)]
        yield


def shown(log: MemoryLog) -> tuple[bytes, bytes]:
    """The state that the last process left, and the one that recorded inputs and outputs give."""
    history = history_from_start(Ledger(log, CODEC, SHARD), SHARD)
    state, skipped = LOGIC.initial(), skipped_in(history.epochs)
    supply, told = Supply(log, SHARD, history.base.places), RecordedOutputs(log, CODEC, SHARD)
    for epoch in history.epochs:
        answers = told.of(epoch).outputs
        for item in EpochBatch(supply.recorded(epoch), CODEC, "risk", skipped).rows():
            state = LOGIC.evolve(state, item)
            for output in answers.get(item.position, ()):
                state = LOGIC.evolve(state, output)
    last = history.epochs[-1]
    assert last.snapshot_taken
    assert last.snapshot is not None
    left = history_since(Ledger(log, CODEC, SHARD), SHARD, last.snapshot).base.body
    assert left is not None
    return left, LOGIC.dump(state)


def skipped_in(epochs: Sequence[EpochCommitted]) -> frozenset[Position]:
    boundaries = [e.boundary for e in epochs if e.boundary is not None]
    named = [one.subject.rsplit("/", 2) for one in boundaries if one.kind == "SKIP"]
    return frozenset(Position(topic, int(partition), int(at)) for topic, partition, at in named)


def test_there_and_back_with_open_orders_the_state_is_what_happened() -> None:
    log = recorded()
    parts = in_parts(log, moment("o20"), moment("o40"))
    next(parts)
    live(log)
    next(parts)
    live(log, NEXT, logic=Dearer(), upgrade="carry")
    left, folded = shown(log)
    assert left == folded
    assert outputs(log) != {k: v for k, v in uninterrupted().items() if k in outputs(log)}
    next(parts)
    live(log, LAST, upgrade="carry")
    left, folded = shown(log)
    assert left == folded


def test_a_hot_fix_after_a_poison_record_loses_nothing() -> None:
    log = recorded()
    with pytest.raises(PoisonRecord, match="ZeroDivisionError"):
        live(log, logic=Broken())
    assert 0 < len(outputs(log)) < len(uninterrupted())
    live(log, NEXT, upgrade="carry")
    left, folded = shown(log)
    assert left == folded
    assert outputs(log) == uninterrupted()


def test_after_a_record_was_skipped_the_state_is_what_happened() -> None:
    log = recorded()
    place = next(i.position for i in history() if getattr(i.event, "cl_ord_id", "") == "o30")
    with pytest.raises(PoisonRecord):
        live(log, logic=Broken())
    live(log, logic=Broken(), skip=Skip(place, "a price of zero"))
    left, folded = shown(log)
    assert left == folded
    assert len(outputs(log)) < len(uninterrupted())
