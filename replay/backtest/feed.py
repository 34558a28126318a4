"""The recorded market in the one merged order, from any log: (log time, topic as declared,
partition, offset).

A range is known to its end, so no record is handed out before every partition has been read beyond
its log time: the order is the same however the log hands its records over.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import Final, NamedTuple

from connectors.epochs.batch import EpochBatch
from connectors.epochs.intake_process import intake_of
from connectors.epochs.merge import PartitionBuffer, plan
from connectors.epochs.runs import Run
from connectors.log.interface import Log, Message, Tp
from connectors.log.places import present
from connectors.log.ranges import passing
from replay.times import EVERYTHING, Span
from schemas.codec import Codec
from schemas.errors import TapeError

TOPICS: Final = ("md.book.v1", "md.trade.v1", "md.quote.v1", "md.mark.v1", "ops.clock.v1")
"""Depth first, for quotes overtake it; the rest as strategy and risk declare it."""

RECORDS_MAX: Final = 20_000
BYTES_MAX: Final = 16_000_000
HELD_FROM: Final = 100_000
POLL_S: Final = 0.05
STALL_S: Final = 30.0
READ_S: Final = 30.0
OnRecords = Callable[[int, int], None]


class NoMarket(TapeError):
    """The range holds no market data."""


class MarketStalls(TapeError):
    """Records that the log is said to hold do not come."""


class Range(NamedTuple):
    """Offsets [start, end) of one partition."""

    tp: Tp
    start: int
    end: int


def ranges(log: Log, span: Span = EVERYTHING, topics: Sequence[str] = TOPICS) -> list[Range]:
    """What a span means in offsets, in canonical order; a topic that the log has not is empty."""
    found = [_range(log, tp, span) for tp in present(log, *topics)]
    return [one for one in found if one.start < one.end]


def _range(log: Log, tp: Tp, span: Span) -> Range:
    low, high = log.bounds(tp)
    start = low if span.from_ms is None else max(low, log.offset_at(tp, span.from_ms))
    end = high if span.to_ms is None else log.offset_at(tp, span.to_ms)
    return Range(tp, start, end)


def require_market(wanted: Sequence[Range]) -> None:
    """Raises `NoMarket`."""
    if not any(one.tp.topic.startswith("md.") for one in wanted):
        raise NoMarket("no market data in that range: `tape status` says what the log holds")


def first_of(log: Log, one: Range) -> Message | None:
    """The first record of a range; None where it holds none."""
    with closing(passing(log, *one, READ_S)) as found:
        return next(found, None)


def first_keys(log: Log, wanted: Sequence[Range], *topics: str) -> set[str]:
    """The instruments that the ranges of topics begin with: all there are where a partition holds
    one, as imported ones do.
    """
    found = (first_of(log, one) for one in wanted if one.tp.topic in topics)
    return {(message.key() or b"").decode() for message in found if message is not None}


class Feed:
    """`batches` gives all records of the ranges once; `close` lets go of the log."""

    def __init__(
        self, log: Log, codec: Codec, wanted: Sequence[Range], records_max: int = RECORDS_MAX
    ) -> None:
        self._codec, self._records_max = codec, records_max
        self._ends = {one.tp: one.end for one in wanted}
        self._read = {one.tp: one.start for one in wanted}
        self._buffers = {one.tp: PartitionBuffer(one.tp, one.start, -1) for one in wanted}
        self._intake = intake_of(log, self._read)
        self.total = sum(one.end - one.start for one in wanted)

    def batches(self) -> Iterator[EpochBatch]:
        """Whole records in order; raises `MarketStalls` and what the log raises."""
        heard_s = time.monotonic()
        while any(map(len, self._buffers.values())) or self._backlog():
            counts = self._counts()
            if sum(counts) < self._records_max and self._poll():
                heard_s = time.monotonic()  # large batches cost less
            elif any(counts):
                taken = zip(self._buffers.values(), counts, strict=True)
                yield EpochBatch([b.take(n) for b, n in taken], self._codec, "backtest")
            elif time.monotonic() - heard_s > STALL_S:
                place = "/".join(map(str, min(self._backlog())))
                raise MarketStalls(f"{place}: no record came for {STALL_S:.0f} s")

    def close(self) -> None:
        self._intake.close()

    def _backlog(self) -> list[Tp]:
        """Partitions that may still give records."""
        return [tp for tp, end in self._ends.items() if self._seen(tp) < end]

    def _seen(self, tp: Tp) -> int:
        return self._intake.end_seen(tp, self._read[tp])

    def _counts(self) -> list[int]:
        """Only what lies before everything that is still to come: also among equal times."""
        backlog = self._backlog()
        limit = min((self._buffers[tp].reached_ms for tp in backlog), default=None)
        buffers = list(self._buffers.values())
        before = None if limit is None else limit - 1
        return plan(buffers, before, self._records_max, BYTES_MAX)

    def _poll(self) -> bool:
        backlog = self._backlog()
        if not backlog:
            return False
        latest = min(self._buffers[tp].reached_ms for tp in backlog)
        far = (tp for tp in backlog if len(self._buffers[tp]) > HELD_FROM)
        self._intake.hold({tp for tp in far if self._buffers[tp].reached_ms > latest})
        runs = self._intake.poll(POLL_S)
        for tp, run in runs:
            self._read[tp] = run.offsets[-1] + 1
            kept = _before(run, self._ends[tp])
            if kept.length:
                self._buffers[tp].extend(kept)
        return bool(runs)


def _before(run: Run, end: int) -> Run:
    """The records below an offset."""
    return run.part(0, bisect_left(run.offsets, end))
