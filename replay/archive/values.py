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

from replay.archive.columns import EVENT, SCHEMA_ID, VALUE, arrow_type, plain_type
from replay.archive.errors import ArchiveCorrupt
from schemas import avsc
from schemas.blocks import MARK, framed_as
from schemas.bodies import bodies

SchemaOf = Callable[[int], avsc.Parsed | None]
"""The writer's schema behind an id; None where the id means nothing."""


class ValueLost(ArchiveCorrupt):
    """A value is neither in a file nor in its columns."""


MARKED: Final = b"marked"
"""In the metadata of a batch: the schema id of all its values, which have `MARK` in place of their
frames. (In digits: polars takes metadata to be text.)"""

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
    file: Any,
    rows: int,
    columns: Sequence[str],
    schema_of: SchemaOf,
    marked: bool = False,
    **options: Any,
) -> Iterator[pa.RecordBatch]:
    """Batches of a file's columns, of the row groups that `options` name, with all values; those of
    a batch that left out all of one schema are marked if wanted (`MARKED`), as blocks are. Raises
    `ValueLost`, what pyarrow raises, and what `schema_of` does.
    """
    wanted = list(columns)
    if VALUE not in wanted or not _leaves_out(file):
        yield from file.iter_batches(rows, columns=wanted, **options)
        return
    for some in file.iter_batches(rows, columns=_sources(file, wanted), **options):
        yield _whole(some, schema_of, marked).select(wanted)


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


def _whole(rows: pa.RecordBatch, schema_of: SchemaOf, marked: bool) -> pa.RecordBatch:
    values = rows.column(VALUE)
    if not values.null_count:
        return rows
    alone = _only_schema(rows) if marked and values.null_count == len(values) else None
    if alone is None:
        found = _again(rows, schema_of)
    else:
        found = _of_schema(rows, alone, schema_of, MARK)
        rows = rows.replace_schema_metadata({MARKED: str(alone)})
    if values.null_count < len(values):
        found = pc.coalesce(values, found)
    lost = pc.and_(found.is_null(), rows.column(SCHEMA_ID).is_valid())
    if found.null_count and pc.any(lost).as_py():
        raise ValueLost("a value was left out that its columns do not give again")
    return rows.set_column(rows.schema.get_field_index(VALUE), VALUE, found)


def _again(rows: pa.RecordBatch, schema_of: SchemaOf) -> pa.BinaryArray:
    """The values that the columns give, null where there is no event, or none of this shape."""
    alone = _only_schema(rows)
    if alone is not None:
        return _of_schema(rows, alone, schema_of, framed_as(alone))
    ids = rows.column(SCHEMA_ID)
    events = pc.and_(ids.is_valid(), rows.column(EVENT).is_valid())
    numbers = ids.filter(events).unique().to_pylist()
    places = [
        pc.indices_nonzero(pc.fill_null(pc.and_(events, pc.equal(ids, number)), False))
        for number in numbers
    ]
    parts = [
        _of_schema(rows.take(some), number, schema_of, framed_as(number))
        for number, some in zip(numbers, places, strict=True)
    ]
    if not parts:
        return pa.nulls(rows.num_rows, pa.binary())
    order = pa.concat_arrays(places).cast(pa.int32())
    back = pc.inverse_permutation(order, max_index=rows.num_rows - 1)
    return pa.concat_arrays(parts).take(back)


def _only_schema(rows: pa.RecordBatch) -> int | None:
    """The id that all rows have, where all hold events."""
    ids = rows.column(SCHEMA_ID)
    if ids.null_count or rows.column(EVENT).null_count:
        return None
    found: list[int] = ids.unique().to_pylist()
    return found[0] if len(found) == 1 else None


def _of_schema(
    rows: pa.RecordBatch, number: int, schema_of: SchemaOf, prefix: bytes
) -> pa.BinaryArray:
    schema = schema_of(number)
    if schema is None or not all(_fits(rows, field) for field in schema["fields"]):
        return pa.nulls(rows.num_rows, pa.binary())
    return bodies(schema, rows, prefix)


def _fits(rows: pa.RecordBatch, field: avsc.Parsed) -> bool:
    """Whether there is a column for a field of the writer's, as it was written."""
    at = rows.schema.get_field_index(field["name"])
    if at < 0 or plain_type(rows.schema.field(at).type) != arrow_type(field["type"]):
        return False
    return avsc.optional(field["type"]) is not None or not rows.column(at).null_count
