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
"""A schema as `parse` returns it: named types by full name, defined where they first occur."""


def parse(text: str, origin: str) -> Parsed:
    """The schema in `text`. Raises `SchemaError` where it is none, or uses types not used here."""
    try:
        parsed = fastavro.parse_schema(json.loads(text))
    except (json.JSONDecodeError, SchemaParseException, UnknownType, KeyError, TypeError) as error:
        raise SchemaError(f"{origin}: not an Avro schema: {error!r}") from None
    if not isinstance(parsed, dict) or parsed.get("type") != "record":
        raise SchemaError(f"{origin}: an event is a record")
    for problem in problems(parsed, {}, ""):
        raise SchemaError(f"{origin}: {problem}")
    return parsed


def problems(schema: Parsed, named: dict[str, Parsed], path: str) -> Iterator[str]:
    """What `schema` uses outside the vocabulary's types, each with the field's path."""
    place = path or "top"
    if isinstance(schema, list):
        others = [branch for branch in schema if branch != "null"]
        if len(schema) != 2 or len(others) != 1:
            yield f"{place}: a union is [null, X]"
        yield from (p for branch in others for p in problems(branch, named, path))
    elif isinstance(schema, str):
        if schema not in PRIMITIVES and schema not in named:
            yield f"{place}: type {schema} is not used here"
    elif schema.get("aliases"):
        yield f"{place}: aliases are not used here"
    elif schema["type"] == "record":
        named[schema["name"]] = schema
        for field in schema["fields"]:
            if field.get("aliases"):
                yield f"{path}.{field['name']}: aliases are not used here"
            yield from problems(field["type"], named, f"{path}.{field['name']}".lstrip("."))
    elif schema["type"] == "array":
        yield from problems(schema["items"], named, f"{path}[]")
    elif schema["type"] == "enum":
        named[schema["name"]] = schema
        if schema.get("default") not in schema["symbols"]:
            yield f"{place}: enum {schema['name']} has no default symbol"
    else:
        yield from _simple_problems(schema, place)


def _simple_problems(schema: Parsed, place: str) -> Iterator[str]:
    kind, logical = schema["type"], schema.get("logicalType")
    if kind not in PRIMITIVES:
        yield f"{place}: type {kind} is not used here"
    elif logical is not None and (kind, logical) != ("bytes", "decimal"):
        yield f"{place}: logical type {logical} on {kind} is not used here"
    elif logical and not 0 <= schema.get("scale", 0) <= schema.get("precision", 0) <= 38:
        yield f"{place}: a decimal has 0 <= scale <= precision <= 38"


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


def canonical(schema: Parsed) -> str:
    """Avro's parsing canonical form, with the decimals' logical type, precision and scale kept.

    The standard form drops these, so decimal(28,10) and decimal(28,8) would share a fingerprint
    although the same bytes mean different numbers. Defaults stay out: they are the reader's.
    """
    return json.dumps(_canonical(schema), separators=(",", ":"), ensure_ascii=False)


def _canonical(schema: Parsed) -> Any:
    if isinstance(schema, str):
        return schema
    if isinstance(schema, list):
        return [_canonical(branch) for branch in schema]
    kind = schema["type"]
    if kind == "record":
        fields = [{"name": f["name"], "type": _canonical(f["type"])} for f in schema["fields"]]
        return {"name": schema["name"], "type": kind, "fields": fields}
    if kind == "enum":
        return {"name": schema["name"], "type": kind, "symbols": schema["symbols"]}
    if kind == "array":
        return {"type": kind, "items": _canonical(schema["items"])}
    if decimal_of(schema):
        precision, scale = schema["precision"], schema.get("scale", 0)
        return {"type": kind, "logicalType": "decimal", "precision": precision, "scale": scale}
    return kind


def fingerprint(schema: Parsed) -> bytes:
    """SHA-256 of `canonical`: equal where equal bytes mean the same, whatever a registry says."""
    return hashlib.sha256(canonical(schema).encode()).digest()


def as_bytes(schema: Parsed) -> Parsed:
    """The schema with plain `bytes` for decimals.

    fastavro rounds a decimal of more digits than its precision in silence; we convert ourselves.
    """
    if isinstance(schema, list):
        return [as_bytes(branch) for branch in schema]
    if isinstance(schema, str):
        return schema
    if decimal_of(schema):
        return "bytes"
    if schema["type"] == "array":
        return {**schema, "items": as_bytes(schema["items"])}
    if schema["type"] == "record":
        fields = [{**field, "type": as_bytes(field["type"])} for field in schema["fields"]]
        return {**schema, "fields": fields}
    return schema
