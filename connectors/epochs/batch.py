"""One epoch's records, decoded: columns for `step`, rows for `decide`/`evolve`, dead letters for
what cannot be read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from hashlib import sha256
from itertools import repeat
from typing import TYPE_CHECKING, NamedTuple

from connectors.epochs.merge import merged_order
from connectors.epochs.runs import Slice
from pipelines.items import Epoch
from pipelines.logic import ROWS_MAX, Input, Output, Position
from schemas.codec import Codec
from schemas.errors import DecodeError, UnknownSchemaError
from schemas.events import DeadLettered

if TYPE_CHECKING:
    import polars as pl

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

    def decode(self) -> None:
        """The tables at once rather than when they are first asked for."""
        _ = self._by_table

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
        # Loading polars takes a third of a start; most processes never see many rows at once.
        from connectors.epochs.tables import Tables

        tables, bad = Tables(self._slices, self._codec).read()
        return tables, self._refused(bad)

    def _refused(self, indexes: list[int]) -> list[Output]:
        """The dead letters of the records at these places of the merged order."""
        if not indexes:
            return []
        records = list(self._records())
        rows = [self._row(records[index]) for index in sorted(indexes)]
        return [row for row in rows if isinstance(row, Output)]


def records_of(part: Slice) -> Iterator[Record]:
    """A slice's records, by offset."""
    positions = map(Position, repeat(part.tp.topic), repeat(part.tp.partition), part.offsets)
    return map(Record, positions, part.timestamps, part.keys, part.values)


class Decoder:
    """The `decode` step of a flow: an `Epoch` as read becomes one with a `Batch`."""

    def __init__(self, codec: Codec, pipeline: str) -> None:
        self._codec, self._pipeline = codec, pipeline

    def __call__(self, epoch: Epoch) -> Epoch:
        if epoch.batch is not None:
            return epoch
        slices, skipped = epoch.raw
        return epoch._replace(
            raw=None, batch=EpochBatch(slices, self._codec, self._pipeline, skipped)
        )
