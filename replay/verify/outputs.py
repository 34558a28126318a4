"""What epochs wrote: rows that carry a shard's name are as many, where, and of the digest that its
epochs recorded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pyarrow as pa
import pyarrow.compute as pc

from connectors.epochs.encode import SOURCE_HEADER
from connectors.log.interface import Tp
from replay.verify.columns import Columns, Fingerprint, Piece, Written, columns_of, outputs_digest
from replay.verify.epochs import label
from replay.verify.findings import Audit
from replay.verify.rows import UNREADABLE, WITH_HEADERS, Files
from schemas.errors import TapeError
from schemas.events import EpochCommitted, OutputRange

BATCH_ROWS = 16_384  # one batch per partition written to is held at a time


def source_name(epoch: EpochCommitted) -> bytes:
    """What the outputs of an epoch's shard carry: `connectors.epochs.encode.source_of`."""
    return f"tape/{epoch.pipeline}/{epoch.shard}".encode()


class Track:
    """One shard's rows in one partition, in order."""

    def __init__(self, files: Files, tp: Tp, source: bytes, floor: int, audit: Audit) -> None:
        self._source, self._tp, self._audit = source, tp, audit
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

    def take(self, wanted: OutputRange, epoch: str) -> list[Piece]:
        """The next rows at or after the floor; one between what epochs wrote is a finding."""
        found: list[Piece] = []
        left = wanted.count
        while left and self._more():
            assert self._columns is not None
            offsets = self._columns.offsets
            if offsets[self._at] < wanted.floor:
                self._foreign(offsets[self._at], wanted, epoch)
                continue
            piece = Piece(self._columns, self._at, min(self._at + left, len(offsets)))
            self._at, left = piece.stop, left - piece.height
            found.append(piece)
        return found

    def _more(self) -> bool:
        if self._columns is None or self._at == len(self._columns.offsets):
            self._columns, self._at = next(self._batches, None), 0
        return self._columns is not None

    def begin(self, floor: int) -> None:
        """Leaves out what earlier epochs wrote."""
        while self._more():
            assert self._columns is not None
            self._at, stop = self._columns.rows(floor, 2**63 - 1)
            if self._at < stop:
                return

    def _foreign(self, offset: int, wanted: OutputRange, epoch: str) -> None:
        text = f"no epoch wrote this row of {self._tp.topic}/{self._tp.partition}"
        self._audit.find(text, offset=offset, epoch=epoch)
        self._at += 1


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
    files: Files, epochs: Iterable[EpochCommitted], fingerprint: Fingerprint, audit: Audit
) -> None:
    """The outputs of one shard's epochs, in order."""
    tracks: dict[Tp, Track] = {}
    for epoch in epochs:
        name, written = label(epoch), []
        for wanted in epoch.outputs:
            tp = Tp(wanted.topic, wanted.partition)
            if tp not in tracks:
                tracks[tp] = Track(files, tp, source_name(epoch), wanted.floor, audit)
                tracks[tp].begin(wanted.floor)
            written.append(Written(*tp, tracks[tp].take(wanted, name)))
        _check(epoch, written, fingerprint, audit)


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
