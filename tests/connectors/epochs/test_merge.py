"""The merge: order, bounds, days, and never ahead of a partition that has backlog.

A plan is judged against the obvious way to say it: sort everything, cut.
"""

from __future__ import annotations

from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.epochs.merge import DAY_MS, PartitionBuffer, limit_ms, merged_order, plan
from connectors.epochs.runs import run_of
from connectors.log.interface import OutRecord, Tp
from connectors.log.memory import MemoryLog, MemoryMessage
from tests.connectors.epochs import toy
from tests.connectors.epochs.crash import epochs

NO_BOUND = 10**9
STAMPS = st.lists(st.integers(0, 30), max_size=12)
PARTITIONS = st.lists(st.tuples(STAMPS, st.booleans()), min_size=1, max_size=4)


def buffers(stamps: list[list[int]], size: int = 10) -> list[PartitionBuffer]:
    made = []
    for number, times in enumerate(stamps):
        buffer = PartitionBuffer(Tp("t", number), 0, -1)
        records = [OutRecord("t", number, b"", b"v" * size, time) for time in times]
        if records:
            buffer.extend(run_of([MemoryMessage(r, at) for at, r in enumerate(records)]))
        made.append(buffer)
    return made


def in_order(stamps: list[list[int]]) -> list[tuple[int, int, int]]:
    """(log time, partition, offset) of everything, sorted."""
    return sorted(
        (time, number, offset)
        for number, times in enumerate(stamps)
        for offset, time in enumerate(accumulate(times, max))
    )


def handed_out(waiting: list[PartitionBuffer], counts: list[int]) -> list[tuple[int, int, int]]:
    slices = [b.take(n) for b, n in zip(waiting, counts, strict=True)]
    rows = [
        (time, s.tp.partition, offset)
        for s in slices
        for time, offset in zip(s.times, s.offsets, strict=True)
    ]
    order = merged_order(slices)
    return rows if order is None else [rows[i] for i in order]


@given(PARTITIONS, st.integers(1, 20))
def test_a_plan_is_a_prefix_of_the_order(
    partitions: list[tuple[list[int], bool]], records_max: int
) -> None:
    stamps = [times for times, _ in partitions]
    waiting = buffers(stamps)
    backlog = {b.tp: late for b, (_, late) in zip(waiting, partitions, strict=True)}
    limit = limit_ms(waiting, backlog)
    counts = plan(waiting, limit, records_max, NO_BOUND)
    allowed = [row for row in in_order(stamps) if limit is None or row[0] <= limit]
    assert handed_out(waiting, counts) == allowed[:records_max]


@given(PARTITIONS)
def test_no_record_is_later_than_the_log_time_reached_with_backlog(
    partitions: list[tuple[list[int], bool]],
) -> None:
    waiting = buffers([times for times, _ in partitions])
    backlog = {b.tp: late for b, (_, late) in zip(waiting, partitions, strict=True)}
    reached = [b.reached_ms for b in waiting if backlog[b.tp]]
    taken = handed_out(waiting, plan(waiting, limit_ms(waiting, backlog), NO_BOUND, NO_BOUND))
    assert all(time <= bound for time, _, _ in taken for bound in reached)


@given(st.lists(STAMPS, min_size=1, max_size=3), st.integers(1, 200))
def test_bytes_bound_an_epoch_of_more_than_one_record(
    stamps: list[list[int]], bytes_max: int
) -> None:
    waiting = buffers(stamps)
    taken = handed_out(waiting, plan(waiting, None, NO_BOUND, bytes_max))
    assert len(taken) == 1 or 10 * len(taken) <= bytes_max
    assert taken == in_order(stamps)[: len(taken)]
    assert bool(taken) == any(stamps)


@given(st.lists(st.lists(st.integers(0, 3 * DAY_MS), max_size=6), min_size=1, max_size=3))
def test_an_epoch_lies_within_one_utc_day(stamps: list[list[int]]) -> None:
    waiting = buffers(stamps)
    taken = handed_out(waiting, plan(waiting, None, NO_BOUND, NO_BOUND))
    assert len({time // DAY_MS for time, _, _ in taken}) <= 1
    assert taken == in_order(stamps)[: len(taken)]


def test_time_that_steps_back_is_lifted_to_the_log_time_reached() -> None:
    [waiting] = buffers([[5, 3, 9, 1]])
    part = waiting.take(4)
    assert part.times.tolist() == [5, 5, 9, 9]
    assert part.timestamps.tolist() == [5, 3, 9, 1]


@pytest.mark.parametrize("records_max", [40, 20_000])
def test_an_hour_of_backlog_runs_no_clock_ahead_of_the_data(records_max: int) -> None:
    """One trade per second and instrument, one tick per second, all there at the start: no tick is
    handed out while a trade 2 s older waits.
    """
    log = MemoryLog(toy.TOPICS)
    for second in range(3_600):
        for name in toy.INSTRUMENTS:
            log.append(toy.trade_record(second, second * 1_000, name))
        log.append(toy.tick_record(second * 1_000 + 500))
    toy.live(log, toy.shard(records_max=records_max))
    places = {Tp(toy.TRADES, p): 0 for p in range(4)}
    ages = []
    for epoch in epochs(log):
        clock = next(r.log_time_ms for r in epoch.inputs if r.topic == toy.CLOCK)
        places.update({Tp(r.topic, r.partition): r.end for r in epoch.inputs})
        for tp in (tp for tp in places if tp.topic == toy.TRADES):
            entries = log.partitions[tp].entries
            if places[tp] < len(entries):
                waiting = entries[places[tp]].record
                assert waiting is not None
                ages.append(clock - waiting.timestamp_ms)
    assert not ages or max(ages) <= 2_000
