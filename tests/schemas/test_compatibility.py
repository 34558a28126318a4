"""The resolution check agrees with a reader that really resolves: fastavro."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import fastavro
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import avsc
from schemas.catalog import SchemaVersion, load_catalog, schema_version
from schemas.compatibility import conflicts, unreadable

TEXT = load_catalog().events["TargetChanged"].newest.text
TRADE_TEXT = load_catalog().events["TradePrinted"].newest.text
_DATUM: dict[str, Any] = {
    "string": "x",
    "long": 7,
    "int": 3,
    "boolean": True,
    "bytes": b"b",
    "enum": "SELL",
}


def _field(schema: Any, name: str) -> Any:
    return next((f for f in schema["fields"] if f["name"] == name), {"type": {}})


def _drop(name: str) -> Callable[[Any], None]:
    return lambda s: s.update(fields=[f for f in s["fields"] if f["name"] != name])


def _add(name: str, **field: Any) -> Callable[[Any], None]:
    return lambda s: s["fields"].append({"name": name, **field})


def _retype(name: str, kind: Any) -> Callable[[Any], None]:
    return lambda s: _field(s, name).update(type=kind)


EDITS: list[Callable[[Any], None]] = [
    _drop("ts_event_ns"),
    _drop("line"),
    _add("venue_time", type="long"),
    _add("block", type=["null", "boolean"], default=None),
    _add("tape_code", type="string", default=""),
    _retype("line", ["null", "string"]),
    _retype("line", "long"),
    _retype("ts_recv_ns", "int"),
    _retype("ts_recv_ns", "string"),
    lambda s: _field(s, "ts_event_ns").update(type=["long", "null"], default=0),
    lambda s: s.update(name="TradePrinted", fields=list(reversed(s["fields"]))),
    lambda s: _field(s, "aggressor_side").update(
        type={
            "type": "enum",
            "name": "tape.md.Side",
            "symbols": ["UNKNOWN", "SELL"],
            "default": "UNKNOWN",
        }
    ),
]


def version(edits: list[int]) -> SchemaVersion:
    schema = json.loads(TRADE_TEXT)
    for number in edits:
        EDITS[number](schema)
    return schema_version("TradePrinted", 1, json.dumps(schema), str(edits))


def datum(schema: avsc.Parsed) -> Any:
    if avsc.decimal_of(schema):
        return b"\1"
    if union := avsc.optional(schema):
        return datum(union[0])
    if avsc.kind_of(schema) == "record":
        return {field["name"]: datum(field["type"]) for field in schema["fields"]}
    return _DATUM[avsc.kind_of(schema)]


EDITIONS = st.lists(st.integers(0, len(EDITS) - 1), unique=True, max_size=3).map(version)


@settings(max_examples=300, deadline=None)
@given(EDITIONS, EDITIONS)
def test_what_is_found_readable_is_read(writer: SchemaVersion, reader: SchemaVersion) -> None:
    if list(unreadable(writer.schema, reader.schema)):
        return
    written = avsc.without_decimals(writer.schema)
    buffer = io.BytesIO()
    fastavro.schemaless_writer(buffer, written, datum(writer.schema))
    buffer.seek(0)
    read: Any = fastavro.schemaless_reader(buffer, written, avsc.without_decimals(reader.schema))
    for field in reader.schema["fields"]:
        in_both = any(f["name"] == field["name"] for f in writer.schema["fields"])
        if in_both and avsc.kind_of(field["type"]) != "enum":
            assert read[field["name"]] == datum(field["type"])
        elif not in_both:
            assert read[field["name"]] == field["default"]


@settings(max_examples=300, deadline=None)
@given(EDITIONS, EDITIONS)
def test_what_cannot_be_read_is_found(writer: SchemaVersion, reader: SchemaVersion) -> None:
    written = avsc.without_decimals(writer.schema)
    buffer = io.BytesIO()
    fastavro.schemaless_writer(buffer, written, datum(writer.schema))
    buffer.seek(0)
    try:
        fastavro.schemaless_reader(buffer, written, avsc.without_decimals(reader.schema))
    except Exception:
        assert list(unreadable(writer.schema, reader.schema))


def test_conflicts_name_both_versions_and_the_field() -> None:
    versions = {"v1": version([]), "v2": version([2])}
    assert conflicts(versions) == ["TradePrinted v2 cannot read v1: venue_time has no default"]


def test_nested_fields_are_named_by_their_path() -> None:
    text = load_catalog().events["EpochCommitted"].newest.text
    other = text.replace('"log_time_ms"', '"log_time"')
    first = schema_version("EpochCommitted", 1, text, "v1")
    second = schema_version("EpochCommitted", 2, other, "v2")
    assert list(unreadable(first.schema, second.schema)) == ["inputs[].log_time has no default"]
    decimal = schema_version("TargetChanged", 1, TEXT, "v1")
    narrow = schema_version(
        "TargetChanged", 2, TEXT.replace('"precision": 28', '"precision": 20'), "v2"
    )
    assert list(unreadable(decimal.schema, narrow.schema)) == [
        f"{name} changed from decimal(28,10) to decimal(20,10)"
        for name in ("target_qty", "previous_target_qty", "reference_px")
    ]
