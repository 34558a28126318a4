"""Records of one partition to one table: the columns as read, and the events decoded beside them, a
batch of values at a time (`schemas.columns`).
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any, Final

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from connectors.log.interface import Tp
from replay.archive.columns import EVENT, NANOSECONDS, VALUE, is_time, shape
from replay.archive.headers import whole_headers
from replay.archive.incoming import Records
from replay.archive.strings import values_of
from replay.archive.values import without
from schemas import avsc
from schemas.blocks import FRAME_BYTES, Block
from schemas.codec import Codec
from schemas.errors import UnknownSchemaError

PLACES: Final = ("_offset", "_timestamp_ms")
_PLACE = "_place"


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
