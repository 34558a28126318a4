"""A person's word: a record skipped, a difference accepted, a hot fix. Recorded once, honoured by
every re-run.
"""

from __future__ import annotations

import pytest

from connectors.epochs.errors import BoundaryRefused, Diverged
from connectors.epochs.model import Acceptance, Skip
from connectors.epochs.points import Point
from connectors.log.interface import Tp
from connectors.log.memory import MemoryLog
from pipelines.logic import PoisonRecord, Position
from replay.rerun import rerun
from tests.connectors.epochs import toy
from tests.connectors.epochs.crash import epochs, recorded, replay_history
from tests.faults.oracle import examine

SHARD = toy.shard(records_max=10)
POISON = toy.ToyLogic(poison="33")


def append(log: MemoryLog, start: int, end: int) -> None:
    for number in range(start, end):
        log.append(toy.trade_record(number, 1_000 + number))


def poisoned() -> tuple[MemoryLog, Position]:
    """A log whose trade 33 makes the logic raise, after the first run has met it."""
    log = MemoryLog(toy.TOPICS)
    append(log, 0, 60)
    with pytest.raises(PoisonRecord) as found:
        toy.live(log, SHARD, POISON)
    return log, found.value.position


def kinds(log: MemoryLog) -> list[str]:
    return [e.boundary.kind for e in epochs(log) if e.boundary]


def test_a_poison_record_names_itself_and_the_way_out() -> None:
    log, position = poisoned()
    entry = log.partitions[Tp(position.topic, position.partition)].entries[position.offset]
    assert entry.record is not None
    assert toy.CODEC.decode(entry.record.value).trade_id == "33"
    name = f"{position.topic}/{position.partition}/{position.offset}"
    with pytest.raises(PoisonRecord, match=rf"{name} .*ZeroDivisionError.*--skip {name} --reason"):
        toy.live(log, SHARD, POISON)


def test_a_skipped_record_is_left_out_for_ever() -> None:
    log, position = poisoned()
    skip = Skip(position, "a price of zero")
    toy.live(log, SHARD, POISON, skip=skip)
    assert kinds(log) == ["SKIP"]
    assert len(toy.ids(log)) == 59
    replay_history(log, SHARD, recorded(log, SHARD), POISON)


def test_a_skip_survives_a_stop_before_the_record_is_reached() -> None:
    log = MemoryLog(toy.TOPICS)
    append(log, 0, 20)
    ahead = Skip(Position(toy.TRADES, toy.trade_record(33, 0).partition, 8), "known to be bad")
    toy.live(log, SHARD, POISON, skip=ahead)
    assert not any(e.snapshot_taken for e in epochs(log))
    append(log, 20, 60)
    toy.live(log, SHARD, POISON)
    assert len(toy.ids(log)) == 59
    assert epochs(log)[-1].snapshot_taken


def test_a_skip_asked_for_again_is_recorded_once() -> None:
    log, position = poisoned()
    for _ in range(3):
        toy.live(log, SHARD, POISON, skip=Skip(position, "again"))
    assert kinds(log) == ["SKIP"]


def test_a_skip_of_another_shard_is_no_concern() -> None:
    log = MemoryLog(toy.TOPICS)
    toy.live(log, toy.shard(0, 2), skip=Skip(Position(toy.TRADES, 1, 5), "not mine"))
    assert [e.boundary for e in epochs(log, toy.shard(0, 2)) if e.boundary] == []


def test_a_skip_of_a_topic_not_read_is_refused() -> None:
    log = MemoryLog(toy.TOPICS)
    with pytest.raises(BoundaryRefused, match=r"does not read signal\.target"):
        toy.live(log, SHARD, skip=Skip(Position(toy.TARGETS, 0, 5), "typo"))


def test_a_hot_fix_goes_on_after_a_poison_record() -> None:
    log, _ = poisoned()
    fixed = toy.shard(version="v2", records_max=10)
    toy.live(log, fixed, toy.ToyLogic(), upgrade="carry", reason="division guarded")
    assert len(set(toy.ids(log))) == 60
    [boundary] = [e.boundary for e in epochs(log) if e.boundary]
    assert (boundary.outputs_added, boundary.outputs_removed) == (0, 0)
    assert rerun(log, toy.CODEC, fixed, toy.ToyLogic()).clean


def diverging() -> tuple[MemoryLog, toy.ToyLogic, int]:
    """A log, and code of the same version that decides otherwise: as after an unnoticed change."""
    log = MemoryLog(toy.TOPICS)
    append(log, 0, 30)
    toy.live(log, SHARD)
    append(log, 30, 60)
    with pytest.raises(RuntimeError):
        toy.live(log, SHARD, point=_stop_at("epoch-cut", 3))
    other = toy.ToyLogic(salt="other")
    with pytest.raises(Diverged) as found:
        toy.live(log, SHARD, other)
    return log, other, found.value.sequence


def _stop_at(name: str, number: int) -> Point:
    seen = []

    def point(passed: str) -> None:
        seen.append(passed)
        if seen.count(name) > number:
            raise RuntimeError("killed")

    return point


def test_a_shard_that_differs_does_not_start() -> None:
    log, other, sequence = diverging()
    with pytest.raises(Diverged, match=f"--accept-divergence {sequence} --reason"):
        toy.live(log, SHARD, other)
    assert examine(log).duplicated == 0


def test_an_accepted_difference_covers_what_follows_from_it() -> None:
    log, other, sequence = diverging()
    toy.live(log, SHARD, other, accept=Acceptance(sequence, "known"))
    [boundary] = [e.boundary for e in epochs(log) if e.boundary]
    assert (boundary.kind, boundary.subject) == ("ACCEPT_DIVERGENCE", str(sequence))
    assert (boundary.epochs_compared, boundary.outputs_added) == (3, 30)
    append(log, 60, 80)
    toy.live(log, SHARD, other)
    assert len(set(toy.ids(log))) == len(toy.ids(log)) == 80


def test_a_replay_honours_an_accepted_difference() -> None:
    log, other, sequence = diverging()
    toy.live(log, SHARD, other, accept=Acceptance(sequence, "known"))
    before = next(e.snapshot for e in epochs(log) if e.sequence == sequence - 1)
    replay_history(log, SHARD, recorded(log, SHARD, before), other)


def test_an_acceptance_asked_for_again_is_recorded_once() -> None:
    log, other, sequence = diverging()
    for _ in range(3):
        toy.live(log, SHARD, other, accept=Acceptance(sequence, "known"))
    assert kinds(log) == ["ACCEPT_DIVERGENCE"]


def test_an_acceptance_of_an_epoch_that_does_not_exist_is_refused() -> None:
    log, other, _ = diverging()
    with pytest.raises(BoundaryRefused, match="has recorded no such epoch"):
        toy.live(log, SHARD, other, accept=Acceptance(99, "typo"))


def test_other_inputs_can_be_accepted_too() -> None:
    log = MemoryLog(toy.TOPICS)
    append(log, 0, 30)
    with pytest.raises(RuntimeError):
        toy.live(log, SHARD, point=_stop_at("epoch-cut", 3))
    entry = log.partitions[Tp(toy.TRADES, 0)].entries[0]
    assert entry.record is not None
    entry.record = entry.record._replace(key=b"changed")
    with pytest.raises(Diverged, match="inputs"):
        toy.live(log, SHARD)
    toy.live(log, SHARD, accept=Acceptance(0, "the disk was repaired"))
    replay_history(log, SHARD, recorded(log, SHARD, epochs(log)[-1].snapshot))
