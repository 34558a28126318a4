"""Reads what a shard has recorded: from the tail back to the newest snapshot, never from the
beginning.

So opening a shard costs the same after ten thousand events and after a million.
"""

from __future__ import annotations

from typing import NamedTuple

from connectors.epochs.digest import chain_digest
from connectors.epochs.errors import HistoryBroken, HistoryTrimmed, SnapshotCorrupt
from connectors.epochs.model import Base, History, Place, Shard
from connectors.epochs.snapshots import join
from connectors.log.interface import Log, Message, Tp
from schemas.blocks import FRAME_BYTES
from schemas.codec import Codec
from schemas.events import EpochCommitted, ShardOpened, SnapshotRef, StateSnapshotted

# a predecessor's transaction is resolved by then: its time-out is 5 s, the broker looks every
# second
DEADLINE_S = 30.0
TAIL = 64
GLANCE_S = 1.0
CHAIN_BYTES = 33  # the last field of an epoch record on the wire: one byte of length, 32 of digest


class Recorded(NamedTuple):
    """A record of an epochs partition; `covered` is what its link of the chain covers."""

    offset: int
    event: EpochCommitted | ShardOpened
    covered: bytes


class Ledger:
    """The records of one shard's epochs and snapshots partitions, decoded."""

    def __init__(
        self, log: Log, codec: Codec, shard: Shard, deadline_s: float = DEADLINE_S
    ) -> None:
        self._log, self._codec, self._shard, self._deadline_s = log, codec, shard, deadline_s
        self.low, self.end = log.bounds(shard.epochs)

    def records(self, start: int, stop: int | None = None) -> list[Recorded]:
        """Everything from `start` to the end found when this object was made, or to `stop` before
        it.
        """
        end = self.end if stop is None else min(stop, self.end)
        found = self._log.read(self._shard.epochs, max(start, self.low), end, self._deadline_s)
        return [
            Recorded(m.offset(), self._codec.decode(m.value()), m.value()[FRAME_BYTES:-CHAIN_BYTES])
            for m in found
        ]

    def tail(self) -> list[Recorded]:
        """The last records, at least one `EpochCommitted` among them if there is any."""
        reach = TAIL
        while True:
            start = max(self.low, self.end - reach)
            found = self.records(start)
            if start == self.low or any(isinstance(r.event, EpochCommitted) for r in found):
                return found
            reach *= 8

    def body(self, ref: SnapshotRef) -> bytes:
        """The state a snapshot holds. Raises `HistoryTrimmed` or `SnapshotCorrupt`."""
        tp, name = (
            self._shard.snapshots,
            f"snapshot of {self._shard.transactional_id} at epoch {ref.sequence}",
        )
        low, end = self._log.bounds(tp)
        if ref.snapshots_floor < low:
            raise HistoryTrimmed(
                f"{name} is gone: {tp.topic}/{tp.partition} begins at offset {low}"
            )
        # Chunks and markers alone lie there, so twice their number reaches far enough; aborted
        # attempts may add some.
        found = self._log.read(tp, ref.snapshots_floor, end, self._deadline_s)
        chunks: list[StateSnapshotted] = [self._codec.decode(m.value()) for m in found]
        body = join([c for c in chunks if c.sequence == ref.sequence], ref)
        if body is None:
            raise SnapshotCorrupt(f"{name} does not match the digest its epoch recorded")
        return body


def newest_committed(log: Log, codec: Codec, shard: Shard) -> EpochCommitted | None:
    """The newest epoch among the last records, without waiting for a transaction that is still
    open; None where they hold none.
    """
    low, end = log.bounds(shard.epochs)
    reader = log.reader({shard.epochs: max(low, end - TAIL)})
    found: list[Message] = []
    while more := reader.poll(TAIL, GLANCE_S).get(shard.epochs):
        found += more
    reader.close()
    events = (codec.decode(message.value()) for message in reversed(found))
    return next((event for event in events if isinstance(event, EpochCommitted)), None)


def read_history(ledger: Ledger, shard: Shard) -> History | None:
    """The history since the newest snapshot; None where nothing was ever recorded."""
    tail = ledger.tail()
    if ledger.low == 0 and not tail:
        return None  # empty, or a first start was killed before it announced itself
    newest = next((r.event for r in reversed(tail) if isinstance(r.event, EpochCommitted)), None)
    if newest is None or newest.snapshot is None:
        return history_from_start(ledger, shard)
    return history_since(ledger, shard, newest.snapshot)


def history_from_start(ledger: Ledger, shard: Shard) -> History:
    """The whole history: possible only while the shard's first record is still there."""
    records = ledger.records(ledger.low)
    opened = next((r.event for r in records if isinstance(r.event, ShardOpened)), None)
    if ledger.low > 0 or opened is None or opened.next_sequence != 0:
        raise HistoryTrimmed(
            f"{shard.epochs.topic}/{shard.number} has lost its beginning and no snapshot reaches "
            "back: trimmed history is never a first start"
        )
    places = {Tp(p.topic, p.partition): Place(p.offset, -1) for p in opened.start}
    return chained(shard, Base(-1, places, version=opened.version), records, ledger.end)


def history_since(ledger: Ledger, shard: Shard, ref: SnapshotRef) -> History:
    """The history from one snapshot on."""
    if ref.epochs_floor < ledger.low:
        raise HistoryTrimmed(
            f"epoch {ref.sequence} of {shard.transactional_id} is no longer on the log"
        )
    records = ledger.records(ref.epochs_floor)
    for at, record in enumerate(records):
        if isinstance(record.event, EpochCommitted) and record.event.sequence == ref.sequence:
            first = record.event
            places = places_after(first)
            base = Base(ref.sequence, places, first.chain, ref, ledger.body(ref), first.version)
            return chained(shard, base, records[at + 1 :], ledger.end)
    raise HistoryBroken(
        f"epoch {ref.sequence} of {shard.transactional_id} is not where its snapshot says"
    )


def of_own_version(ledger: Ledger, shard: Shard, history: History) -> tuple[History, list[str]]:
    """The epochs that this shard's version recorded, from its last upgrade on, and words on what
    was left out. Everything where that version recorded nothing: then the comparison is the point.
    """
    if all(e.version != shard.version for e in history.epochs):
        return history, []
    upgrades = [e for e in history.epochs if e.boundary and e.boundary.kind.startswith("UPGRADE")]
    own = [e.snapshot for e in upgrades if e.version == shard.version and e.snapshot]
    kept = history_since(ledger, shard, own[-1]) if own else history
    beyond = history.next_sequence - kept.base.sequence - 1
    foreign = (i for i, e in enumerate(kept.epochs) if e.version != shard.version)
    kept.epochs = kept.epochs[: min(next(foreign, beyond), beyond)]
    left = sum(e.version != shard.version for e in history.epochs)
    notes = [f"{left} epochs of other versions: replay them with those versions"] if left else []
    return kept, notes


def places_after(epoch: EpochCommitted) -> dict[Tp, Place]:
    return {Tp(r.topic, r.partition): Place(r.end, r.log_time_ms) for r in epoch.inputs}


def chained(shard: Shard, base: Base, records: list[Recorded], end: int) -> History:
    """The epochs after `base`. Raises `HistoryBroken` at the first that does not follow the one
    before it.
    """
    history, sequence, chain = History(base, [], end), base.sequence, base.chain
    for record in records:
        epoch = record.event
        if not isinstance(epoch, EpochCommitted):
            continue
        if epoch.sequence != sequence + 1:
            raise HistoryBroken(
                f"{shard.transactional_id}: epoch {epoch.sequence} follows epoch {sequence}"
            )
        if epoch.chain != chain_digest(chain, record.covered):
            raise HistoryBroken(
                f"{shard.transactional_id}: the hash chain breaks at epoch {epoch.sequence}"
            )
        sequence, chain = epoch.sequence, epoch.chain
        history.epochs.append(epoch)
    return history
