"""Laws 3 and 4: where a key's input lies in one partition, its outputs do not depend on where
epochs are cut, nor on the number of shards.
"""

from __future__ import annotations

from collections import defaultdict

from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.log.interface import OutRecord, Tp
from connectors.log.memory import MemoryLog
from tests.connectors.epochs import toy
from tests.connectors.epochs.crash import epochs
from tests.faults.oracle import examine

Trades = list[tuple[int, int]]
TRADES = st.lists(st.tuples(st.integers(0, 3), st.integers(-2, 5)), min_size=1, max_size=60)


def filled(trades: Trades) -> list[OutRecord]:
    """Trades of four instruments; time may step back a little, as on a real log."""
    now, records = 1_000, []
    for number, (instrument, step) in enumerate(trades):
        now += step
        records.append(toy.trade_record(number, now, toy.INSTRUMENTS[instrument]))
    return records


def by_key(log: MemoryLog) -> dict[bytes, list[tuple[bytes, bytes]]]:
    """Ids and values of each key's outputs, in order."""
    found: dict[bytes, list[tuple[bytes, bytes]]] = defaultdict(list)
    for p in range(4):
        part = log.partitions[Tp(toy.TARGETS, p)]
        for _, record in part.committed(0, part.end):
            found[record.key].append((dict(record.headers)["ce_id"], record.value))
    return dict(found)


def at_once(records: list[OutRecord], shards: int = 1, records_max: int = 1000) -> MemoryLog:
    log = MemoryLog(toy.TOPICS)
    for record in records:
        log.append(record)
    for number in range(shards):
        toy.live(log, toy.shard(number, shards, records_max=records_max))
    return log


@given(TRADES, st.integers(1, 9), st.integers(1, 20))
@settings(max_examples=60, deadline=None)
def test_outputs_do_not_depend_on_the_cuts(trades: Trades, records_max: int, step: int) -> None:
    records = filled(trades)
    piecewise = MemoryLog(toy.TOPICS)
    for at in range(0, len(records), step):
        for record in records[at : at + step]:
            piecewise.append(record)
        toy.live(piecewise, toy.shard(records_max=records_max))
    assert by_key(piecewise) == by_key(at_once(records))


@given(TRADES, st.integers(1, 9))
@settings(max_examples=40, deadline=None)
def test_outputs_do_not_depend_on_the_shards(trades: Trades, records_max: int) -> None:
    records = filled(trades)
    expected = by_key(at_once(records))
    for shards in (2, 4):
        log = at_once(records, shards, records_max)
        assert by_key(log) == expected
        assert examine(log, shards).clean


def test_a_shard_reads_its_own_partitions_and_the_whole_clock() -> None:
    log = MemoryLog(toy.TOPICS)
    log.append(toy.tick_record(1_000))
    toy.live(log, toy.shard(1, 2))
    read = [(r.topic, r.partition) for r in epochs(log, toy.shard(1, 2))[0].inputs]
    assert read == [(toy.TRADES, 1), (toy.TRADES, 3), (toy.CLOCK, 0)]
