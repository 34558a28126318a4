"""Law 2: whatever is interrupted, every output is there exactly once, and the epochs re-run to the
same digests.

1. A run over a short log is crashed at each named point, each time it comes by; a restart follows.
2. The log is judged by the oracle, which knows the recorded epochs alone, and by a replay.
3. A zombie is a session that goes on after its successor has run: it must write nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.epochs.points import POINTS
from connectors.log.interface import Tp
from connectors.log.memory import MemoryLog
from tests.connectors.epochs import toy
from tests.connectors.epochs.crash import At, exit_of, replay, snapshots, survives
from tests.faults.oracle import examine

BOUNDS = {"records_max": 7, "snapshot_bytes_min": 5_000}


def short_log(records: int = 40) -> MemoryLog:
    log = MemoryLog(toy.TOPICS)
    for number in range(records):
        log.append(toy.trade_record(number, 1_000 + number))
        if number % 10 == 5:
            log.append(toy.tick_record(1_000 + number))
    return log


def positions() -> Iterator[tuple[str, int]]:
    """Each named point with each of its occasions in an uninterrupted run."""
    watch = At()
    toy.live(short_log(), toy.shard(**BOUNDS), point=watch)
    assert set(watch.seen) == set(POINTS), "every named point is passed"
    for name in POINTS:
        for number in range(watch.seen[name]):
            yield name, number


def check(log: MemoryLog) -> None:
    report = examine(log)
    assert report.clean, report
    replay(log)


@pytest.mark.parametrize("name", POINTS)
def test_crash_at_each_occasion_of_each_point(name: str) -> None:
    for number in [n for point, n in positions() if point == name]:
        log = short_log()
        crash = At(name, number)
        assert not survives(partial(toy.live, log, toy.shard(**BOUNDS), point=crash))
        toy.live(log, toy.shard(**BOUNDS))
        check(log)


@given(
    st.lists(st.tuples(st.sampled_from(POINTS), st.integers(0, 6)), max_size=6),
    st.integers(0, 60),
    st.sampled_from([1, 3, 7, 100]),
)
@settings(max_examples=60, deadline=None)
def test_any_sequence_of_crashes(
    crashes: list[tuple[str, int]], records: int, records_max: int
) -> None:
    log, number = MemoryLog(toy.TOPICS), 0
    shard = toy.shard(records_max=records_max, snapshot_bytes_min=5_000)
    for crash in [*crashes, ("", 0)]:
        for _ in range(1 + records // (len(crashes) + 1)):
            log.append(toy.trade_record(number, 1_000 + number))
            number += 1
        survives(partial(toy.live, log, shard, point=At(*crash)))
    check(log)


def test_from_any_snapshot_to_the_end() -> None:
    log = short_log(200)
    toy.live(log, toy.shard(**BOUNDS))
    taken = snapshots(log)
    assert len(taken) > 5
    for ref in taken:
        session = replay(log, ref=ref)
        assert session.progress.snapshots == len(taken) - taken.index(ref) - 1


@pytest.mark.parametrize("name", ["epoch-cut", "reduced", "begun", "outputs-sent", "epoch-sent"])
def test_zombie_writes_nothing(name: str) -> None:
    log = short_log()
    successor = At(name, 2, lambda: (toy.live(log, toy.shard(**BOUNDS)), None)[1])
    assert exit_of(partial(toy.live, log, toy.shard(**BOUNDS), point=successor)) == "exit 70"
    check(log)


@pytest.mark.parametrize("name", ["fenced", "history-read", "opening-sent"])
def test_zombie_while_opening_writes_nothing(name: str) -> None:
    log = short_log()
    successor = At(name, 0, lambda: (toy.live(log, toy.shard(**BOUNDS)), None)[1])
    with pytest.raises(Exception, match="another writer took over"):
        toy.live(log, toy.shard(**BOUNDS), point=successor)
    check(log)


def test_oracle_sees_a_duplicate_a_loss_and_a_change() -> None:
    log = short_log()
    toy.live(log, toy.shard(**BOUNDS))
    part = log.partitions[Tp(toy.TARGETS, 0)]
    part.entries.append(part.entries[0])
    assert examine(log).duplicated == 1
    part.entries.pop()
    first = part.entries.pop(0)
    assert examine(log).lost == 1
    assert first.record is not None
    other = part.entries[0].record
    assert other is not None
    part.entries.insert(0, first.__class__(first.record._replace(value=other.value), None))
    assert examine(log).different == 1
