"""What epochs wrote: rows that carry a shard's name are as many, where, and of the digest that its
epochs recorded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from connectors.epochs.encode import SOURCE_HEADER, source_of
from connectors.log.interface import Tp
from replay.verify.columns import Columns, Fingerprint, Piece, Written, columns_of, outputs_digest
from replay.verify.epochs import label
from replay.verify.findings import Audit
from replay.verify.rows import UNREADABLE, WITH_HEADERS, Files
from schemas.errors import TapeError
from schemas.events import EpochCommitted

_ENDLESS: Final = 2**63 - 1
BATCH_ROWS: Final = 16_384  # one batch per partition written to is held at a time


class Range(NamedTuple):
    """Offsets [floor, end) of a partition hold `rows` outputs of one epoch, and none of the same
    shard's others; `end` None: what follows is not known.
    """

    tp: Tp
    floor: int
    end: int | None
    rows: int


class Track:
    """One shard's rows in one partition, in order."""

    def __init__(self, files: Files, tp: Tp, source: bytes, floor: int) -> None:
        self._source, self._tp = source, tp
        self._batches = self._own(files, floor)
        self._columns: Columns | None = None
        self._at = 0

    def _own(self, files: Files, floor: int) -> Iterator[Columns]:
        for name in files.of(self._tp):
            if name.end <= floor:
                continue
            try:
                for batch in files.batches(name, WITH_HEADERS, BATCH_ROWS):
                    own = written_by(batch, self._source)
                    if own.num_rows:
                        yield columns_of(own)
            except UNREADABLE:
                continue  # a finding already: every file is read by itself

    def take(self, wanted: Range) -> list[Piece]:
        """The rows from the floor to before the next epoch's; of the last epoch, as many as it
        wrote. What lies before the floor is another day's.
        """
        found: list[Piece] = []
        left = wanted.rows if wanted.end is None else _ENDLESS
        while left and self._more():
            assert self._columns is not None
            end = _ENDLESS if wanted.end is None else wanted.end
            first, stop = self._columns.rows(wanted.floor, end)
            piece = Piece(self._columns, max(first, self._at), min(stop, first + left))
            self._at, left = max(stop, self._at), left - piece.height
            if piece.height > 0:
                found.append(piece)
            if stop < len(self._columns.offsets):
                break
        return found

    def _more(self) -> bool:
        if self._columns is None or self._at == len(self._columns.offsets):
            self._columns, self._at = next(self._batches, None), 0
        return self._columns is not None


def written_by(batch: pa.RecordBatch, source: bytes) -> pa.RecordBatch:
    """The rows whose header names this source."""
    headers = batch.column("_headers")
    flat = headers.flatten()
    named = pc.and_(
        pc.equal(flat.field("name"), SOURCE_HEADER),
        pc.equal(flat.field("value"), pa.scalar(source, pa.binary())),
    )
    rows = pc.list_parent_indices(headers).filter(named)
    return batch if len(rows) == batch.num_rows else batch.take(rows)


def check_outputs(
    files: Files, epochs: Sequence[EpochCommitted], fingerprint: Fingerprint, audit: Audit
) -> None:
    """The outputs of one shard's epochs, in order."""
    tracks: dict[Tp, Track] = {}
    for epoch, ranges in zip(epochs, ranges_of(epochs), strict=True):
        written = []
        for wanted in ranges:
            if wanted.tp not in tracks:
                source = source_of(epoch.pipeline, epoch.shard)
                tracks[wanted.tp] = Track(files, wanted.tp, source, wanted.floor)
            written.append(Written(*wanted.tp, tracks[wanted.tp].take(wanted)))
        _check(epoch, written, fingerprint, audit)


def ranges_of(epochs: Sequence[EpochCommitted]) -> list[list[Range]]:
    """Where each epoch's outputs lie: up to where the next that writes there begins."""
    ends: dict[Tp, int] = {}
    found: list[list[Range]] = []
    for epoch in reversed(epochs):
        found.append([])
        for each in epoch.outputs:
            tp = Tp(each.topic, each.partition)
            found[-1].append(Range(tp, each.floor, ends.get(tp), each.count))
            ends[tp] = each.floor
    return found[::-1]


def _check(
    epoch: EpochCommitted, written: list[Written], fingerprint: Fingerprint, audit: Audit
) -> None:
    name, short = label(epoch), False
    for wanted, found in zip(epoch.outputs, written, strict=True):
        count = sum(piece.height for piece in found.pieces)
        audit.outputs += count
        if count != wanted.count:
            short = True
            text = f"it wrote {wanted.count} rows to {wanted.topic}/{wanted.partition} from here on"
            audit.find(f"{text}, {count} are archived", offset=wanted.floor, epoch=name)
    try:
        if short or outputs_digest(written, fingerprint) == epoch.outputs_digest:
            return
    except TapeError as error:
        audit.find(f"its outputs cannot be digested: {error}", epoch=name)
        return
    places = ", ".join(f"{o.topic}/{o.partition} from {o.floor}" for o in epoch.outputs)
    audit.find(f"its outputs are not those it recorded ({places or 'none'})", epoch=name)
