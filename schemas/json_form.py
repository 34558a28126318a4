"""Events as JSON, for examples and for people: a decimal is a string, bytes are base64, null is
null, an enum its symbol, an array an array, a record an object with every field named."""

from __future__ import annotations

import base64
import binascii
from decimal import Decimal, InvalidOperation
from typing import Any

from schemas import avsc
from schemas.errors import SchemaError


def to_json(value: Any) -> Any:
    """What `json.dumps` takes, from an event or a part of one. Decimals lose closing zeros."""
    if isinstance(value, Decimal):
        text = format(value, "f")
        return text.rstrip("0").rstrip(".") if "." in text else text
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, tuple):
        fields = getattr(value, "_fields", None)
        if fields is None:
            return [to_json(item) for item in value]
        return {name: to_json(item) for name, item in zip(fields, value, strict=True)}
    return value


def from_json(schema: avsc.Parsed, value: Any, path: str = "") -> Any:
    """What fastavro writes with `schema`: records as dictionaries, `Decimal`, `bytes`.

    Raises `SchemaError`, which names the field, for a field missing or unknown or of a wrong type.
    """
    kind = avsc.kind_of(schema)
    if union := avsc.optional(schema):
        return None if value is None else from_json(union[0], value, path)
    if avsc.decimal_of(schema):
        return _decimal(value, path)
    if kind == "bytes":
        return _bytes(value, path)
    if kind == "array":
        _require(isinstance(value, list), path, "is not an array")
        return [from_json(schema["items"], item, f"{path}[]") for item in value]
    if kind == "record":
        return _record(schema, value, path)
    if kind == "enum":
        _require(value in schema["symbols"], path, f"{value!r} is no symbol")
        return value
    wanted = {"boolean": bool, "int": int, "long": int, "string": str}[kind]
    _require(type(value) is wanted, path, f"{value!r} is not of type {kind}")
    return value


def _require(condition: bool, path: str, problem: str) -> None:
    if not condition:
        raise SchemaError(f"{path or 'example'}: {problem}")


def _decimal(value: Any, path: str) -> Decimal:
    _require(isinstance(value, str), path, f"{value!r} is not a decimal in a string")
    try:
        return Decimal(value)
    except InvalidOperation:
        raise SchemaError(f"{path}: {value!r} is not a decimal") from None


def _bytes(value: Any, path: str) -> bytes:
    _require(isinstance(value, str), path, f"{value!r} is not base64")
    try:
        return base64.b64decode(value, validate=True)
    except binascii.Error:
        raise SchemaError(f"{path}: {value!r} is not base64") from None


def _record(schema: Any, value: Any, path: str) -> dict[str, Any]:
    _require(isinstance(value, dict), path, "is not an object")
    names = {field["name"] for field in schema["fields"]}
    _require(names == value.keys(), path, f"{', '.join(sorted(names ^ value.keys()))} differ")
    return {
        field["name"]: from_json(
            field["type"], value[field["name"]], f"{path}.{field['name']}".lstrip(".")
        )
        for field in schema["fields"]
    }
