"""The snapshots that epochs took: their chunks are archived, and together are what was digested."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from connectors.epochs.snapshots import join
from connectors.log.interface import Tp
from replay.verify.epochs import label
from replay.verify.findings import Audit
from replay.verify.rows import UNREADABLE, Files
from schemas.codec import Codec
from schemas.errors import TapeError
from schemas.events import EpochCommitted, SnapshotRef, StateSnapshotted

CHUNKS = 64  # of up to 900 kB, read at once


def check_snapshots(
    files: Files, tp: Tp, epochs: Iterable[EpochCommitted], codec: Codec, audit: Audit
) -> None:
    """The snapshots that one shard's epochs wrote to its partition of the snapshots topic."""
    taken = {e.snapshot: label(e) for e in epochs if e.snapshot_taken and e.snapshot is not None}
    if not taken:
        return
    wanted = {ref.sequence: ref for ref in taken}
    floor = min(ref.snapshots_floor for ref in taken)
    for sequence, chunks in groupby(_chunks(files, tp, floor, codec), lambda c: c.sequence):
        ref = wanted.get(sequence)
        if ref is not None and join(list(chunks), ref) is not None:
            del wanted[sequence]
            audit.snapshots += 1
    for ref in wanted.values():
        _lost(ref, tp, taken[ref], audit)


def _lost(ref: SnapshotRef, tp: Tp, epoch: str, audit: Audit) -> None:
    text = f"its snapshot in {tp.topic}/{tp.partition} is not there, or not the one it recorded"
    audit.find(text, offset=ref.snapshots_floor, epoch=epoch)


def _chunks(files: Files, tp: Tp, floor: int, codec: Codec) -> Iterator[StateSnapshotted]:
    """From an offset on; what cannot be read is a finding elsewhere, or a snapshot not there."""
    for name in (name for name in files.of(tp) if name.end > floor):
        try:
            for batch in files.batches(name, ("_value",), CHUNKS):
                for value in batch.column("_value").to_pylist():
                    event = codec.decode(value or b"")
                    if isinstance(event, StateSnapshotted):
                        yield event
        except (*UNREADABLE, TapeError):
            continue
