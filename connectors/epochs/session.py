"""One shard, opened: re-runs what is recorded, then goes live. The source asks it for epochs, the
sink commits them.

The same object serves recovery, live running and replay; a replay has no writer and ends where its
history ends.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from connectors.epochs.ahead import Ahead, Reread
from connectors.epochs.boundaries import skipped_by
from connectors.epochs.committer import Committer, Standing
from connectors.epochs.errors import EpochsMerged
from connectors.epochs.inputs import places_over
from connectors.epochs.parts import Flight, Parts, Reason
from connectors.epochs.recorded import RecordedOutputs
from connectors.epochs.runs import Slice
from connectors.epochs.snapshots import SnapshotClock, day_of
from connectors.epochs.supply import POLL_S, Supply
from connectors.log.interface import OutRecord, Tp
from connectors.metrics.epochs import Committed
from pipelines.items import Carried, Encoded, Epoch, Failed, Item, Mark, Restore, StateBody
from pipelines.logic import Position
from schemas.events import Boundary, EpochCommitted, SnapshotRef

GROUP_COMMIT_S = 0.5


@dataclass
class Progress:
    """What a run did, for summaries and tests."""

    epochs_verified: int = 0
    epochs_committed: int = 0
    records: int = 0
    outputs: int = 0
    snapshots: int = 0


class Session:
    """See the module. Not thread-safe: Bytewax calls source and sink in turn, in one thread."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.progress = Progress()
        self.on_settled: Callable[[Progress], None] | None = None  # for progress bars
        # A replay's: asked before a recorded epoch is handed out (False: no more), told after it.
        self.goes_on: Callable[[EpochCommitted], bool] = lambda record: True
        self.on_rerun: Callable[[EpochCommitted, Sequence[OutRecord]], None] | None = None
        self.stop_requested = False  # once the history is re-run: a last epoch with a snapshot
        self.interrupted = False  # also before that: an unfinished re-run is simply left
        self.snapshot_requested = False
        self.failed: Exception | None = None  # it ends with this
        self.on_failed: Callable[[Exception], None] = lambda error: None
        base, shard = parts.base, parts.shard
        self._supply = Supply(parts.log, shard, places_over(base, parts.recorded))
        self._sequence, self._chain, self._snapshot = base.sequence, base.chain, base.snapshot
        self._ahead = Ahead(self._supply, parts.recorded, parts.codec, shard.pipeline)
        self._outputs = RecordedOutputs(parts.log, parts.codec, shard)
        self._boundaries = iter(parts.boundaries)
        self._clock = SnapshotClock(shard, base.snapshot)
        self._committer = Committer(parts) if parts.writer is not None else None
        self._flight: Flight | None = None
        self._restored = self._stopped = False
        self._skipped: set[Position] = set()
        self._ready_at = 0.0
        self._group_at = 0.0
        self.live = False  # the history is re-run
        self.turned_s = time.monotonic()  # when it was last asked for an epoch

    @property
    def sequence(self) -> int:
        """The last epoch settled; -1 before the first."""
        return self._sequence

    @property
    def log_time_ms(self) -> int:
        return self._supply.log_time_ms

    def lag(self) -> dict[Tp, int]:
        """Offsets that wait, by input partition."""
        return self._supply.lag()

    @property
    def snapshot(self) -> SnapshotRef | None:
        """The newest snapshot at the end of that epoch."""
        return self._snapshot

    def fail(self, error: Exception) -> None:
        """No more epochs: whoever runs the flow raises this once the flow has ended."""
        self.failed = error
        self._ahead.close()
        self.on_failed(error)

    def close(self) -> None:
        """For whoever asks for no more epochs: what reads ahead ends."""
        self._ahead.close()
        self._supply.close()

    def next_items(self) -> list[Item]:
        """The items of the next epoch; none when there is nothing yet. Raises StopIteration
        after the last.
        """
        self.turned_s = time.monotonic()
        if self._flight is not None:
            raise EpochsMerged(
                f"epoch {self._flight.sequence} is not committed and the next was asked for: "
                "run with an epoch interval below zero (python -m bytewax.run -s=-1)"
            )
        if self._stopped:
            self._settle_group(force=True)
            self.close()
            raise StopIteration
        flight = self._next_flight()
        if flight is None:
            self._settle_group()
            return []
        self._flight = flight
        flight.began_s = time.monotonic()
        self.parts.point("epoch-cut")
        items: list[Item] = []
        if not self._restored:
            items.append(Restore(self.parts.base.body, self._version_of_body()))
            self._restored = True
        items.append(
            Epoch(
                flight.sequence,
                (flight.slices, frozenset(self._skipped)),
                flight.again and flight.again.batch,
                flight.carried,
            )
        )
        flight.items = len(items)
        return [*items, Mark(flight.sequence, flight.items, flight.snapshot_due)]

    def _version_of_body(self) -> int:
        return self.parts.base.snapshot.state_version if self.parts.base.snapshot else 0

    def _next_flight(self) -> Flight | None:
        record = self._ahead.record
        if record is not None and (self.interrupted or not self.goes_on(record)):
            self.close()
            raise StopIteration  # nothing is lost: the next start re-runs the same epochs
        if record is not None:
            return self._replayed(record)
        boundary = next(self._boundaries, None)
        if boundary is not None:
            self._note_boundary(boundary)
            filled = self.parts.verifier.filled(boundary)
            return self._empty("BOUNDARY", filled, snapshot=boundary.kind != "SKIP")
        if self.parts.writer is None:
            self.close()
            raise StopIteration
        return self._live()

    def _replayed(self, record: EpochCommitted) -> Flight:
        if record.boundary is not None:
            self._note_boundary(record.boundary)
        again = self._ahead.take(frozenset(self._skipped))
        carries = self.parts.carry.carries(record.sequence)
        carried = self._outputs.of(record) if carries else None
        due = record.snapshot_taken and not carries
        return Flight(record.sequence, again.slices, record.reason, due, again, carried)

    def _note_boundary(self, boundary: Boundary) -> None:
        skipped = skipped_by(boundary)
        if skipped is not None:
            self._skipped.add(skipped)

    def _empty(
        self, reason: Reason, boundary: Boundary | None = None, snapshot: bool = True
    ) -> Flight:
        return Flight(
            self._sequence + 1, self._supply.nothing(), reason, snapshot, boundary=boundary
        )

    def _live(self) -> Flight | None:
        self.live = True
        if self.stop_requested:
            self._stopped = True
            return self._empty("STOP", snapshot=not self._pending_skips())
        if self.snapshot_requested and not self._pending_skips():
            self.snapshot_requested = False
            return self._empty("SNAPSHOT")
        early_s = self._ready_at - time.monotonic()
        if early_s > 0:
            time.sleep(min(early_s, POLL_S))
            return None
        counts = self._supply.ready()
        if counts is None:
            if self.parts.until() and not self._supply.behind():
                self.stop_requested = True
            return None
        if self._day_ended(counts):
            return self._empty("SNAPSHOT")  # a day replays from its own first snapshot
        slices = self._supply.take(counts)
        self._ready_at = time.monotonic() + self.parts.shard.interval_min_s
        self._clock.count(sum(s.size for s in slices))
        return Flight(
            self._sequence + 1, slices, "INPUT", self._clock.due and not self._pending_skips()
        )

    def _day_ended(self, counts: Sequence[int]) -> bool:
        """Whether these records begin a UTC day of log time that no snapshot precedes yet."""
        before = day_of(self._supply.log_time_ms)
        fresh = self._snapshot is not None and self._snapshot.sequence == self._sequence
        ended = 0 <= before < day_of(self._supply.first_ms(counts))
        return ended and not fresh and not self._pending_skips()

    def _pending_skips(self) -> bool:
        """A skip not yet passed must stay visible to a restart, which begins at the newest
        snapshot.
        """
        places = self._supply.places()
        return any(places[Tp(p.topic, p.partition)].offset <= p.offset for p in self._skipped)

    def settle(self, items: Sequence[Item]) -> None:
        """Ends the epoch in flight: checks it against its record, or commits it. Raises what a
        step of the flow raised.
        """
        for item in items:
            if isinstance(item, Failed):
                raise item.error
        flight = self._flight
        marks = [item for item in items if isinstance(item, Mark)]
        if (
            flight is None
            or len(marks) != 1
            or marks[0].sequence != flight.sequence
            or marks[0].items != flight.items
        ):
            raise EpochsMerged(
                f"the sink was given {len(marks)} marks for one epoch: run with -s=-1"
            )
        records = [record for item in items if isinstance(item, Encoded) for record in item.records]
        body = next((item for item in items if isinstance(item, StateBody)), None)
        if flight.again is not None:
            self._check(flight.again, flight.carried, records, body)
            if self.on_rerun is not None:
                self.on_rerun(flight.again.record, records)
        else:
            self._commit(flight, records, body)
        self.progress.records += sum(s.count for s in flight.slices)
        self.progress.outputs += len(records)
        self._skipped -= {p for p in self._skipped if passed(p, flight.slices)}
        self._flight = None
        if self.on_settled is not None:
            self.on_settled(self.progress)

    def _check(
        self,
        again: Reread,
        carried: Carried | None,
        records: list[OutRecord],
        body: StateBody | None,
    ) -> None:
        record = again.record
        if not self.parts.carry.accepts(record.sequence):
            self.parts.verifier.check(record, again.digests, records, body, carried)
        elif carried is not None:
            self.parts.verifier.count(record, records, carried)
        self._sequence, self._chain = record.sequence, record.chain
        self._snapshot = record.snapshot
        self._clock.count(sum(s.size for s in again.slices))
        if record.snapshot_taken and record.snapshot is not None:
            self._clock.taken(record.snapshot.size)
        self.progress.epochs_verified += 1
        for observer in self.parts.observers:
            observer.verified()
        self.progress.snapshots += body is not None

    def _commit(self, flight: Flight, records: list[OutRecord], body: StateBody | None) -> None:
        assert self._committer is not None, "a replay has no writer and only recorded epochs"
        stands = Standing(self._chain, self._snapshot, self._supply.log_time_ms)
        epoch = self._committer.commit(flight, stands, records, body)
        if self.parts.observers:
            took_s, ends = self._committer.transaction_s, self._committer.ends
            done = Committed(epoch, flight.began_s, took_s, ends)
            for observer in self.parts.observers:
                observer.committed(done)
        self._sequence, self._chain, self._snapshot = epoch.sequence, epoch.chain, epoch.snapshot
        if body is not None:
            self._clock.taken(len(body.body))
            self.progress.snapshots += 1
        self.progress.epochs_committed += 1
        self._settle_group()

    def _settle_group(self, force: bool = False) -> None:
        """Tells lag tools where the shard stands; the epochs topic remains the truth."""
        now = time.monotonic()
        if self.parts.writer is None or (now < self._group_at and not force):
            return
        self._group_at = now + GROUP_COMMIT_S
        self.parts.log.commit_group(self.parts.shard.group, self._supply.ends())


def passed(position: Position, slices: Sequence[Slice]) -> bool:
    """Whether these reach beyond a record."""
    return any(s.tp == position[:2] and s.end > position.offset for s in slices)
