"""Columns back to the Avro bodies they were decoded from: the columnar twin of `schemas.encoders`.

Each field gives pieces, columns of byte strings that follow one another in a body; the pieces of
all fields are then laid end to end, row by row, in one step.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import groupby
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from schemas import avsc
from schemas.encoders import varint
from schemas.wire import decimals, sizes, varints

Pieces = list[pa.BinaryArray]
"""Each has a string per row, or one that all rows share."""


_ROWS: Final = 8_192
_NONE: Final = pa.array([], pa.binary())


def bodies(schema: avsc.Parsed, columns: pa.RecordBatch, prefix: bytes = b"") -> pa.BinaryArray:
    """A body per row, after `prefix`, from columns of the types that `schemas.columns` gives: the
    bytes that the row path writes. A field that is not optional has no nulls.

    Whoever needs to know compares: decimals of more than 64 bits and symbols that the schema does
    not have give bytes of another value.
    """
    fields = [(field["type"], columns.column(field["name"])) for field in schema["fields"]]
    pieces = [piece for kind, column in fields for piece in _pieces(kind, column)]
    return _woven([pa.array([prefix], pa.binary()), *pieces], columns.num_rows)


def _pieces(schema: avsc.Parsed, column: Any) -> Pieces:
    if not len(column):
        return []
    if pa.types.is_dictionary(column.type) and not column.null_count:
        each = column.dictionary
        found = _woven(_pieces(schema, each), len(each))
        return [found if len(each) == 1 else found.take(column.indices)]
    if union := avsc.optional(schema):
        return _optional(*union, column)
    kind = "decimal" if avsc.decimal_of(schema) else avsc.kind_of(schema)
    return _KINDS[kind](schema, column)


def _optional(schema: avsc.Parsed, null: int, column: Any) -> Pieces:
    tag = pa.array([varint(1 - null)], pa.binary())
    if not column.null_count:
        return [tag, *_pieces(schema, column)]
    there = column.is_valid()
    some = column.filter(there)
    whole = _woven([tag, *_pieces(schema, some)], len(some))
    places = pc.subtract(pc.cumulative_sum(there.cast(pa.int32())), 1)
    return [whole.take(pc.if_else(there, places, None)).fill_null(varint(null))]


def _text(_: avsc.Parsed, column: Any) -> Pieces:
    texts = column.cast(pa.binary())
    if column[0] == column[-1] and pc.all(pc.equal(column, column[0])).as_py():
        texts = texts.slice(0, 1)
    return [sizes(pc.binary_length(texts)), texts]


def _symbols(schema: avsc.Parsed, column: Any) -> Pieces:
    known = schema["symbols"]
    numbers = pa.array([varint(number) for number in range(len(known))], pa.binary())
    return [numbers.take(pc.index_in(column, pa.array(known, pa.string())))]


def _boolean(_: avsc.Parsed, column: Any) -> Pieces:
    return [pa.array([b"\0", b"\1"], pa.binary()).take(column.cast(pa.int8()))]


def _array(schema: avsc.Parsed, column: Any) -> Pieces:
    """One block of items, and the end; an empty array is the end alone."""
    counts, items = pc.list_value_length(column), column.flatten()
    starts = pa.concat_arrays([pa.array([0], pa.int32()), pc.cumulative_sum(counts)])
    written = _woven(_pieces(schema["items"], items), len(items))
    ends = pa.array([b"", b"\0"], pa.binary()).take(pc.greater(counts, 0).cast(pa.int8()))
    return [sizes(counts), pc.binary_join(pa.ListArray.from_arrays(starts, written), b""), ends]


def _record(schema: avsc.Parsed, column: Any) -> Pieces:
    fields = zip(schema["fields"], column.flatten(), strict=True)
    return [piece for field, inner in fields for piece in _pieces(field["type"], inner)]


_KINDS: Final[dict[str, Callable[[avsc.Parsed, Any], Pieces]]] = {
    "boolean": _boolean,
    "int": lambda _, column: [varints(column.cast(pa.int64()))],
    "long": lambda _, column: [varints(column)],
    "decimal": lambda _, column: [decimals(column)],
    "string": _text,
    "bytes": _text,
    "enum": _symbols,
    "array": _array,
    "record": _record,
}


def _woven(pieces: Sequence[pa.BinaryArray], count: int) -> pa.BinaryArray:
    """The pieces of each row end to end."""
    merged = list(_merged(pieces)) if count > 1 else pieces
    parts = [
        _laid([p if len(p) < count else p.slice(at, _ROWS) for p in merged], min(_ROWS, count - at))
        for at in range(0, count, _ROWS)
    ]
    return parts[0] if len(parts) == 1 else pa.concat_arrays([*parts, _NONE])


def _laid(pieces: Sequence[pa.BinaryArray], count: int) -> pa.BinaryArray:
    """Half the time of Arrow's `binary_join_element_wise`, as long as all is in the cache."""
    order = _order(count, tuple(len(piece) for piece in pieces))
    every = pa.concat_arrays(pieces).take(order)
    starts = array("i", bytes(every.buffers()[1])[: 4 * (len(every) + 1)])
    bounds = pa.py_buffer(starts[:: len(pieces)])
    return pa.Array.from_buffers(pa.binary(), count, [None, bounds, every.buffers()[2]])


def _merged(pieces: Sequence[pa.BinaryArray]) -> Iterator[pa.BinaryArray]:
    """Neighbours that all rows share as one."""
    for shared, some in groupby(pieces, lambda piece: len(piece) == 1):
        if shared:
            yield pa.array([b"".join(piece[0].as_py() for piece in some)], pa.binary())
        else:
            yield from some


@lru_cache(8)
def _order(count: int, lengths: tuple[int, ...]) -> pa.Int32Array:
    """Where each row's pieces lie in the pieces one after the other."""
    found, at = array("i", bytes(4 * count * len(lengths))), 0
    for place, length in enumerate(lengths):
        rows = range(at, at + count) if length == count else [at] * count
        found[place :: len(lengths)] = array("i", rows)
        at += length
    return pa.array(found, pa.int32())
