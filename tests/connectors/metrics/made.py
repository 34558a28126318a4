"""Events whose other fields do not matter."""

from __future__ import annotations

from typing import Any


def made(kind: Any, **fields: Any) -> Any:
    """An event with these fields; numbers are 0, the others empty."""
    numbers = ("_ns", "_ms", "_px", "_qty")
    rest = {name: 0 if name.endswith(numbers) else "" for name in kind._fields}
    return kind(**{**rest, **fields})
