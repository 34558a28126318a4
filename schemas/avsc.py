"""What an Avro schema may use here, and the fingerprint of what its bytes depend on.

The vocabulary keeps to boolean, int, long, string, bytes, decimal on bytes, enum, array, record and
`[null, X]`: what Python, polars, DuckDB and Parquet keep without loss. No floats, on purpose.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any, Final

import fastavro
from fastavro.schema import SchemaParseException, UnknownType

from schemas.errors import SchemaError

PRIMITIVES: Final = frozenset({"boolean", "int", "long", "string", "bytes"})

Parsed = Any
"""A schema as `parse` returns it: full names, every type written out wherever it occurs."""


def parse(text: str, origin: str) -> Parsed:
    """The schema in `text`. Raises `SchemaError` where it is none, or uses types not used here."""
    try:
        parsed = fastavro.parse_schema(json.loads(text))
    except (json.JSONDecodeError, SchemaParseException, UnknownType, KeyError, TypeError) as error:
        raise SchemaError(f"{origin}: not an Avro schema: {error!r}") from None
    if not isinstance(parsed, dict) or parsed.get("type") != "record":
        raise SchemaError(f"{origin}: an event is a record")
    for problem in problems(parsed, set(), ""):
        raise SchemaError(f"{origin}: {problem}")
    return _expanded(parsed, {})


def problems(schema: Any, named: set[str], path: str) -> Iterator[str]:
    """What a schema uses outside the vocabulary's types, each with the field's path."""
    place = path or "top"
    if isinstance(schema, list):
        others = [branch for branch in schema if branch != "null"]
        if len(schema) != 2 or len(others) != 1:
            yield f"{place}: a union is [null, X]"
        for branch in others:
            yield from problems(branch, named, path)
    elif isinstance(schema, str):
        if schema not in PRIMITIVES and schema not in named:
            yield f"{place}: type {schema} is not used here"
    elif schema["type"] == "array":
        yield from problems(schema["items"], named, f"{path}[]")
    elif schema["type"] in {"record", "enum"}:
        yield from _named_problems(schema, named, path, place)
    else:
        yield from _simple_problems(schema, place)


def _named_problems(schema: Any, named: set[str], path: str, place: str) -> Iterator[str]:
    fields = schema.get("fields", [])
    if any("aliases" in thing for thing in [schema, *fields]):
        yield f"{place}: aliases are not used here"
    if schema["type"] == "enum" and schema.get("default") not in schema["symbols"]:
        yield f"{place}: enum {schema['name']} has no default symbol"
    for field in fields:
        yield from problems(field["type"], named, f"{path}.{field['name']}".lstrip("."))
    named.add(schema["name"])  # after its fields: a record that holds itself is refused


def _simple_problems(schema: Any, place: str) -> Iterator[str]:
    kind, logical = schema["type"], schema.get("logicalType")
    if kind not in PRIMITIVES:
        yield f"{place}: type {kind} is not used here"
    elif logical is not None and (kind, logical) != ("bytes", "decimal"):
        yield f"{place}: logical type {logical} on {kind} is not used here"
    elif logical and not 0 <= schema.get("scale", 0) <= schema.get("precision", 0) <= 38:
        yield f"{place}: a decimal has 0 <= scale <= precision <= 38"


def _expanded(schema: Any, named: dict[str, Parsed]) -> Parsed:
    """The schema with definitions in place of names."""
    if isinstance(schema, list):
        return [_expanded(branch, named) for branch in schema]
    if isinstance(schema, str):
        return named.get(schema, schema)
    if schema["type"] == "array":
        return {**schema, "items": _expanded(schema["items"], named)}
    if schema["type"] == "record":
        fields = [{**f, "type": _expanded(f["type"], named)} for f in schema["fields"]]
        schema = {**schema, "fields": fields}
    if schema["type"] in {"record", "enum"}:
        named[schema["name"]] = schema
        return schema
    return schema if decimal_of(schema) else schema["type"]


def definitions(schema: Parsed) -> Iterator[Parsed]:
    """The records and enums defined in `schema`, inner ones first."""
    if isinstance(schema, list):
        for branch in schema:
            yield from definitions(branch)
    elif isinstance(schema, dict):
        if schema["type"] == "array":
            yield from definitions(schema["items"])
        elif schema["type"] == "record":
            for field in schema["fields"]:
                yield from definitions(field["type"])
            yield schema
        elif schema["type"] == "enum":
            yield schema


def short_name(fullname: str) -> str:
    """`TradePrinted` of `tape.md.TradePrinted`."""
    return fullname.rpartition(".")[2]


def decimal_of(schema: Parsed) -> tuple[int, int] | None:
    """(precision, scale) of a decimal type, None of any other."""
    if isinstance(schema, dict) and schema.get("logicalType") == "decimal":
        return schema["precision"], schema.get("scale", 0)
    return None


def optional(schema: Parsed) -> tuple[Parsed, int] | None:
    """(X, place of null) of a union [null, X] or [X, null]; None of any other type."""
    if not isinstance(schema, list):
        return None
    null = schema.index("null")
    return schema[1 - null], null


def kind_of(schema: Parsed) -> str:
    """`union`, or the name of the Avro type."""
    if isinstance(schema, list):
        return "union"
    kind: str = schema if isinstance(schema, str) else schema["type"]
    return kind


def canonical(schema: Parsed) -> str:
    """Avro's parsing canonical form, with the decimals' logical type, precision and scale kept.

    The standard form drops these, so decimal(28,10) and decimal(28,8) would share a fingerprint
    although the same bytes mean different numbers. Defaults stay out: they are the reader's.
    """
    return json.dumps(_canonical(schema, set()), separators=(",", ":"), ensure_ascii=False)


def _canonical(schema: Parsed, seen: set[str]) -> Any:
    kind = kind_of(schema)
    if kind == "union":
        return [_canonical(branch, seen) for branch in schema]
    if kind == "array":
        return {"type": kind, "items": _canonical(schema["items"], seen)}
    if decimal := decimal_of(schema):
        precision, scale = decimal
        return {"type": kind, "logicalType": "decimal", "precision": precision, "scale": scale}
    if kind not in {"record", "enum"}:
        return kind
    name = schema["name"]
    if name in seen:
        return name
    seen.add(name)
    if kind == "enum":
        return {"name": name, "type": kind, "symbols": schema["symbols"]}
    fields = [{"name": f["name"], "type": _canonical(f["type"], seen)} for f in schema["fields"]]
    return {"name": name, "type": kind, "fields": fields}


def fingerprint(schema: Parsed) -> bytes:
    """SHA-256 of `canonical`: equal where equal bytes mean the same, whatever a registry says."""
    return hashlib.sha256(canonical(schema).encode()).digest()


def without_decimals(schema: Parsed) -> Any:
    """The schema for fastavro, names written once, with plain `bytes` for decimals.

    fastavro rounds a decimal of more digits than its precision in silence; we convert ourselves.
    """
    return fastavro.parse_schema(_without_decimals(schema, set()))


def _without_decimals(schema: Parsed, seen: set[str]) -> Any:
    kind = kind_of(schema)
    if kind == "union":
        return [_without_decimals(branch, seen) for branch in schema]
    if kind == "array":
        return {"type": kind, "items": _without_decimals(schema["items"], seen)}
    if kind not in {"record", "enum"}:
        return kind
    name = schema["name"]
    if name in seen:
        return name
    seen.add(name)
    if kind == "enum":
        return {key: schema[key] for key in ("name", "type", "symbols", "default")}
    fields = [{**f, "type": _without_decimals(f["type"], seen)} for f in schema["fields"]]
    return {"name": name, "type": kind, "fields": fields}
