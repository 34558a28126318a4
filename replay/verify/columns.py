"""Archived rows as the byte strings that digests cover: prepared once for thousands of rows, then
cut for each epoch without looking at a row.

The same digests as `connectors.epochs.digest` gives over records.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import repeat
from typing import NamedTuple

import pyarrow as pa

from replay.archive.strings import Strings, framed, numbers, plain, strings
from schemas.blocks import MARK
from schemas.errors import TapeError

Fingerprint = Callable[[bytes], bytes]


@dataclass(frozen=True, eq=False)
class Columns:
    """Rows of one partition. `codes` say which of `kinds` (frames) each has."""

    offsets: memoryview[int]
    timestamps: memoryview[int]
    keys: Strings
    bodies: Strings
    kinds: list[bytes]
    codes: memoryview[int]

    def rows(self, start: int, end: int) -> tuple[int, int]:
        """The rows with offsets in [start, end), as a range of row numbers."""
        return bisect_left(self.offsets, start), bisect_left(self.offsets, end)


class Piece(NamedTuple):
    """Rows [first, stop) of some columns."""

    columns: Columns
    first: int
    stop: int

    @property
    def height(self) -> int:
        return self.stop - self.first

    def kinds(self) -> set[bytes]:
        """The frames that occur in it."""
        known = self.columns.kinds
        if len(known) == 1:
            return set(known)
        return {known[code] for code in set(self.columns.codes[self.first : self.stop])}


def columns_of(batch: pa.RecordBatch, mark: bytes = b"") -> Columns:
    """The columns `_offset`, `_timestamp_ms`, `_key` and `_value` of a batch. `mark` goes before
    each body, as in an input's digest.
    """
    found = framed(plain(batch.column("_value")), mark)
    return Columns(
        numbers(batch.column("_offset"), "q"),
        numbers(batch.column("_timestamp_ms"), "q"),
        strings(plain(batch.column("_key"))),
        found.bodies,
        found.frames,
        found.codes,
    )


def input_digest(pieces: Sequence[Piece], fingerprint: Fingerprint) -> bytes:
    """What `connectors.epochs.digest.input_digest` gives over the same rows, whose columns have the
    codec's mark before each body.
    """
    pieces = [piece for piece in pieces if piece.height]
    if not pieces:
        return b""
    frames = {kind for piece in pieces for kind in piece.kinds()}
    identities = {frame: _identity(frame, fingerprint) for frame in frames}
    hasher = sha256()
    for column in (
        (c.timestamps[a:b] for c, a, b in pieces),
        (c.keys.lengths[a:b] for c, a, b in pieces),
        (c.keys.part(a, b) for c, a, b in pieces),
        (c.bodies.lengths[a:b] for c, a, b in pieces),
        _identities(pieces, identities),
        (c.bodies.part(a, b) for c, a, b in pieces),
    ):
        for part in column:
            hasher.update(part)
    return hasher.digest()


def _identities(pieces: Sequence[Piece], known: dict[bytes, bytes]) -> Iterable[bytes]:
    """Row by row; where all are alike, once, and that they are."""
    different = set(known.values())
    if len(different) == 1:
        return [different.pop() + b"*"]
    return (known[c.kinds[code]] for c, a, b in pieces for code in c.codes[a:b])


def _identity(frame: bytes, fingerprint: Fingerprint) -> bytes:
    try:
        return fingerprint(frame)
    except TapeError:
        return b"?" + frame


def marked_columns_of(batch: pa.RecordBatch) -> Columns:
    """Columns for `input_digest`."""
    return columns_of(batch, MARK)


class Written(NamedTuple):
    """What an epoch wrote to one partition."""

    topic: str
    partition: int
    pieces: Sequence[Piece]


def outputs_digest(written: Sequence[Written], fingerprint: Fingerprint) -> bytes:
    """What `connectors.epochs.digest.outputs_digest` gives over the same rows, which come by topic
    and partition; their columns have no mark.
    """
    pieces = [(w.topic, piece) for w in written for piece in w.pieces if piece.height]
    if not pieces:
        return sha256().digest()
    numbers: dict[tuple[str, bytes], int] = {}
    kinds = array("i")
    for topic, (c, a, b) in pieces:
        codes, found = c.codes[a:b], c.kinds
        number = dict.fromkeys(codes, -1)  # in order of appearance
        for code in number:
            number[code] = numbers.setdefault((topic, found[code]), len(numbers))
        kinds.extend(map(number.__getitem__, codes))
    heads = (sha256(t.encode() + b"\0" + fingerprint(frame)).digest() for t, frame in numbers)
    hasher = sha256(array("i", (len(numbers), len(kinds))))
    hasher.update(b"".join(heads))
    hasher.update(kinds)
    for w in written:
        hasher.update(array("i", repeat(w.partition, sum(p.height for p in w.pieces))))
    for column in ("keys", "bodies"):
        for _, (c, a, b) in pieces:
            hasher.update(getattr(c, column).lengths[a:b])
        for _, (c, a, b) in pieces:
            hasher.update(getattr(c, column).part(a, b))
    return hasher.digest()
