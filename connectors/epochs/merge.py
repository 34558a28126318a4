"""The one merge: which records an epoch may take, and in what order.

The order is (log time, topic in declared order, partition, offset). Log time is the running maximum
of a partition's
record timestamps. An epoch takes nothing later than the log time reached by any partition that
still has backlog, so
that a backlog cannot run the clock ahead of the data. Pure: no log, no time of its own.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple

from connectors.log.interface import Message, Tp

DAY_MS = 86_400_000


class PartitionBuffer:
    """Records read from one partition and not yet handed out, with their log times."""

    def __init__(self, tp: Tp, position: int, log_time_ms: int) -> None:
        self.tp = tp
        self.position = position  # next offset to hand out
        self.fetched = position  # next offset to come from the reader
        self.log_time_ms = log_time_ms  # of the last record handed out; -1 before the first
        self.messages: list[Message] = []
        self.timestamps: list[int] = []
        self.times: list[int] = []
        self.values: list[bytes] = []

    def extend(self, messages: list[Message]) -> None:
        stamps = [message.timestamp()[1] for message in messages]
        last = self.times[-1] if self.times else self.log_time_ms
        times = list(accumulate(stamps, max, initial=last))
        self.messages += messages
        self.timestamps += stamps
        self.times += times[1:]
        self.values += [message.value() or b"" for message in messages]
        self.fetched = messages[-1].offset() + 1

    @property
    def reached_ms(self) -> int:
        """Log time of the newest record read; that of the last one handed out if none is
        waiting.
        """
        return self.times[-1] if self.times else self.log_time_ms

    def take(self, count: int) -> Slice:
        """Hands out the first `count` records."""
        start = self.position
        messages, self.messages = self.messages[:count], self.messages[count:]
        values, self.values = self.values[:count], self.values[count:]
        timestamps, self.timestamps = self.timestamps[:count], self.timestamps[count:]
        times, self.times = self.times[:count], self.times[count:]
        if count:
            self.log_time_ms = times[-1]
            self.position = messages[-1].offset() + 1
        return Slice(
            self.tp, start, self.position, self.log_time_ms, messages, values, timestamps, times
        )


class Slice(NamedTuple):
    """A contiguous run of one partition: offsets [start, end), which may hold fewer records than
    that.
    """

    tp: Tp
    start: int
    end: int
    log_time_ms: int  # of the partition after this run
    messages: list[Message]
    values: list[bytes]
    timestamps: list[int]
    times: list[int]


def limit_ms(buffers: Sequence[PartitionBuffer], backlog: Mapping[Tp, bool]) -> int | None:
    """The latest log time an epoch may take now; None when no partition holds it back."""
    return min((b.reached_ms for b in buffers if backlog[b.tp]), default=None)


def plan(
    buffers: Sequence[PartitionBuffer], limit: int | None, records_max: int, bytes_max: int
) -> list[int]:
    """How many records to take of each buffer: a prefix of the merged order within the limit,
    the bounds and one UTC day.
    """
    counts = [len(b.times) if limit is None else bisect_right(b.times, limit) for b in buffers]
    counts = _within_a_day(buffers, counts)
    if sum(counts) > records_max:
        counts = _prefix(buffers, counts, records_max)
    return _within_bytes(buffers, counts, bytes_max)


def _within_a_day(buffers: Sequence[PartitionBuffer], counts: list[int]) -> list[int]:
    firsts = [b.times[0] for b, n in zip(buffers, counts, strict=True) if n]
    if not firsts:
        return counts
    midnight = (min(firsts) // DAY_MS + 1) * DAY_MS
    return [min(n, bisect_left(b.times, midnight)) for b, n in zip(buffers, counts, strict=True)]


def _within_bytes(
    buffers: Sequence[PartitionBuffer], counts: list[int], bytes_max: int
) -> list[int]:
    while sum(counts) > 1 and _size(buffers, counts) > bytes_max:
        counts = _prefix(buffers, counts, sum(counts) // 2)
    return counts


def _size(buffers: Sequence[PartitionBuffer], counts: list[int]) -> int:
    return sum(sum(map(len, b.values[:n])) for b, n in zip(buffers, counts, strict=True) if n)


def _prefix(buffers: Sequence[PartitionBuffer], counts: list[int], total: int) -> list[int]:
    """The first `total` records of the merged order, as counts."""
    times = [t for b, n in zip(buffers, counts, strict=True) for t in b.times[:n]]
    cut = sorted(times)[total - 1]
    taken = [bisect_left(b.times, cut, 0, n) for b, n in zip(buffers, counts, strict=True)]
    room = total - sum(taken)
    for index, buffer in enumerate(buffers):
        tied = bisect_right(buffer.times, cut, 0, counts[index]) - taken[index]
        taken[index] += min(tied, room)
        room -= min(tied, room)
    return taken


def merged_order(slices: Sequence[Slice]) -> list[int] | None:
    """The merged order as indexes into the concatenated slices; None when concatenation already is
    that order.

    Slices come in declared topic order, then partition, so a stable sort by log time alone gives
    the full order.
    """
    filled = [s for s in slices if s.times]
    if all(a.times[-1] <= b.times[0] for a, b in pairwise(filled)):
        return None
    times = [t for s in filled for t in s.times]
    return sorted(range(len(times)), key=times.__getitem__)
