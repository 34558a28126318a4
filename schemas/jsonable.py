"""Events as JSON values for people and pipes: decimals as text, bytes as base64, nested records
as objects.
"""

from __future__ import annotations

from base64 import b64encode
from decimal import Decimal
from typing import Any


def to_jsonable(event: Any) -> dict[str, Any]:
    """The fields of an event, in schema order, with its class's name first as `event`."""
    return {"event": type(event).__name__, **_fields(event)}


def _fields(record: Any) -> dict[str, Any]:
    return {name: _value(value) for name, value in record._asdict().items()}


def _value(value: Any) -> Any:
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, bytes):
        return b64encode(value).decode()
    if hasattr(value, "_asdict"):
        return _fields(value)
    if isinstance(value, tuple | list):
        return [_value(item) for item in value]
    return value
