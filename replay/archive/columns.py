"""The columns of a topic's files: where each record lay, the record itself, then the fields of the
topic's events in their newest versions, null where an event has no such field.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate, chain, count
from typing import Final

import pyarrow as pa

from schemas import avsc
from schemas.catalog import Catalog
from schemas.errors import SchemaError

Headers = Sequence[tuple[str, bytes | None]] | None
PLACE: Final = ("_topic", "_partition", "_offset", "_timestamp_ms")
EVENT: Final = "_event"
SCHEMA_ID: Final = "_schema_id"
VALUE: Final = "_value"
RAW: Final = (*PLACE, "_key", "_headers", VALUE)
HEADER: Final = pa.struct([pa.field("name", pa.string(), False), pa.field("value", pa.binary())])
_RECORD: Final = (
    pa.field("_topic", pa.string(), False),
    pa.field("_partition", pa.int32(), False),
    pa.field("_offset", pa.int64(), False),
    pa.field("_timestamp_ms", pa.int64(), False),
    pa.field("_key", pa.binary()),
    pa.field(SCHEMA_ID, pa.int32()),
    pa.field(EVENT, pa.string()),
    pa.field("_headers", pa.list_(HEADER)),
    pa.field(VALUE, pa.binary()),
)
NANOSECONDS: Final = "_ns"
_TIME: Final = pa.timestamp("us", "UTC")
_SIMPLE: Final = {
    "boolean": pa.bool_(),
    "int": pa.int32(),
    "long": pa.int64(),
    "string": pa.string(),
    "bytes": pa.binary(),
    "enum": pa.string(),
}


def shape(catalog: Catalog, topic: str) -> pa.Schema:
    """The schema of a topic's files. A topic this version does not know has the record's columns
    alone. Raises `SchemaError` where two of its events give one field different types.
    """
    known = catalog.topics.get(topic)
    fields: dict[str, pa.Field] = {}
    for event in known.events if known else ():
        for field in event_fields(catalog, event):
            if fields.setdefault(field.name, field) != field:
                raise SchemaError(f"{topic}: {event}.{field.name} has another type than elsewhere")
    return pa.schema([*_RECORD, *fields.values()])


def event_fields(catalog: Catalog, event: str) -> list[pa.Field]:
    """The columns of one event; `x_ns` is followed by `x`, the same time in microseconds."""
    found = []
    for field in catalog.events[event].newest.schema["fields"]:
        name, kind = field["name"], arrow_type(field["type"])
        found.append(pa.field(name, kind))
        if is_time(name, kind):
            found.append(pa.field(name.removesuffix(NANOSECONDS), _TIME))
    return found


def is_time(name: str, kind: pa.DataType) -> bool:
    """Whether a field is a time in nanoseconds, which gets a column in microseconds."""
    return name.endswith(NANOSECONDS) and kind == pa.int64()


def arrow_type(schema: avsc.Parsed) -> pa.DataType:
    """The column type of an Avro type."""
    schema = union[0] if (union := avsc.optional(schema)) else schema
    if decimal := avsc.decimal_of(schema):
        return pa.decimal128(*decimal)
    kind = avsc.kind_of(schema)
    if kind == "array":
        return pa.list_(arrow_type(schema["items"]))
    if kind == "record":
        return pa.struct([(f["name"], arrow_type(f["type"])) for f in schema["fields"]])
    return _SIMPLE[kind]


def plain_type(kind: pa.DataType) -> pa.DataType:
    """The type of a column's values, whether or not it was read as a dictionary."""
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def headers_column(headers: Sequence[Headers]) -> pa.ListArray:
    """Headers as a list per record, in their order; none is an empty list. A header that all
    records have alike is kept once, see `whole_headers`.
    """
    lists = [some or () for some in headers]
    counts = list(map(len, lists))
    if counts.count(counts[0]) == len(counts):
        places = list(zip(*lists, strict=True))
        alike = tuple([place == place[:1] * len(place) for place in places])
        shared = [place[0] for place, one in zip(places, alike, strict=True) if one]
        others = [place for place, one in zip(places, alike, strict=True) if not one]
        kept = [*shared, *chain.from_iterable(zip(*others, strict=True))]
        rows = 1 << len(lists).bit_length()  # few numbers, so that few orders are made
        order = _order(alike, rows).slice(0, sum(counts))
    else:
        kept = list(chain.from_iterable(lists))
        order = pa.array(range(len(kept)), pa.int32())
    names, values = zip(*kept, strict=True) if kept else ((), ())
    items = pa.StructArray.from_arrays(
        [pa.array(names, pa.string()), pa.array(values, pa.binary())], fields=list(HEADER)
    )
    starts = pa.array(accumulate(counts, initial=0), pa.int32())
    return pa.ListArray.from_arrays(starts, pa.DictionaryArray.from_arrays(order, items))


@lru_cache(32)
def _order(alike: tuple[bool, ...], rows: int) -> pa.Int32Array:
    """Where the headers of each row lie: those that are alike come first, then row by row."""
    found, first, each = array("i", bytes(4 * rows * len(alike))), sum(alike), alike.count(False)
    shared, others = count(), count(first)
    for place, one in enumerate(alike):
        at = next(shared) if one else next(others)
        step = array("i", [at]) * rows if one else array("i", range(at, at + rows * each, each))
        found[place :: len(alike)] = step
    return pa.array(found, pa.int32())


def whole_headers(column: pa.ListArray) -> pa.ListArray:
    """The same as files have it: each header as often as it occurs."""
    items = column.values
    return pa.ListArray.from_arrays(column.offsets, items.dictionary.take(items.indices))
