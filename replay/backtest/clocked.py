"""A log that has no clock, with one: a tick for every second of the span, as the clock writes it.

Imported history has no `ops.clock.v1`, and without ticks execution asks for nothing and risk takes
the desk for dead.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NoReturn

from connectors.clock import TOPIC
from connectors.log.interface import Log, Message, OutRecord, Reader, Tp
from connectors.log.memory import MemoryLog
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
        self._log, self._clock = log, MemoryLog({TOPIC: 1})
        for at_ms in range(first_ms, last_ms + SECOND_MS, SECOND_MS):
            value = codec.encode(ClockTick(at_ms * 1_000_000))
            self._clock.append(OutRecord(TOPIC, 0, b"", value, at_ms))

    def _of(self, topic: str) -> Log:
        return self._clock if topic == TOPIC else self._log

    def partition_count(self, topic: str) -> int:
        return self._of(topic).partition_count(topic)

    def bounds(self, tp: Tp) -> tuple[int, int]:
        return self._of(tp.topic).bounds(tp)

    def offset_at(self, tp: Tp, timestamp_ms: int) -> int:
        return self._of(tp.topic).offset_at(tp, timestamp_ms)

    def read(self, tp: Tp, start: int, end: int, deadline_s: float) -> list[Message]:
        return self._of(tp.topic).read(tp, start, end, deadline_s)

    def reader(self, positions: Mapping[Tp, int]) -> Reader:
        clock = {tp: at for tp, at in positions.items() if tp.topic == TOPIC}
        rest = {tp: at for tp, at in positions.items() if tp.topic != TOPIC}
        return _Both(self._clock.reader(clock), self._log.reader(rest))

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
