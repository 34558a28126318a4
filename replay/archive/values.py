"""The values of records that the columns of their events give again, byte for byte: files leave
them out, readers put them back.

Whether a value can be left out is shown when it is written: it is made from the columns and
compared. What differs (no event, or not written as Tape writes it) stays in the file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from replay.archive.columns import EVENT, SCHEMA_ID, VALUE, arrow_type
from replay.archive.errors import ArchiveCorrupt
from schemas import avsc
from schemas.blocks import framed_as
from schemas.bodies import bodies

SchemaOf = Callable[[int], avsc.Parsed | None]
"""The writer's schema behind an id; None where the id means nothing."""


class ValueLost(ArchiveCorrupt):
    """A value is neither in a file nor in its columns."""


_SLICE: Final = 8_192  # rows that stay in the processor's cache meanwhile
_NONE: Final = pa.scalar(None, pa.binary())


def without(rows: pa.Table, schema_of: SchemaOf) -> pa.ChunkedArray:
    """The values of rows, null where the other columns give them again."""
    parts = []
    for some in rows.to_batches(max_chunksize=_SLICE):
        values = some.column(VALUE)
        same = pc.fill_null(pc.equal(_again(some, schema_of), values), False)
        parts.append(pc.if_else(same, _NONE, values))
    return pa.chunked_array(parts, pa.binary())


def batches(
    file: Any, rows: int, columns: Sequence[str], schema_of: SchemaOf, **options: Any
) -> Iterator[pa.RecordBatch]:
    """Batches of a file's columns, of the row groups that `options` name, with all values. Raises
    `ValueLost`, what pyarrow raises, and what `schema_of` does.
    """
    wanted = list(columns)
    if VALUE not in wanted or not _leaves_out(file):
        yield from file.iter_batches(rows, columns=wanted, **options)
        return
    for some in file.iter_batches(rows, columns=_sources(file, wanted), **options):
        yield _whole(some, schema_of).select(wanted)


def _leaves_out(file: Any) -> bool:
    """Whether values may be null: most often for not being there."""
    leaves = [n for n in range(len(file.schema)) if file.schema.column(n).path == VALUE]
    groups = [file.metadata.row_group(number) for number in range(file.num_row_groups)]
    found = [group.column(leaf).statistics for group in groups for leaf in leaves]
    return any(one is None or one.null_count for one in found)


def _sources(file: Any, columns: Sequence[str]) -> list[str]:
    """The wanted columns and those that values are made of."""
    made_of = [
        field.name
        for field in file.schema_arrow
        if field.name in (SCHEMA_ID, EVENT)
        or not (field.name.startswith("_") or pa.types.is_timestamp(field.type))
    ]
    return list(dict.fromkeys([*columns, *made_of]))


def _whole(rows: pa.RecordBatch, schema_of: SchemaOf) -> pa.RecordBatch:
    values = rows.column(VALUE)
    if not values.null_count:
        return rows
    found = _again(rows, schema_of)
    if values.null_count < len(values):
        found = pc.coalesce(values, found)
    lost = pc.and_(found.is_null(), rows.column(SCHEMA_ID).is_valid())
    if found.null_count and pc.any(lost).as_py():
        raise ValueLost("a value was left out that its columns do not give again")
    return rows.set_column(rows.schema.get_field_index(VALUE), VALUE, found)


def _again(rows: pa.RecordBatch, schema_of: SchemaOf) -> pa.BinaryArray:
    """The values that the columns give, null where there is no event, or none of this shape."""
    ids = rows.column(SCHEMA_ID)
    events = pc.and_(ids.is_valid(), rows.column(EVENT).is_valid())
    numbers = ids.filter(events).unique().to_pylist()
    if len(numbers) == 1 and pc.all(events).as_py():
        return _of_schema(rows, numbers[0], schema_of)
    places = [
        pc.indices_nonzero(pc.fill_null(pc.and_(events, pc.equal(ids, number)), False))
        for number in numbers
    ]
    parts = [
        _of_schema(rows.take(some), number, schema_of)
        for number, some in zip(numbers, places, strict=True)
    ]
    if not parts:
        return pa.nulls(rows.num_rows, pa.binary())
    order = pa.concat_arrays(places).cast(pa.int32())
    back = pc.inverse_permutation(order, max_index=rows.num_rows - 1)
    return pa.concat_arrays(parts).take(back)


def _of_schema(rows: pa.RecordBatch, number: int, schema_of: SchemaOf) -> pa.BinaryArray:
    schema = schema_of(number)
    if schema is None or not all(_fits(rows, field) for field in schema["fields"]):
        return pa.nulls(rows.num_rows, pa.binary())
    return bodies(schema, rows, framed_as(number))


def _fits(rows: pa.RecordBatch, field: avsc.Parsed) -> bool:
    """Whether there is a column for a field of the writer's, as it was written."""
    at = rows.schema.get_field_index(field["name"])
    if at < 0 or rows.schema.field(at).type != arrow_type(field["type"]):
        return False
    return avsc.optional(field["type"]) is not None or not rows.column(at).null_count
