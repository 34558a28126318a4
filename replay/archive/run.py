"""Brings the archive up to date with the log: every partition from where its files end.

Running it twice, from anywhere, after a crash at any point, gives the same files.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

from connectors.epochs.intake import Intake
from connectors.epochs.intake_process import ProcessIntake
from connectors.log.errors import TopicMissing
from connectors.log.interface import Log, Tp
from replay.archive import days, manifest
from replay.archive.errors import ArchiveError, ArchiveGap, OtherLog
from replay.archive.incoming import Records, records_of
from replay.archive.layout import FILE_OFFSETS, IMPORTS, FileName
from replay.archive.manifest import FileManifest
from replay.archive.reader import Index, of_names, superseded
from replay.archive.same import differing
from replay.archive.seam import JoinedLog
from replay.archive.signed import UNKNOWN, LastSigned
from replay.archive.source import ArchiveLog, keep_partitions
from replay.archive.store import UNFINISHED, Store
from replay.archive.trim import Trim
from replay.archive.writer import PartitionWriter
from replay.times import EVERYTHING, Span
from schemas.codec import Codec

POLL_S, STALL_S = 0.1, 15.0
# Partitions share a reader, for opening one takes time: this many, more while there is little to
# read. Each holds a row group in memory.
TOGETHER, TOGETHER_OFFSETS = 4, 200_000
ELSEWHERE_OFFSETS = 500_000  # from here on another process takes messages apart meanwhile
Source = Intake[Records] | ProcessIntake[Records]
OnProgress = Callable[[int, int], None]


class Work(NamedTuple):
    """What to read of one partition: offsets [start, end), from this log time on. `trimmed`: the
    log begins later, so that the open file itself is read again.
    """

    tp: Tp
    start: int
    end: int
    log_time_ms: int
    trimmed: bool


@dataclass
class Archived:
    """What a run did. `notes`: what it could not archive yet, a line each;
    `behind`: how many offsets of which partition that is. `signed`: days."""

    files: list[FileManifest] = field(default_factory=list)
    days: list[str] = field(default_factory=list)
    signed: list[str] = field(default_factory=list)
    trimmed: list[Trim] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    behind: dict[Tp, int] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        return sum(written.rows for written in self.files)


def archive(
    log: Log,
    codec: Codec,
    store: Store,
    topics: Sequence[str],
    span: Span = EVERYTHING,
    accept_gap: bool = False,
    on_progress: OnProgress = lambda done, total: None,
    last: LastSigned = UNKNOWN,
) -> Archived:
    """Archives what is committed and not archived yet, up to the end of the span. The span's
    beginning is where partitions begin that the archive does not have. Raises `TapeError`.
    """
    done = Archived()
    last.begin(store)
    _require_recorded(store)
    counts = _counts(log, topics)
    found = of_names(store.root, store.names())
    work = [
        w
        for t, count in counts.items()
        for w in _work(log, store, found, t, count, span, accept_gap)
    ]
    _require_same_records(log, store, {w.tp: found[w.tp] for w in work if w.tp in found})
    keep_partitions(store, counts)
    total, read = sum(w.end - w.start for w in work), 0
    for group in _groups(work):
        for count in _Group(log, codec, store, group, done).run():
            read += count
            on_progress(read, total)
    _settle(store, done, last)
    on_progress(total, total)
    return done


def _require_recorded(store: Store) -> None:
    """Raises `OtherLog` for an archive of imported history: its offsets are those of no log."""
    if store.exists(IMPORTS):
        raise OtherLog(f"{store.root} holds imported history: a log needs an archive of its own")


def _settle(store: Store, done: Archived, last: LastSigned) -> None:
    """Brings the days in line, then removes what longer files have taken the place of, in this
    order: a day's manifest never names a file that is gone.
    """
    before = days.kept(store)
    names = store.names()
    found = of_names(store.root, names)
    done.days = days.write(store, before, found, {f.day for f in done.files}, last)
    for name in [*superseded(names), *(n for n in names if n.endswith(UNFINISHED))]:
        store.remove(name)


def _counts(log: Log, topics: Sequence[str]) -> dict[str, int]:
    """Partitions of the topics that there are."""
    counts = {}
    for topic in topics:
        with suppress(TopicMissing):
            counts[topic] = log.partition_count(topic)
    return counts


def _work(
    log: Log, store: Store, found: Index, topic: str, count: int, span: Span, accept_gap: bool
) -> Iterator[Work]:
    for tp in (Tp(topic, partition) for partition in range(count)):
        files = found.get(tp, [])
        low, high = log.bounds(tp)
        end = high if span.to_ms is None else log.offset_at(tp, span.to_ms)
        start, log_time_ms = _beginning(log, store, tp, files, span, low)
        if files and _require_goes_on(store, files[-1], low, high, accept_gap) < low:
            start, log_time_ms = low, manifest.read(store, files[-1]).log_time_ms
        if start < end and not (files and files[-1].end >= end):
            yield Work(tp, start, end, log_time_ms, start < low)


def _require_same_records(log: Log, store: Store, files: Index) -> None:
    """Raises `OtherLog` before anything of it takes the place of what was archived."""
    found = differing(log, store, files)
    if found is not None:
        (topic, partition), offset = found
        raise OtherLog(
            f"{topic}/{partition}: the log's record at offset {offset} is not the one in the "
            f"archive at {store.root}: this is another log, which needs another archive"
        )


def _require_goes_on(store: Store, last: FileName, low: int, high: int, accept_gap: bool) -> int:
    """The end of the archive, on which the log goes on. Raises `OtherLog`, and `ArchiveGap` where
    offsets between were lost and nobody accepts that.
    """
    place = f"{last.topic}/{last.partition}"
    if high < last.end:
        raise OtherLog(
            f"{place}: the archive at {store.root} goes to offset {last.end}, the log to {high}: "
            "this is another log, which needs another archive"
        )
    if last.end < low and not accept_gap:
        raise ArchiveGap(
            f"{place}: offsets {last.end} to {low - 1} are neither archived nor on the log any "
            "more; --accept-gap goes on behind them"
        )
    return last.end


def _beginning(
    log: Log, store: Store, tp: Tp, files: list[FileName], span: Span, low: int
) -> tuple[int, int]:
    """The first offset to be read, and the log time before it. A last file that may grow is read
    again from its beginning.
    """
    if not files:
        return (low if span.from_ms is None else log.offset_at(tp, span.from_ms)), -1
    last = files[-1]
    if last.end % FILE_OFFSETS == 0:
        return last.end, manifest.read(store, last).log_time_ms
    return last.start, manifest.read(store, files[-2]).log_time_ms if len(files) > 1 else -1


def _groups(work: Sequence[Work]) -> Iterator[list[Work]]:
    """Many with little to read together, a few of the others."""
    group: list[Work] = []
    for one in sorted(work, key=lambda w: w.end - w.start):
        offsets = sum(w.end - w.start for w in [*group, one])
        if len(group) >= TOGETHER and offsets > TOGETHER_OFFSETS:
            yield group
            group = []
        group.append(one)
    if group:
        yield group


class _Group:
    """Partitions that are read together."""

    def __init__(
        self, log: Log, codec: Codec, store: Store, work: Sequence[Work], done: Archived
    ) -> None:
        trimmed = any(w.trimmed for w in work)
        self._log: Log = JoinedLog(ArchiveLog(store), log) if trimmed else log
        self._done = done
        self._work = {w.tp: w for w in work}
        self._positions = {w.tp: w.start for w in work}
        self._writers = {
            w.tp: PartitionWriter(store, codec, w.tp, w.start, w.log_time_ms, done.files.append)
            for w in work
        }

    def run(self) -> Iterator[int]:
        """Reads all of them to their ends; how many offsets were passed, again and again."""
        intake = self._intake()
        limit = time.monotonic() + STALL_S
        try:
            while self._work:
                found = intake.poll(POLL_S)
                yield sum(self._take(tp, records) for tp, records in found)
                if self._finished(intake) or found:
                    limit = time.monotonic() + STALL_S
                elif time.monotonic() > limit:
                    self._give_up()
        finally:
            intake.close()

    def _intake(self) -> Source:
        total = sum(work.end - work.start for work in self._work.values())
        opener = self._log.opener(self._positions) if total > ELSEWHERE_OFFSETS else None
        if opener is None:
            return Intake(self._log.reader(self._positions), self._positions, records_of)
        return ProcessIntake(opener, self._positions, records_of)

    def _take(self, tp: Tp, records: Records) -> int:
        if tp not in self._work:
            return 0
        end, before = self._work[tp].end, self._positions[tp]
        self._positions[tp] = min(records.offsets[-1] + 1, end)
        kept = records.part(0, bisect_left(records.offsets, end))
        if kept.length:
            self._writers[tp].add(kept)
        return self._positions[tp] - before

    def _finished(self, intake: Source) -> bool:
        """Finishes the partitions that were read to their ends; whether there were any."""
        ends = {tp: w.end for tp, w in self._work.items()}
        over = [tp for tp, end in ends.items() if intake.end_seen(tp, self._positions[tp]) >= end]
        for tp in over:
            self._writers[tp].finish(ends[tp])
            del self._work[tp]
        intake.hold(self._positions.keys() - self._work.keys())
        return bool(over)

    def _give_up(self) -> None:
        """What was read is archived; what hides the rest is told."""
        for tp, work in self._work.items():
            at = self._positions[tp]
            self._writers[tp].finish(at)
            self._done.behind[tp] = work.end - at
            self._done.notes.append(
                f"{tp.topic}/{tp.partition}: archived up to offset {at} of {work.end}: "
                "a transaction left open hides the rest, or the broker does not answer"
            )
        self._work.clear()


def topics_of(codec: Codec, chosen: Sequence[str]) -> list[str]:
    """The topics to archive: those named, or all. Raises `ArchiveError` for a name nobody knows."""
    unknown = [name for name in chosen if name not in codec.catalog.topics]
    if unknown:
        raise ArchiveError(f"no topic {unknown[0]}: `tape topics diff` knows the names")
    return list(chosen) or list(codec.catalog.topics)
