"""One measurement, and what several of one kind say together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from math import sqrt
from statistics import mean, median, stdev
from typing import Any


@dataclass
class Sample:
    """What one process measured of itself. `extra` holds what only its kind has."""

    work: str
    events: int
    seconds: float
    cpu_s: float = 0.0  # of the whole process, all threads, over the same span
    rss_mb: float = 0.0  # the most memory it held
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        """Events a second."""
        return self.events / self.seconds

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


Samples = dict[str, list[Sample]]


def ratios(found: Samples, name: str, base: str) -> list[float]:
    """`name` over `base`, each repetition with its own: what slows the machine slows both."""
    pairs = zip(found.get(name, []), found.get(base, []), strict=False)
    return [sample.rate / other.rate for sample, other in pairs]


Way = tuple[str, float, float]  # what an order is, when it began and how long it took (ms)
NEAR_MS = 200.0


def same_orders(ways: Sequence[Way], others: Sequence[Way]) -> list[tuple[float, float]]:
    """How long an order took in one run of a slice and in another: of those that both had. What an
    order takes depends most of all on what else the market does at that moment.
    """
    left, found = list(others), []
    for kind, at_ms, took_ms in ways:
        near = [way for way in left if way[0] == kind and abs(way[1] - at_ms) <= NEAR_MS]
        if near:
            nearest = min(near, key=lambda way: abs(way[1] - at_ms))
            left.remove(nearest)
            found.append((took_ms, nearest[2]))
    return found


STUDENT_95 = (12.71, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179)


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Where the mean lies with 95 %; of two values or more."""
    freedom = len(values) - 1
    share = STUDENT_95[freedom - 1] if freedom <= len(STUDENT_95) else 2.0
    half = share * stdev(values) / sqrt(len(values))
    return mean(values) - half, mean(values) + half


def middle(values: Sequence[float]) -> float:
    return median(values) if values else float("nan")
