"""A span as a process hands it over: plain values, made into OpenTelemetry's by who sends it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, Final, Generic, NamedTuple, TypeVar

from connectors.traces.ids import Ids

LINKS_MAX: Final = 32
V = TypeVar("V")


class Span(NamedTuple):
    """`service` did `name` from `start_ns` to `end_ns`, wall time in UTC of its process. `client`:
    it waited for somebody else. `links`: spans of other traces that it has part in.
    """

    service: str
    name: str
    ids: Ids
    start_ns: int
    end_ns: int
    facts: Mapping[str, str | int]
    client: bool = False
    failed: bool = False
    links: tuple[Ids, ...] = ()


Put = Callable[[Span], None]
_FACTS: Final = {
    "cl_ord_id": "tape.cl_ord_id",
    "account": "tape.account",
    "strategy": "tape.strategy",
    "instrument": "tape.instrument",
    "reason": "tape.reason",
    "correlation_id": "tape.correlation_id",
    "causation_id": "tape.causation_id",
}


def facts_of(event: Any) -> dict[str, str | int]:
    """What an event is about: names and reasons, no prices."""
    found = ((shown, getattr(event, name, None)) for name, shown in _FACTS.items())
    return {shown: str(value) for shown, value in found if value}


class Newest(Generic[V]):
    """The newest `most` entries by key: what is older is forgotten."""

    def __init__(self, most: int) -> None:
        self._most, self._held = most, OrderedDict[str, V]()

    def put(self, key: str, value: V) -> None:
        self._held[key] = value
        while len(self._held) > self._most:
            self._held.popitem(last=False)

    def get(self, key: str) -> V | None:
        return self._held.get(key)

    def pop(self, key: str) -> V | None:
        return self._held.pop(key, None)
