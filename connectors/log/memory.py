"""The log in memory: partitions with offsets, transactions with markers, fencing. The same contract
as Kafka's.

Part of the product: replay and backtests run on it, and the laws are tested on it thousands of
times.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from connectors.log.errors import Aborted, Fenced, OffsetsGone, TopicMissing, TransactionHangs
from connectors.log.interface import Message, OutRecord, Tp
from connectors.log.ranges import require_held

OPEN, COMMITTED, ABORTED = "open", "committed", "aborted"


class MemoryMessage:
    """A record as read; the methods are those of confluent_kafka's Message."""

    __slots__ = ("_offset", "_record")

    def __init__(self, record: OutRecord, offset: int) -> None:
        self._record = record
        self._offset = offset

    def topic(self) -> str:
        return self._record.topic

    def partition(self) -> int:
        return self._record.partition

    def offset(self) -> int:
        return self._offset

    def timestamp(self) -> tuple[int, int]:
        return 1, self._record.timestamp_ms

    def key(self) -> bytes:
        return self._record.key

    def value(self) -> bytes:
        return self._record.value

    def headers(self) -> list[tuple[str, bytes]]:
        return list(self._record.headers)


@dataclass
class Transaction:
    state: str = OPEN
    touched: dict[Tp, None] = field(default_factory=dict)


@dataclass
class Entry:
    """One offset: a record, or (record None) a transaction's marker."""

    record: OutRecord | None
    transaction: Transaction | None


@dataclass
class Partition:
    low: int = 0
    entries: list[Entry] = field(default_factory=list)
    settled: int = 0  # below this no transaction is open, nor ever will be

    @property
    def end(self) -> int:
        return len(self.entries)

    def stable_end(self) -> int:
        """The last stable offset: the first record of an open transaction, else the end."""
        while self.settled < self.end:
            owner = self.entries[self.settled].transaction
            if owner is not None and owner.state == OPEN:
                break
            self.settled += 1
        return max(self.low, min(self.settled, self.end))

    def committed(self, start: int, end: int) -> list[tuple[int, OutRecord]]:
        found = enumerate(self.entries[start:end], start)
        return [
            (offset, entry.record)
            for offset, entry in found
            if entry.record is not None
            and (entry.transaction is None or entry.transaction.state == COMMITTED)
        ]


class MemoryLog:
    """Topics live in a dictionary. `writers` maps a transactional id to the one writer that may
    still use it.
    """

    def __init__(self, topics: Mapping[str, int]) -> None:
        self.partitions = {
            Tp(t, p): Partition() for t, count in topics.items() for p in range(count)
        }
        self.writers: dict[str, MemoryWriter] = {}
        self.groups: dict[tuple[str, Tp], int] = {}

    def _partition(self, tp: Tp) -> Partition:
        if tp not in self.partitions:
            raise TopicMissing(f"topic {tp.topic} is missing: run `tape topics apply`")
        return self.partitions[tp]

    def partition_count(self, topic: str) -> int:
        self._partition(Tp(topic, 0))
        return sum(tp.topic == topic for tp in self.partitions)

    def bounds(self, tp: Tp) -> tuple[int, int]:
        partition = self._partition(tp)
        return partition.low, partition.end

    def trim(self, tp: Tp, low: int) -> None:
        """Drops everything before `low`, as retention does."""
        self._partition(tp).low = low

    def append(self, record: OutRecord) -> int:
        """A record outside any transaction, as an edge writes it."""
        return self._add(record, None)

    def _add(self, record: OutRecord, transaction: Transaction | None) -> int:
        partition = self._partition(Tp(record.topic, record.partition))
        partition.entries.append(Entry(record, transaction))
        return partition.end - 1

    def offset_at(self, tp: Tp, timestamp_ms: int) -> int:
        partition = self._partition(tp)
        for offset, record in partition.committed(partition.low, partition.end):
            if record.timestamp_ms >= timestamp_ms:
                return offset
        return partition.end

    def read(self, tp: Tp, start: int, end: int, deadline_s: float) -> list[Message]:
        partition = self._partition(tp)
        require_held(tp, start, partition.low)
        stable = partition.stable_end()
        if stable < end:
            raise TransactionHangs(
                f"{tp.topic}/{tp.partition}: a transaction left open hides records from "
                f"offset {stable} on"
            )
        return [MemoryMessage(record, offset) for offset, record in partition.committed(start, end)]

    def reader(self, positions: Mapping[Tp, int]) -> MemoryReader:
        return MemoryReader(self, positions)

    def opener(self, positions: Mapping[Tp, int]) -> None:
        return None

    def writer(self, transactional_id: str) -> MemoryWriter:
        return MemoryWriter(self, transactional_id)

    def group_offsets(self, group: str, tps: Sequence[Tp]) -> Mapping[Tp, int]:
        return {tp: self.groups[group, tp] for tp in tps if (group, tp) in self.groups}

    def commit_group(self, group: str, positions: Mapping[Tp, int]) -> None:
        self.groups.update({(group, tp): offset for tp, offset in positions.items()})

    def close(self) -> None:
        """Nothing is held open."""


class MemoryReader:
    """See `connectors.log.interface.Reader`."""

    def __init__(self, log: MemoryLog, positions: Mapping[Tp, int]) -> None:
        self._log = log
        self._positions = dict(positions)
        self._paused: set[Tp] = set()

    def poll(self, max_records: int, timeout_s: float) -> Mapping[Tp, list[Message]]:
        runs: dict[Tp, list[Message]] = {}
        for tp, position in self._positions.items():
            partition = self._log.partitions[tp]
            end = min(partition.stable_end(), position + max_records)
            # After the end: it lies at `low` at least, and another thread may trim meanwhile.
            if position < partition.low:
                raise OffsetsGone(
                    f"{tp.topic}/{tp.partition}: offset {position} is no longer on the log "
                    "(retention)"
                )
            if tp in self._paused:
                continue
            found = partition.committed(position, end)
            if found:
                runs[tp] = [MemoryMessage(record, offset) for offset, record in found]
            self._positions[tp] = max(position, end)
        return runs

    def end(self, tp: Tp) -> int:
        return self._log.partitions[tp].stable_end()

    def end_seen(self, tp: Tp, position: int) -> int:
        partition = self._log.partitions[tp]
        stable = partition.stable_end()
        waiting = any(
            entry.record is not None
            and (entry.transaction is None or entry.transaction.state == COMMITTED)
            for entry in islice(partition.entries, position, stable)
        )
        return position if waiting else max(position, stable)

    def pause(self, tps: Sequence[Tp]) -> None:
        self._paused.update(tps)

    def resume(self, tps: Sequence[Tp]) -> None:
        self._paused.difference_update(tps)

    def close(self) -> None:
        """Nothing is held open."""


class MemoryWriter:
    """See `connectors.log.interface.Writer`."""

    def __init__(self, log: MemoryLog, transactional_id: str) -> None:
        self._log = log
        self._id = transactional_id
        self._transaction: Transaction | None = None
        self._ends: dict[Tp, int] = {}

    def fence(self) -> None:
        predecessor = self._log.writers.get(self._id)
        self._log.writers[self._id] = self
        if predecessor is not None:
            predecessor._finish(ABORTED)

    def _check(self) -> None:
        if self._log.writers.get(self._id) is not self:
            raise Fenced(f"{self._id}: another writer took over")

    def begin(self) -> None:
        self._check()
        if self._transaction is not None:
            raise Aborted(f"{self._id}: a transaction is already open")
        self._transaction = Transaction()

    def send(self, records: Sequence[OutRecord]) -> None:
        self._check()
        if self._transaction is None:
            raise Aborted(f"{self._id}: no transaction is open")
        for record in records:
            tp = Tp(record.topic, record.partition)
            self._ends[tp] = self._log._add(record, self._transaction) + 1
            self._transaction.touched[tp] = None

    def commit(self) -> Mapping[Tp, int]:
        self._check()
        self._finish(COMMITTED)
        ends, self._ends = self._ends, {}
        return ends

    def _finish(self, state: str) -> None:
        if self._transaction is None:
            return
        self._transaction.state = state
        for tp in self._transaction.touched:
            self._log.partitions[tp].entries.append(Entry(None, self._transaction))
        self._transaction = None

    def close(self) -> None:
        """Nothing is held open."""
