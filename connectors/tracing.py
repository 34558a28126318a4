"""The W3C `traceparent` header of events about an order, for tools that draw traces.

Both ids are functions of the event: the trace is the tick that started everything, the parent the
record that caused this one. So a replay gives the same ids, and nothing has to be carried along.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from typing import Final

TRACE_HEADER: Final = "traceparent"
_TRACE_DIGITS, _PARENT_DIGITS = 32, 16


def traceparent(correlation_id: str, causation_id: str) -> bytes:
    """Version 00, sampled: `00-<trace id>-<parent id>-01`, hexadecimal."""
    trace, parent = _hexadecimal(correlation_id), _hexadecimal(causation_id)
    return f"00-{trace[:_TRACE_DIGITS]}-{parent[:_PARENT_DIGITS]}-01".encode()


@lru_cache(4_096)
def _hexadecimal(identifier: str) -> str:
    return sha256(identifier.encode()).hexdigest()
