"""The columns of a topic's files: where each record lay, the record itself, then the fields of the
topic's events in their newest versions, null where an event has no such field.
"""

from __future__ import annotations

from typing import Final

import pyarrow as pa

from replay.archive.headers import HEADER
from schemas import avsc
from schemas.catalog import Catalog
from schemas.errors import SchemaError

PLACE: Final = ("_topic", "_partition", "_offset", "_timestamp_ms")
EVENT: Final = "_event"
SCHEMA_ID: Final = "_schema_id"
VALUE: Final = "_value"
RAW: Final = (*PLACE, "_key", "_headers", VALUE)
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
