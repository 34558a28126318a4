"""The one merge: which records an epoch may take, and in what order.

The order is (log time, topic in declared order, partition, offset). Log time is the running maximum
of a partition's record timestamps. An epoch takes nothing later than the log time reached by any
partition that still has backlog, so that a backlog cannot run the clock ahead of the data. Pure: no
log, no time of its own.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate, pairwise

from connectors.epochs.runs import Run, Slice, longs
from connectors.log.interface import Tp

DAY_MS = 86_400_000


class PartitionBuffer:
    """Records read from one partition and not yet handed out, with their log times.

    Times handed out stay in front of the others until they are half of them, so that a take costs
    what it takes, however much waits.
    """

    def __init__(self, tp: Tp, position: int, log_time_ms: int) -> None:
        self.tp = tp
        self.position = position  # next offset to hand out
        self.fetched = position  # next offset to come from the reader
        self.log_time_ms = log_time_ms  # of the last record handed out; -1 before the first
        self.size = 0  # bytes waiting
        self._runs: deque[Run] = deque()
        self._times = array("q")
        self._head = 0

    def __len__(self) -> int:
        """How many records wait."""
        return len(self._times) - self._head

    def extend(self, run: Run) -> None:
        stamps, reached = run.timestamps.tolist(), self.reached_ms
        rising = stamps[0] >= reached and sorted(stamps) == stamps
        lifted = [] if rising else list(accumulate(stamps, max, initial=reached))[1:]
        self._times += run.timestamps if rising else longs(lifted)
        self._runs.append(run)
        self.size += run.size
        self.fetched = run.offsets[-1] + 1

    @property
    def reached_ms(self) -> int:
        """Log time of the newest record read; that of the last one handed out if none waits."""
        return self._times[-1] if len(self) else self.log_time_ms

    @property
    def first_ms(self) -> int:
        """Log time of the first record that waits; there must be one."""
        return self._times[self._head]

    def up_to(self, time_ms: int) -> int:
        """How many records wait with this log time or an earlier one."""
        return bisect_right(self._times, time_ms, self._head) - self._head

    def before(self, time_ms: int) -> int:
        """How many records wait with an earlier log time."""
        return bisect_left(self._times, time_ms, self._head) - self._head

    def size_of(self, count: int) -> int:
        """Bytes of the first `count` records."""
        return sum(run.size for run in self._first(count))

    def _first(self, count: int) -> Iterator[Run]:
        for run in self._runs:
            if count <= 0:
                return
            yield run.part(0, min(count, run.length))
            count -= run.length

    def take(self, count: int) -> Slice:
        """Hands out the first `count` records."""
        start, runs = self.position, list(self._first(count))
        times = self._times[self._head : self._head + count]
        if count:
            self.log_time_ms = times[-1]
            self.position = runs[-1].offsets[-1] + 1
            self._let_go(count)
        taken = Slice(self.tp, start, self.position, self.log_time_ms, runs, times)
        self.size -= taken.size
        return taken

    def _let_go(self, count: int) -> None:
        self._head += count
        if 2 * self._head > len(self._times):
            del self._times[: self._head]
            self._head = 0
        while count and count >= self._runs[0].length:
            count -= self._runs.popleft().length
        if count:
            self._runs[0] = self._runs[0].part(count, self._runs[0].length)


def limit_ms(buffers: Sequence[PartitionBuffer], backlog: Mapping[Tp, bool]) -> int | None:
    """The latest log time an epoch may take now; None when no partition holds it back."""
    return min((b.reached_ms for b in buffers if backlog[b.tp]), default=None)


def plan(
    buffers: Sequence[PartitionBuffer], limit: int | None, records_max: int, bytes_max: int
) -> list[int]:
    """How many records to take of each buffer: a prefix of the merged order within the limit,
    the bounds and one UTC day.
    """
    counts = [len(b) if limit is None else b.up_to(limit) for b in buffers]
    counts = _within_a_day(buffers, counts)
    if sum(counts) > records_max:
        counts = _prefix(buffers, counts, records_max)
    if sum(b.size for b in buffers) > bytes_max:
        counts = _within_bytes(buffers, counts, bytes_max)
    return counts


def _within_a_day(buffers: Sequence[PartitionBuffer], counts: list[int]) -> list[int]:
    firsts = [b.first_ms for b, n in zip(buffers, counts, strict=True) if n]
    if not firsts:
        return counts
    midnight = (min(firsts) // DAY_MS + 1) * DAY_MS
    return [min(n, b.before(midnight)) for b, n in zip(buffers, counts, strict=True)]


def _within_bytes(
    buffers: Sequence[PartitionBuffer], counts: list[int], bytes_max: int
) -> list[int]:
    while sum(counts) > 1 and _size(buffers, counts) > bytes_max:
        counts = _prefix(buffers, counts, sum(counts) // 2)
    return counts


def _size(buffers: Sequence[PartitionBuffer], counts: list[int]) -> int:
    return sum(b.size_of(n) for b, n in zip(buffers, counts, strict=True) if n)


def _prefix(buffers: Sequence[PartitionBuffer], counts: list[int], total: int) -> list[int]:
    """The first `total` records of the merged order among those counted, as counts.

    Looks for the log time of the last of them, rather than sorting what waits.
    """
    limited = list(zip(buffers, counts, strict=True))

    def reached(time_ms: int) -> int:
        return sum(min(n, b.up_to(time_ms)) for b, n in limited if n)

    first = min(b.first_ms for b, n in limited if n)
    last = max(b.reached_ms for b, n in limited if n)
    cut = first + bisect_left(range(first, last + 1), total, key=reached)
    taken = [min(n, b.before(cut)) for b, n in limited]
    room = total - sum(taken)
    for index, (buffer, count) in enumerate(limited):
        tied = min(count, buffer.up_to(cut)) - taken[index]
        taken[index] += min(tied, room)
        room -= min(tied, room)
    return taken


def in_order(slices: Sequence[Slice]) -> bool:
    """Whether the slices one after another already are the merged order."""
    filled = [s for s in slices if s.count]
    return all(a.times[-1] <= b.times[0] for a, b in pairwise(filled))


def merged_order(slices: Sequence[Slice]) -> list[int] | None:
    """The merged order as indexes into the concatenated slices; None when concatenation already is
    that order.

    Slices come in declared topic order, then partition, so a stable sort by log time alone gives
    the full order.
    """
    if in_order(slices):
        return None
    times = [t for s in slices for t in s.times]
    return sorted(range(len(times)), key=times.__getitem__)
