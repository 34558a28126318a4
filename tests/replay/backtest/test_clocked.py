"""Ticks of a log that has none are made when they are read, however long it is."""

from __future__ import annotations

import tracemalloc

from connectors.log.memory import MemoryLog
from replay.backtest.clocked import CLOCK, SECOND_MS, Clocked
from schemas.events import ClockTick
from tests.connectors.epochs import toy
from tests.replay.backtest.market import CODEC

DAY_S = 86_400


def clocked(first_ms: int, last_ms: int) -> Clocked:
    return Clocked(MemoryLog(toy.TOPICS), CODEC, first_ms, last_ms)


def test_a_long_span_takes_no_room() -> None:
    tracemalloc.start()
    log = clocked(0, DAY_S * SECOND_MS)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert log.bounds(CLOCK) == (0, DAY_S + 1)
    assert peak < 100_000


def test_a_tick_for_every_second_until_the_last_record() -> None:
    log = clocked(500, 3_600)
    found = log.read(CLOCK, 0, 9, 1.0)
    assert [one.timestamp()[1] for one in found] == [500, 1_500, 2_500, 3_500, 4_500]
    assert [one.offset() for one in found] == [*range(5)]
    assert [CODEC.decode(one.value()) for one in found] == [
        ClockTick(one.timestamp()[1] * 1_000_000) for one in found
    ]
    assert [one.offset() for one in log.read(CLOCK, 1, 3, 1.0)] == [1, 2]
    assert [log.offset_at(CLOCK, ms) for ms in (0, 500, 501, 4_500, 4_501)] == [0, 0, 1, 4, 5]
    assert (log.partition_count(CLOCK.topic), log.bounds(CLOCK)) == (1, (0, 5))


def test_a_reader_gives_each_tick_once_and_none_while_it_is_paused() -> None:
    reader = clocked(0, 99 * SECOND_MS).reader({CLOCK: 5})
    found = []
    for _ in range(20):
        reader.pause([CLOCK])
        assert not reader.poll(7, 0.0)
        reader.resume([CLOCK])
        found += [one.offset() for one in reader.poll(7, 0.0).get(CLOCK, ())]
    assert found == [*range(5, 100)]
    assert (reader.end(CLOCK), reader.end_seen(CLOCK, 7), reader.end_seen(CLOCK, 100)) == (
        (100, 7, 100)
    )
    reader.close()
