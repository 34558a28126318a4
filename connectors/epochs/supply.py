"""Hands out input: exactly the recorded ranges while there are any, after that what is there,
within bounds.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from connectors.epochs.errors import HistoryBroken
from connectors.epochs.intake_process import intake_of
from connectors.epochs.merge import PartitionBuffer, limit_ms, plan
from connectors.epochs.model import Place, Shard
from connectors.epochs.runs import Slice
from connectors.log.interface import Log, Tp
from schemas.events import EpochCommitted

# Records end a wait at once. Only a request to stop or for a snapshot waits for its end, and each
# turn of an idle shard through Bytewax costs a quarter of a millisecond.
POLL_S = 0.1
STALL_S = 30.0
PATIENCE_S = 0.1  # for what is not urgent: each epoch costs the broker milliseconds
PAUSE_RECORDS = 100_000


class Supply:
    """The buffers of one shard's input partitions, and the intake that fills them."""

    def __init__(self, log: Log, shard: Shard, places: Mapping[Tp, Place]) -> None:
        self._shard = shard
        self.buffers = {
            tp: PartitionBuffer(tp, place.offset, place.log_time_ms) for tp, place in places.items()
        }
        self._blocked = False
        self._patient = {topic.topic for topic in shard.inputs if not topic.urgent}
        self._patient_until = 0.0  # of monotonic time; 0 where nothing waits for more
        self._held: set[Tp] = set()
        self._given_up = False
        positions = {tp: place.offset for tp, place in places.items()}
        self._intake = intake_of(log, positions)

    @property
    def log_time_ms(self) -> int:
        return max((b.log_time_ms for b in self.buffers.values()), default=-1)

    def places(self) -> dict[Tp, Place]:
        return {tp: Place(b.position, b.log_time_ms) for tp, b in self.buffers.items()}

    def ends(self) -> dict[Tp, int]:
        """Positions for lag tools: past transaction markers where nothing else follows."""
        return {
            tp: b.position if len(b) else self._intake.end_seen(tp, b.position)
            for tp, b in self.buffers.items()
        }

    def nothing(self) -> list[Slice]:
        """An empty range of every partition: a stop, a snapshot or a boundary."""
        return self.take([0] * len(self.buffers))

    def recorded(self, epoch: EpochCommitted) -> list[Slice]:
        """The ranges of a recorded epoch, whatever else is there. Raises `HistoryBroken` when
        they cannot be had.
        """
        slices = []
        for wanted in epoch.inputs:
            buffer = self.buffers[Tp(wanted.topic, wanted.partition)]
            if buffer.position != wanted.start:
                raise HistoryBroken(
                    f"epoch {epoch.sequence} begins at {wanted.topic}/{wanted.partition}/"
                    f"{wanted.start}, the one before ended at {buffer.position}"
                )
            self._fill(buffer, wanted.count, epoch.sequence)
            slices.append(buffer.take(wanted.count))
            if buffer.position != wanted.end:
                raise HistoryBroken(
                    f"epoch {epoch.sequence} ends at {wanted.topic}/{wanted.partition}/"
                    f"{wanted.end}, its {wanted.count} records now end at {buffer.position}"
                )
        return slices

    def _fill(self, buffer: PartitionBuffer, count: int, sequence: int) -> None:
        limit = time.monotonic() + STALL_S
        while len(buffer) < count:
            if self._given_up:
                raise HistoryBroken(f"epoch {sequence} is not wanted any more")
            self._hold_back(wanting=buffer)
            if self._poll(POLL_S):
                limit = time.monotonic() + STALL_S
            elif time.monotonic() > limit:
                raise HistoryBroken(
                    f"epoch {sequence} needs {count} records of {buffer.tp.topic}/"
                    f"{buffer.tp.partition} from offset {buffer.position}, the log gives "
                    f"{len(buffer)}: a transaction hangs, or they are gone"
                )

    def ready(self) -> list[int] | None:
        """How many records of each partition the next epoch may take; None when there are none
        yet, or when what there is may wait for more.
        """
        self._hold_back()
        waiting = sum(map(len, self.buffers.values()))
        counts = self._counts() if waiting >= self._shard.records_max else []
        if sum(counts) < self._shard.records_max:
            found = self._poll(0.0 if waiting and not self._blocked else self._pause_s())
            counts = self._counts() if waiting or found else []  # an idle shard asks all the time
        self._blocked = self._waits(counts)
        return None if self._blocked else counts

    def _pause_s(self) -> float:
        left_s = self._patient_until - time.monotonic() if self._patient_until else POLL_S
        return min(max(left_s, 0.0), POLL_S)

    def _waits(self, counts: Sequence[int]) -> bool:
        """Whether what is there must wait for another partition's backlog, or may wait."""
        counted = zip(self.buffers, counts, strict=False)  # no counts where nothing was looked for
        topics = {tp.topic for tp, count in counted if count}
        now_s = time.monotonic()
        until_s = self._patient_until or now_s + PATIENCE_S
        full = sum(counts) >= self._shard.records_max
        may = topics <= self._patient and not full and now_s < until_s
        self._patient_until = until_s if may and topics else 0.0
        return may or not topics

    def _counts(self) -> list[int]:
        buffers = list(self.buffers.values())
        backlog = {tp: self._intake.has_backlog(tp, b.fetched) for tp, b in self.buffers.items()}
        limit = limit_ms(buffers, backlog)
        return plan(buffers, limit, self._shard.records_max, self._shard.bytes_max)

    def first_ms(self, counts: Sequence[int]) -> int:
        """Log time of the earliest record among those counted; at least one is."""
        counted = zip(self.buffers.values(), counts, strict=True)
        return min(buffer.first_ms for buffer, count in counted if count)

    def take(self, counts: Sequence[int]) -> list[Slice]:
        """Hands out that many records of each partition."""
        return [b.take(count) for b, count in zip(self.buffers.values(), counts, strict=True)]

    def lag(self) -> dict[Tp, int]:
        """Offsets known to wait, by partition. May be asked from another thread."""
        known = self._intake.ends
        return {tp: max(0, known[tp].end - at) for tp, at in self.ends().items()}

    def behind(self) -> bool:
        """Whether any partition is known to hold more than was handed out."""
        buffers = self.buffers.items()
        return any(len(b) or self._intake.has_backlog(tp, b.fetched) for tp, b in buffers)

    def _poll(self, timeout_s: float) -> bool:
        runs = self._intake.poll(timeout_s)
        for tp, run in runs:
            self.buffers[tp].extend(run)
        return bool(runs)

    def _hold_back(self, wanting: PartitionBuffer | None = None) -> None:
        """Holds partitions that run far ahead of the merge, so that memory stays bounded."""
        for tp, buffer in self.buffers.items():
            if buffer is wanting or len(buffer) <= PAUSE_RECORDS // 2:
                self._held.discard(tp)
            elif len(buffer) > PAUSE_RECORDS:
                self._held.add(tp)
        self._intake.hold(self._held)

    def give_up(self) -> None:
        """Whoever waits for recorded ranges waits no longer. May be asked from another thread."""
        self._given_up = True

    def close(self) -> None:
        self._intake.close()
