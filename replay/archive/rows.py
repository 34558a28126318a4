"""Records of one partition to one table: the columns as read, and the events decoded beside them.

Nothing here touches a record twice: fields are taken from a batch of messages at once, values are
decoded a batch at a time (`schemas.columns`).
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from operator import add
from typing import Any, Final

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from connectors.epochs.runs import longs, offsets_of
from connectors.log.interface import Message, Tp
from replay.archive.columns import (
    EVENT,
    NANOSECONDS,
    VALUE,
    Headers,
    headers_column,
    is_time,
    shape,
    whole_headers,
)
from replay.archive.strings import plain, size, strings, values_of
from replay.archive.values import without
from schemas import avsc
from schemas.blocks import FRAME_BYTES, Block
from schemas.codec import Codec
from schemas.errors import UnknownSchemaError

PLACES: Final = ("_offset", "_timestamp_ms")
SIZED: Final = ("_key", "_value")
_PLACE = "_place"


@dataclass(frozen=True, eq=False)
class Records:
    """Consecutive committed records of one partition: where and when each lay, and `_key`, `_value`
    and `_headers` of each, the latter as `headers_column` gives them. A few thousand at a time
    become columns while they are in the processor's cache; nothing keeps an object per record.
    """

    offsets: range | array[int]
    timestamps: array[int]
    rows: pa.RecordBatch

    @property
    def length(self) -> int:
        return len(self.offsets)

    def part(self, start: int, stop: int) -> Records:
        """The records from `start` to before `stop`."""
        if start == 0 and stop >= self.length:
            return self
        rows = self.rows.slice(start, stop - start)
        return Records(self.offsets[start:stop], self.timestamps[start:stop], rows)

    @property
    def size(self) -> int:
        """Bytes of all keys and values."""
        return sum(size(self.rows.column(name)) for name in SIZED)

    def fitting(self, bytes_max: int) -> int:
        """How many records there are before their bytes exceed the bound."""
        if self.size <= bytes_max:
            return self.length
        keys, values = (strings(plain(self.rows.column(name))).lengths for name in SIZED)
        return bisect_left(list(accumulate(map(add, keys, values))), bytes_max + 1)


def records_of(messages: Sequence[Message]) -> Records:
    """At least one message, all of one partition."""
    kind = type(messages[0])
    return records(
        offsets_of(messages),
        [time[1] for time in map(kind.timestamp, messages)],
        list(map(kind.key, messages)),
        list(map(kind.value, messages)),
        list(map(kind.headers, messages)),
    )


def records(
    offsets: Sequence[int],
    timestamps: Sequence[int],
    keys: Sequence[bytes | None],
    values: Sequence[bytes | None],
    headers: Sequence[Headers],
) -> Records:
    """The same, a list per field."""
    columns = {
        "_key": pa.array(keys, pa.binary()),
        "_value": pa.array(values, pa.binary()),
        "_headers": headers_column(headers),
    }
    places = offsets if isinstance(offsets, range) else longs(offsets)
    return Records(places, longs(timestamps), pa.record_batch(columns))


class Tabulator:
    """Tables of one topic, in the columns of its files; notes which schemas were met."""

    def __init__(self, codec: Codec, topic: str) -> None:
        known = codec.catalog.topics.get(topic)
        self._codec, self._events = codec, frozenset(known.events if known else ())
        self.schema = shape(codec.catalog, topic)
        self._times = {f.name for f in self.schema if is_time(f.name, f.type)}
        self.ids: set[int] = set()

    def table(self, tp: Tp, records: Sequence[Records]) -> pa.Table:
        """One table of at least one record. Raises `RegistryError` where a schema cannot be had."""
        rows = pa.Table.from_batches([_as_in_files(some) for some in records]).combine_chunks()
        found = self._decoded(rows["_value"].chunk(0))
        count = rows.num_rows
        columns: dict[str, Any] = {
            "_topic": pa.repeat(pa.scalar(tp.topic), count),
            "_partition": pa.repeat(pa.scalar(tp.partition, pa.int32()), count),
            "_schema_id": self._ids_of(rows["_value"].chunk(0)),
            **{name: rows[name] for name in rows.column_names},
        }
        for name, kind in zip(self.schema.names, self.schema.types, strict=True):
            if name in found.column_names:
                columns[name] = found[name].cast(kind)
        absent = (n for n in self.schema.names if n not in columns)
        columns.update({n: pa.nulls(count, self.schema.field(n).type) for n in absent})
        whole = pa.table([columns[name] for name in self.schema.names], schema=self.schema)
        at = self.schema.get_field_index(VALUE)
        return whole.set_column(at, self.schema.field(at), without(whole, self._schema_of))

    def _schema_of(self, number: int) -> avsc.Parsed | None:
        try:
            return self._codec.ids.schema_of(number).schema
        except UnknownSchemaError:
            return None

    def _decoded(self, values: pa.BinaryArray) -> pa.Table:
        """The events' columns and `_event`, a row per value; null where no schema decodes it."""
        block = values_of(values)
        alike = self._codec.table([block]) if isinstance(block, Block) else None
        if alike is not None and alike[0] in self._events:
            whole = alike[1].with_columns(pl.lit(alike[0]).alias(EVENT))
        else:
            whole = self._mixed(values.to_pylist())
        return self._with_times(whole).to_arrow(compat_level=pl.CompatLevel.oldest())

    def _mixed(self, values: list[bytes]) -> pl.DataFrame:
        """The same of values of several frames, or of some that are no events."""
        parts = [
            frame.with_columns(
                pl.lit(name).alias(EVENT),
                pl.Series(_PLACE, range(len(values)) if places is None else places, pl.Int64),
            )
            for name, (frame, places) in self._codec.tables(values).frames.items()
            if name in self._events
        ]
        whole = pl.DataFrame({_PLACE: range(len(values))}, {_PLACE: pl.Int64})
        if not parts:
            return whole
        together = pl.concat(parts, how="diagonal")
        return whole.join(together, on=_PLACE, how="left", maintain_order="left")

    def _with_times(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Beside each `x_ns` its `x`: down to the microsecond, before 1970 too."""
        times = [n for n in frame.columns if n in self._times]
        return frame.with_columns(
            (pl.col(n) // 1_000).cast(pl.Datetime("us", "UTC")).alias(n.removesuffix(NANOSECONDS))
            for n in times
        )

    def _ids_of(self, values: pa.BinaryArray) -> pa.Array:
        """The schema ids in the frames, null where a value has none."""
        heads = pc.binary_slice(values, 0, FRAME_BYTES).dictionary_encode()
        ids = [_id(head) for head in heads.dictionary.to_pylist()]
        self.ids.update(number for number in ids if number is not None)
        return pa.array(ids, pa.int32()).take(heads.indices)


def _as_in_files(records: Records) -> pa.RecordBatch:
    """Columns from `_offset` to `_headers`."""
    key, value, headers = records.rows.columns
    columns = [_numbers(records.offsets), _numbers(records.timestamps), key, value]
    return pa.record_batch(
        [*columns, whole_headers(headers)], [*PLACES, *records.rows.schema.names]
    )


def _numbers(of: range | array[int]) -> pa.Int64Array:
    if isinstance(of, range):
        return pl.int_range(of.start, of.stop, eager=True).to_arrow()
    return pa.Array.from_buffers(pa.int64(), len(of), [None, pa.py_buffer(of)])


def _id(head: bytes) -> int | None:
    """Ids are signed in Java, so those above 2^31 - 1 are none."""
    framed = len(head) == FRAME_BYTES and head[0] == 0
    number = int.from_bytes(head[1:], "big") if framed else 1 << 31
    return number if number < 1 << 31 else None
