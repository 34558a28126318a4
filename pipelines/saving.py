"""A state's values as JSON holds them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from pipelines.exact import plain


def as_json(value: Any) -> Any:
    """Tuples to lists, sets sorted, numbers as text without padding; mappings by their names."""
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, frozenset | set):
        return sorted(as_json(item) for item in value)
    if isinstance(value, dict):
        return {key: as_json(item) for key, item in value.items()}
    return [as_json(item) for item in value] if isinstance(value, tuple | list) else value
