"""One measurement, and what several of one kind say together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
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


def middle(values: Sequence[float]) -> float:
    return median(values) if values else float("nan")
