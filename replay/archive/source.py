"""The archive as a log that can only be read: what runs from Kafka runs from here unchanged, with
neither broker nor registry.
"""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property, partial
from typing import NoReturn

from connectors.log.errors import OffsetsGone, TopicMissing
from connectors.log.interface import Message, Tp
from replay.archive import manifest
from replay.archive.decoded import Kept, kept
from replay.archive.errors import ArchiveCorrupt, ArchiveError
from replay.archive.grown import manifest_of
from replay.archive.layout import PARTITIONS, FileName, day_of
from replay.archive.messages import RECORD, ArchivedMessages
from replay.archive.reader import Index, index
from replay.archive.records import BATCH_ROWS, READ_ROWS, batches, tables
from replay.archive.store import Store
from schemas.catalog import Catalog, load_catalog

# Of each partition, beyond what is handed over: a file is taken apart `READ_ROWS` at a time, and
# with fewer whoever replays waits for the whole of the next ones.
AHEAD_BATCHES = READ_ROWS // BATCH_ROWS + 1


class ReadOnly(ArchiveError):
    """Somebody tried to write to an archive as to a log."""


class ArchiveLog:
    """The reading half of `connectors.log.interface.Log`. What the archive held when this object
    was made is what it shows.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self.files: Index = index(store)
        self._counts = partitions(store)

    def partition_count(self, topic: str) -> int:
        """As the archive says; of a topic it never had, as this checkout knows it."""
        if topic not in self._counts:
            known = self._catalog.topics.get(topic)
            if known is None:
                raise TopicMissing(f"topic {topic} is not in the archive at {self.store.root}")
            self._counts[topic] = known.partitions
        return self._counts[topic]

    @cached_property
    def _catalog(self) -> Catalog:
        return load_catalog()

    def bounds(self, tp: Tp) -> tuple[int, int]:
        """Holes between them are found by whoever reads there."""
        self.partition_count(tp.topic)
        files = self.files.get(tp)
        return (files[0].start, files[-1].end) if files else (0, 0)

    def offset_at(self, tp: Tp, timestamp_ms: int) -> int:
        _, end = self.bounds(tp)
        day = day_of(timestamp_ms)  # a file of an earlier one ends before that time
        for name in (name for name in self.files.get(tp, ()) if name.day >= day):
            newest = manifest_of(self.store, name).timestamp_ms_max
            if newest is not None and newest >= timestamp_ms:
                return min(self._offset_in(name, timestamp_ms), name.end)
        return end

    def _offset_in(self, name: FileName, timestamp_ms: int) -> int:
        for table in tables(self.store, name, RECORD[:2], 0):
            times = table.column("_timestamp_ms").to_pylist()
            for at, stamp in enumerate(times):
                if stamp >= timestamp_ms:
                    return int(table.column("_offset")[at].as_py())
        raise ArchiveCorrupt(f"{self.store.root}/{name.manifest}: no record is that late")

    def read(self, tp: Tp, start: int, end: int, deadline_s: float) -> list[Message]:
        low, _ = self.bounds(tp)
        if start < low:
            raise OffsetsGone(
                f"{tp.topic}/{tp.partition}: offset {start} is not in the archive at "
                f"{self.store.root}, which begins at {low}"
            )
        found: list[Message] = []
        for batch in batches(self.store, self.files.get(tp, ()), start):
            found += batch
            if len(batch) and batch[-1].offset() >= end:
                break
        return [m for m in found if m.offset() < end]

    def reader(self, positions: Mapping[Tp, int]) -> ArchiveReader:
        return self.elsewhere(positions)()

    def opener(self, positions: Mapping[Tp, int]) -> None:
        """Read in line: Arrow takes files apart in threads of its own, and hands over columns."""

    def elsewhere(self, positions: Mapping[Tp, int]) -> Callable[[], ArchiveReader]:
        """What opens the reader, here or in another process."""
        files = {tp: self.files.get(tp, []) for tp in positions}
        events = {tp.topic: kept(self._catalog, tp.topic) for tp in positions}
        return partial(ArchiveReader, self.store, files, dict(positions), events)

    def writer(self, transactional_id: str) -> NoReturn:
        raise ReadOnly(f"{transactional_id}: an archive is not written to as a log is")

    def group_offsets(self, group: str, tps: Sequence[Tp]) -> Mapping[Tp, int]:
        return {}

    def commit_group(self, group: str, positions: Mapping[Tp, int]) -> None:
        """Nobody follows an archive."""

    def close(self) -> None:
        """Nothing is held open."""


class ArchiveReader:
    """See `connectors.log.interface.Reader`. A thread reads each partition ahead: Arrow takes files
    apart without Python's lock.
    """

    def __init__(
        self,
        store: Store,
        files: Index,
        positions: Mapping[Tp, int],
        events: Mapping[str, Kept | None],
    ) -> None:
        self._ends = {tp: names[-1].end if names else 0 for tp, names in files.items()}
        self._batches = {
            tp: batches(store, files[tp], position, events[tp.topic])
            for tp, position in positions.items()
            if position < self._ends[tp]
        }
        self._thread = ThreadPoolExecutor(1, "tape-archive-reader")
        self._ahead: dict[Tp, deque[Future[ArchivedMessages | None]]]
        self._ahead = {tp: deque() for tp in self._batches}
        for tp in [*self._ahead] * AHEAD_BATCHES:
            self._read_on(tp)
        self._paused: set[Tp] = set()

    def _read_on(self, tp: Tp) -> None:
        self._ahead[tp].append(self._thread.submit(self._next, tp))

    def _next(self, tp: Tp) -> ArchivedMessages | None:
        """The next batch that is not empty; None at the end."""
        return next(filter(len, self._batches[tp]), None)

    def poll(self, max_records: int, timeout_s: float) -> Mapping[Tp, Sequence[Message]]:
        """A whole batch of each partition, whatever `max_records`: it is there already."""
        runs: dict[Tp, Sequence[Message]] = {}
        for tp in [tp for tp in self._ahead if tp not in self._paused]:
            found = self._ahead[tp].popleft().result()
            if found is not None:
                runs[tp] = found
                self._read_on(tp)
            else:
                del self._ahead[tp]
        if not runs:
            time.sleep(timeout_s)  # nothing will come: whoever asks again and again must not spin
        return runs

    def done(self, tp: Tp) -> bool:
        """Whether everything of a partition was handed out."""
        return tp not in self._ahead

    def partitions(self) -> set[Tp]:
        """Those that something is still to come of."""
        return set(self._ahead)

    def end(self, tp: Tp) -> int:
        return self._ends.get(tp, 0)

    def end_seen(self, tp: Tp, position: int) -> int:
        return max(position, self.end(tp)) if self.done(tp) else position

    def pause(self, tps: Sequence[Tp]) -> None:
        self._paused.update(tps)

    def resume(self, tps: Sequence[Tp]) -> None:
        self._paused.difference_update(tps)

    def close(self) -> None:
        self._thread.shutdown(cancel_futures=True)
        self._batches.clear()


def partitions(store: Store) -> dict[str, int]:
    """Partitions of each topic in the archive, those without records included."""
    if not store.exists(PARTITIONS):
        return {}
    try:
        found = json.loads(store.read(PARTITIONS))
        return {str(topic): int(count) for topic, count in found.items()}
    except (ValueError, AttributeError, TypeError):
        raise ArchiveCorrupt(f"{store.root}/{PARTITIONS} does not say how many") from None


def keep_partitions(store: Store, counts: Mapping[str, int]) -> None:
    """Notes how many partitions topics have."""
    known = partitions(store)
    if any(known.get(topic) != count for topic, count in counts.items()):
        store.write(PARTITIONS, manifest.canonical({**known, **counts}))
