"""One epoch's records, decoded: columns for `step`, rows for `decide`/`evolve`, dead letters for
what cannot be read.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from hashlib import sha256
from itertools import repeat
from typing import Any, NamedTuple

import polars as pl

from connectors.epochs.merge import in_order, merged_order
from connectors.epochs.runs import Slice, longs
from pipelines.items import Epoch
from pipelines.logic import ROWS_MAX, Input, Output, Position
from schemas.blocks import Block
from schemas.codec import Codec
from schemas.errors import DecodeError, UnknownSchemaError
from schemas.events import DeadLettered
from schemas.packed import Packed

ORIGINAL_BYTES_MAX = 15_000_000


class Record(NamedTuple):
    """One record of an epoch."""

    position: Position
    timestamp_ms: int
    key: bytes
    value: bytes


class EpochBatch:
    """See `pipelines.logic.Batch`. Decoding is lazy: a pipeline pays for the form it uses.

    Tables are decoded slice after slice, in one block per writer version, and brought into the
    merged order by one sort at the end; rows are looked up in the merged order.
    """

    def __init__(
        self,
        slices: Sequence[Slice],
        codec: Codec,
        pipeline: str,
        skipped: frozenset[Position] = frozenset(),
    ) -> None:
        self._codec, self._pipeline = codec, pipeline
        left = (s.without(skipped) for s in slices) if skipped else slices
        self._slices = [s for s in left if s.count]
        self.count = sum(s.count for s in self._slices)

    @property
    def tables(self) -> Mapping[str, pl.DataFrame]:
        return self._by_table[0]

    @cached_property
    def errors(self) -> Sequence[Output]:
        return self._by_row[1] if self.count < ROWS_MAX else self._by_table[1]

    def rows(self) -> Iterator[Input]:
        if self.count < ROWS_MAX:
            return iter(self._by_row[0])
        return (row for row in map(self._row, self._records()) if isinstance(row, Input))

    # ---- rows ------------------------------------------------------------------------------------

    @cached_property
    def _by_row(self) -> tuple[list[Input], list[Output]]:
        rows = list(map(self._row, self._records()))
        inputs = [row for row in rows if isinstance(row, Input)]
        return inputs, [row for row in rows if isinstance(row, Output)]

    def _row(self, record: Record) -> Input | Output:
        try:
            event = self._codec.decode(record.value)
        except DecodeError as error:
            return self._dead_letter(record, error)
        return Input(record.position, record.timestamp_ms, record.key, event)

    def _records(self) -> Iterator[Record]:
        """In the merged order."""
        everything = (record for part in self._slices for record in records_of(part))
        order = merged_order(self._slices)
        return everything if order is None else map(list(everything).__getitem__, order)

    def _dead_letter(self, record: Record, error: DecodeError) -> Output:
        value, at = record.value, record.position
        letter = DeadLettered(
            "UNKNOWN_SCHEMA" if isinstance(error, UnknownSchemaError) else "UNDECODABLE",
            self._pipeline,
            *at,
            len(value),
            sha256(value).digest(),
            value[:ORIGINAL_BYTES_MAX],
            0,
        )
        key = record.key.decode(errors="replace")
        return Output(at, record.timestamp_ms, f"{at.topic}.dlq", key, letter, str(error))

    # ---- tables ----------------------------------------------------------------------------------

    @cached_property
    def _by_table(self) -> tuple[dict[str, pl.DataFrame], list[Output]]:
        parts: dict[str, list[pl.DataFrame]] = {}
        bad: list[int] = []
        for values, ranges in self._of_one_frame():
            blocks = [value for value in values if isinstance(value, Block)]
            found = self._codec.table(blocks) if blocks else None
            places = self._places_of(ranges)
            if found is None:
                bad += self._decode_mixed(values, places, parts)
            else:
                parts.setdefault(found[0], []).append(places.hstack(found[1]))
        tables = {name: self._merged(frames) for name, frames in parts.items()}
        return tables, self._refused(bad)

    def _of_one_frame(self) -> Iterator[tuple[list[Block | Packed], list[range]]]:
        """Values that share a frame, and where they are, slice after slice; those of several frames
        last.
        """
        groups: dict[bytes, tuple[list[Block | Packed], list[range]]] = {}
        at = 0
        for run in (run for part in self._slices for run in part.runs):
            frame = run.values.frame if isinstance(run.values, Block) else b""
            values, ranges = groups.setdefault(frame, ([], []))
            values.append(run.values)
            start = ranges.pop().start if ranges and ranges[-1].stop == at else at
            at += run.length
            ranges.append(range(start, at))
        return iter(groups.values())

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

    def _refused(self, indexes: list[int]) -> list[Output]:
        """The dead letters of the records at these places of the merged order."""
        if not indexes:
            return []
        records = list(self._records())
        rows = [self._row(records[index]) for index in sorted(indexes)]
        return [row for row in rows if isinstance(row, Output)]

    def _places_of(self, ranges: list[range]) -> pl.DataFrame:
        if ranges == [range(self.count)]:
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
            return pl.int_range(self.count, dtype=pl.UInt32, eager=True)
        times = series_of([part.times for part in self._slices])
        # Equal times rank in order of appearance, which is that of topics and partitions.
        return (times.rank("ordinal") - 1).cast(pl.UInt32)


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


def records_of(part: Slice) -> Iterator[Record]:
    """A slice's records, by offset."""
    positions = map(Position, repeat(part.tp.topic), repeat(part.tp.partition), part.offsets)
    return map(Record, positions, part.timestamps, part.keys, part.values)


class Decoder:
    """The `decode` step of a flow: an `Epoch` as read becomes one with a `Batch`."""

    def __init__(self, codec: Codec, pipeline: str) -> None:
        self._codec, self._pipeline = codec, pipeline

    def __call__(self, epoch: Epoch) -> Epoch:
        slices, skipped = epoch.raw
        return epoch._replace(
            raw=None, batch=EpochBatch(slices, self._codec, self._pipeline, skipped)
        )
