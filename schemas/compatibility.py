"""FULL_TRANSITIVE by schema resolution: every version reads every other, because replay starts at
offset 0 and old processes go on reading while new ones write.

Stricter than Avro in one thing: a field keeps its type. The promotions (int to long, bytes to
string) hold in one direction only, or change the Python type of a field.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import permutations
from typing import Any

from schemas import avsc
from schemas.catalog import SchemaVersion


def conflicts(versions: Mapping[str, SchemaVersion]) -> list[str]:
    """What keeps one version from reading another, each naming both and the field; by label."""
    return [
        f"{versions[reader].event} {reader} cannot read {writer}: {problem}"
        for reader, writer in permutations(versions, 2)
        for problem in unreadable(versions[writer].schema, versions[reader].schema)
    ]


def unreadable(writer: avsc.Parsed, reader: avsc.Parsed, path: str = "") -> Iterator[str]:
    """The places where `reader` cannot resolve what `writer` wrote."""
    place = path or "record"
    kinds = avsc.kind_of(writer), avsc.kind_of(reader)
    if "union" in kinds:
        yield from _union(writer, reader, path)
    elif kinds[0] != kinds[1] or avsc.decimal_of(writer) != avsc.decimal_of(reader):
        yield f"{place} changed from {describe(writer)} to {describe(reader)}"
    elif kinds[0] == "array":
        yield from unreadable(writer["items"], reader["items"], f"{path}[]")
    elif kinds[0] in {"record", "enum"} and writer["name"] != reader["name"]:
        yield f"{place} changed its type's name from {writer['name']} to {reader['name']}"
    elif kinds[0] == "enum":
        missing = [s for s in writer["symbols"] if s not in reader["symbols"]]
        if missing and "default" not in reader:
            yield f"{place} lacks {', '.join(missing)} and has no default symbol"
    elif kinds[0] == "record":
        yield from _record(writer, reader, path)


def _union(writer: avsc.Parsed, reader: avsc.Parsed, path: str) -> Iterator[str]:
    written, wanted = avsc.optional(writer), avsc.optional(reader)
    if written and not wanted:
        yield f"{path} may be null where it must not be"
    yield from unreadable(written[0] if written else writer, wanted[0] if wanted else reader, path)


def _record(writer: Any, reader: Any, path: str) -> Iterator[str]:
    written = {field["name"]: field for field in writer["fields"]}
    for field in reader["fields"]:
        name = f"{path}.{field['name']}".lstrip(".")
        if field["name"] in written:
            yield from unreadable(written[field["name"]]["type"], field["type"], name)
        elif "default" not in field:
            yield f"{name} has no default"


def describe(schema: avsc.Parsed) -> str:
    """A type in a word: `decimal(28,10)`, `array`, `enum`."""
    decimal = avsc.decimal_of(schema)
    return f"decimal({decimal[0]},{decimal[1]})" if decimal else avsc.kind_of(schema)


def wrong_defaults(schema: avsc.Parsed, path: str = "") -> Iterator[str]:
    """Fields whose default is not of their type; a union's default is of its first branch."""
    kind = avsc.kind_of(schema)
    if kind == "union":
        for branch in schema:
            yield from wrong_defaults(branch, path)
    elif kind == "array":
        yield from wrong_defaults(schema["items"], f"{path}[]")
    elif kind == "record":
        for field in schema["fields"]:
            name = f"{path}.{field['name']}".lstrip(".")
            if "default" in field and not _fits(field["default"], field["type"]):
                yield f"{name}: its default {field['default']!r} is not of its type"
            yield from wrong_defaults(field["type"], name)


def _fits(value: Any, schema: avsc.Parsed) -> bool:
    kind = avsc.kind_of(schema)
    if kind == "union":
        return _fits(value, schema[0])
    if kind == "array":
        return isinstance(value, list) and all(_fits(item, schema["items"]) for item in value)
    if kind == "record":
        names = {field["name"]: field for field in schema["fields"]}
        return isinstance(value, dict) and all(
            _fits(value[name], field["type"]) if name in value else "default" in field
            for name, field in names.items()
        )
    if kind == "enum":
        return value in schema["symbols"]
    return _fits_primitive(value, kind)


def _fits_primitive(value: Any, kind: str) -> bool:
    if kind in {"int", "long"}:
        bits = 31 if kind == "int" else 63
        return type(value) is int and -(1 << bits) <= value < 1 << bits
    if kind == "bytes":
        return isinstance(value, str) and all(ord(char) < 256 for char in value)
    return type(value) is {"null": type(None), "boolean": bool, "string": str}[kind]
