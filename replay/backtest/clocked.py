"""A log that has no clock, with one: a tick for every second of the span, as the clock writes it.

Imported history has no `ops.clock.v1`, and without ticks execution asks for nothing and risk takes
the desk for dead.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NoReturn

from connectors.clock import TOPIC
from connectors.log.interface import Log, Message, OutRecord, Reader, Tp
from connectors.log.memory import MemoryMessage
from replay.archive.source import ReadOnly
from replay.backtest.feed import READ_S, Range, first_of
from schemas.codec import Codec
from schemas.events import ClockTick

SECOND_MS: Final = 1_000
CLOCK: Final = Tp(TOPIC, 0)
LOOK_BACK: Final = 1_000


class Clocked:
    """See `connectors.log.interface.Log`; everything but the clock is the other log's."""

    def __init__(self, log: Log, codec: Codec, first_ms: int, last_ms: int) -> None:
        self._log, self._clock = log, _Ticks(codec, first_ms, last_ms)

    def partition_count(self, topic: str) -> int:
        return 1 if topic == TOPIC else self._log.partition_count(topic)

    def bounds(self, tp: Tp) -> tuple[int, int]:
        return (0, self._clock.end) if tp == CLOCK else self._log.bounds(tp)

    def offset_at(self, tp: Tp, timestamp_ms: int) -> int:
        if tp == CLOCK:
            return self._clock.offset_at(timestamp_ms)
        return self._log.offset_at(tp, timestamp_ms)

    def read(self, tp: Tp, start: int, end: int, deadline_s: float) -> list[Message]:
        if tp == CLOCK:
            return self._clock.read(start, end)
        return self._log.read(tp, start, end, deadline_s)

    def reader(self, positions: Mapping[Tp, int]) -> Reader:
        rest = {tp: at for tp, at in positions.items() if tp != CLOCK}
        clock = _ClockReader(self._clock, positions.get(CLOCK, self._clock.end))
        return _Both(clock, self._log.reader(rest))

    def opener(self, positions: Mapping[Tp, int]) -> Callable[[], Reader] | None:
        return None

    def writer(self, transactional_id: str) -> NoReturn:
        raise ReadOnly(f"{transactional_id}: the log of a backtest is not written to")

    def group_offsets(self, group: str, tps: Sequence[Tp]) -> Mapping[Tp, int]:
        return self._log.group_offsets(group, tps)

    def commit_group(self, group: str, positions: Mapping[Tp, int]) -> None:
        """Nobody is told how far a backtest read."""

    def close(self) -> None:
        self._log.close()


class _Ticks:
    """The clock's partition, each tick made when it is read: a year has 31 million."""

    def __init__(self, codec: Codec, first_ms: int, last_ms: int) -> None:
        self._codec = codec
        self._times_ms = range(first_ms, last_ms + SECOND_MS, SECOND_MS)
        self.end = len(self._times_ms)

    def offset_at(self, timestamp_ms: int) -> int:
        return bisect_left(self._times_ms, timestamp_ms)

    def read(self, start: int, end: int) -> list[Message]:
        return [self._tick(offset) for offset in range(start, min(end, self.end))]

    def _tick(self, offset: int) -> Message:
        at_ms = self._times_ms[offset]
        value = self._codec.encode(ClockTick(at_ms * 1_000_000))
        return MemoryMessage(OutRecord(TOPIC, 0, b"", value, at_ms), offset)


class _ClockReader:
    """See `connectors.log.interface.Reader`; of one partition, in which no marker lies."""

    def __init__(self, ticks: _Ticks, position: int) -> None:
        self._ticks, self._position, self._paused = ticks, position, False

    def poll(self, max_records: int, timeout_s: float) -> Mapping[Tp, Sequence[Message]]:
        if self._paused or self._position >= self._ticks.end:
            return {}
        found = self._ticks.read(self._position, self._position + max_records)
        self._position += len(found)
        return {CLOCK: found}

    def end(self, tp: Tp) -> int:
        return self._ticks.end

    def end_seen(self, tp: Tp, position: int) -> int:
        return position

    def pause(self, tps: Sequence[Tp]) -> None:
        self._paused = self._paused or CLOCK in tps

    def resume(self, tps: Sequence[Tp]) -> None:
        self._paused = self._paused and CLOCK not in tps

    def close(self) -> None:
        """Nothing is held open."""


class _Both:
    """Two readers as one."""

    def __init__(self, clock: Reader, rest: Reader) -> None:
        self._clock, self._rest = clock, rest

    def _of(self, tp: Tp) -> Reader:
        return self._clock if tp.topic == TOPIC else self._rest

    def poll(self, max_records: int, timeout_s: float) -> Mapping[Tp, Sequence[Message]]:
        found = self._clock.poll(max_records, 0.0)
        return {**found, **self._rest.poll(max_records, 0.0 if found else timeout_s)}

    def end(self, tp: Tp) -> int:
        return self._of(tp).end(tp)

    def end_seen(self, tp: Tp, position: int) -> int:
        return self._of(tp).end_seen(tp, position)

    def pause(self, tps: Sequence[Tp]) -> None:
        for tp in tps:
            self._of(tp).pause([tp])

    def resume(self, tps: Sequence[Tp]) -> None:
        for tp in tps:
            self._of(tp).resume([tp])

    def close(self) -> None:
        self._clock.close()
        self._rest.close()


def first_ms(log: Log, wanted: Sequence[Range]) -> int:
    """Log time of the earliest record of the ranges."""
    return min(_first(log, one) for one in wanted)


def last_ms(log: Log, wanted: Sequence[Range]) -> int:
    """The latest record timestamp among the last of the ranges."""
    return max(_last(log, one) for one in wanted)


def _first(log: Log, one: Range) -> int:
    message = first_of(log, one)
    return 1 << 62 if message is None else message.timestamp()[1]


def _last(log: Log, one: Range) -> int:
    end = one.end
    while end > one.start:
        start = max(end - LOOK_BACK, one.start)
        found = log.read(one.tp, start, end, READ_S)
        if found:
            return max(message.timestamp()[1] for message in found)
        end = start
    return -1
