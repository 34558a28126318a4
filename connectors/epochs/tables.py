"""One epoch's records as columns, one table per event.

Beside `connectors.epochs.batch`, so that a process that never sees many records at once loads no
polars.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import polars as pl

from connectors.epochs.merge import in_order
from connectors.epochs.runs import Run, Slice, longs
from schemas.blocks import Block
from schemas.codec import Codec
from schemas.packed import Packed

Piece = pl.DataFrame | Block | Packed


class Tables:
    """Decodes slice after slice, in one block per writer version, what does not come decoded."""

    def __init__(self, slices: Sequence[Slice], codec: Codec) -> None:
        self._slices, self._codec = slices, codec
        self._count = sum(part.count for part in slices)

    def read(self) -> tuple[dict[str, pl.DataFrame], list[int]]:
        """A table by event, see `pipelines.logic.Batch`; and the `_index` of every record that
        cannot be decoded.
        """
        parts: dict[str, list[pl.DataFrame]] = {}
        bad: list[int] = []
        for kind, (pieces, ranges) in self._alike().items():
            places = self._places_of(ranges)
            if isinstance(kind, str):
                frames = [piece for piece in pieces if isinstance(piece, pl.DataFrame)]
                parts.setdefault(kind, []).append(places.hstack(pl.concat(frames, rechunk=True)))
                continue
            blocks = [piece for piece in pieces if isinstance(piece, Block)]
            found = self._codec.table(blocks) if blocks else None
            if found is None:
                values = [piece for piece in pieces if not isinstance(piece, pl.DataFrame)]
                bad += self._decode_mixed(values, places, parts)
            else:
                parts.setdefault(found[0], []).append(places.hstack(found[1]))
        tables = {name: self._merged(frames) for name, frames in parts.items()}
        return tables, bad

    def _alike(self) -> dict[str | bytes, tuple[list[Piece], list[range]]]:
        """What runs hold, and where it lies, slice after slice: events by name where they come
        decoded, else values by the frame that they share; `b""` for those of several frames.
        """
        groups: dict[str | bytes, tuple[list[Piece], list[range]]] = {}
        at = 0
        for run in (run for part in self._slices for run in part.runs):
            kind, piece = _piece_of(run)
            pieces, ranges = groups.setdefault(kind, ([], []))
            pieces.append(piece)
            start = ranges.pop().start if ranges and ranges[-1].stop == at else at
            at += run.length
            ranges.append(range(start, at))
        return groups

    def _decode_mixed(
        self,
        values: list[Block | Packed],
        places: pl.DataFrame,
        parts: dict[str, list[pl.DataFrame]],
    ) -> list[int]:
        """Adds the tables of values of several frames, or with bad ones; gives the `_index` of the
        latter.
        """
        plain = [v for some in values for v in (some.values() if isinstance(some, Block) else some)]
        found = self._codec.tables(plain)
        for name, (frame, rows) in found.frames.items():
            at = places if rows is None else places[rows]
            parts.setdefault(name, []).append(at.hstack(frame))
        return places["_index"][[index for index, _ in found.errors]].to_list()

    def _merged(self, frames: list[pl.DataFrame]) -> pl.DataFrame:
        frame = frames[0] if len(frames) == 1 else pl.concat(frames)
        return frame if len(frames) == 1 and in_order(self._slices) else frame.sort("_index")

    def _places_of(self, ranges: list[range]) -> pl.DataFrame:
        if ranges == [range(self._count)]:
            return self._places
        return pl.concat([self._places[r.start : r.stop] for r in ranges])

    @cached_property
    def _places(self) -> pl.DataFrame:
        """Where each record lies, slice after slice; `_index` is its place in the merged order."""
        parts = self._slices
        numbers = series_of([array("I", [n]) * part.count for n, part in enumerate(parts)])
        topics = pl.Series([part.tp.topic for part in parts], dtype=pl.String)
        partitions = pl.Series([part.tp.partition for part in parts], dtype=pl.Int32)
        return pl.DataFrame(
            {
                "_index": self._indexes,
                "_topic": topics[numbers],
                "_partition": partitions[numbers],
                "_offset": pl.concat([offsets_of(part) for part in parts]),
                "_timestamp_ms": series_of([run.timestamps for p in parts for run in p.runs]),
            }
        )

    @property
    def _indexes(self) -> pl.Series:
        if in_order(self._slices):
            return pl.int_range(self._count, dtype=pl.UInt32, eager=True)
        times = series_of([part.times for part in self._slices])
        # Equal times rank in order of appearance, which is that of topics and partitions.
        return (times.rank("ordinal") - 1).cast(pl.UInt32)


def _piece_of(run: Run) -> tuple[str | bytes, Piece]:
    if run.events is not None:
        return run.events.name, run.events.frame
    values = run.values
    return (values.frame, values) if isinstance(values, Block) else (b"", values)


TYPES = {"q": pl.Int64, "I": pl.UInt32}


def series_of(columns: Sequence[array[int]]) -> pl.Series:
    """The numbers one after another, without making an object of each."""
    kind, size = TYPES[columns[0].typecode], columns[0].itemsize
    packed = b"".join(columns)
    whole = pl.Array(kind, len(packed) // size)
    order: Any = sys.byteorder
    return pl.Series([packed]).bin.reinterpret(dtype=whole, endianness=order).reshape((-1,))


def offsets_of(part: Slice) -> pl.Series:
    """A range, unless transaction markers lie between."""
    first, last = part.runs[0].offsets[0], part.runs[-1].offsets[-1]
    if last - first + 1 == part.count:
        return pl.int_range(first, last + 1, dtype=pl.Int64, eager=True)
    return series_of([longs(run.offsets) for run in part.runs])
