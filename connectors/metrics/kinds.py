"""Kinds of figures: counters and histograms of the client library, and gauges that are read at the
moment of a scrape from what the process holds anyway.

A table gives all its rows at once: what is gone is not shown any more, and nothing has to be taken
back.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Final, NamedTuple

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

log = logging.getLogger("tape.metrics")

disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series beside each one
REGISTRY: Final = CollectorRegistry()
Rows = Mapping[tuple[str, ...], "float | int | Decimal"]


class Declared(NamedTuple):
    """A figure as documentation shows it. `by`: which processes have it."""

    name: str
    kind: str
    by: str
    labels: tuple[str, ...]
    text: str


DECLARED: Final[list[Declared]] = []


class Table(Collector):
    """A gauge whose rows `read` gives, by the values of its labels. A value is shown as Prometheus
    holds it, a float of 53 bits: to be looked at, never to be reckoned with.
    """

    def __init__(self, name: str, text: str, labels: Sequence[str]) -> None:
        self._name, self._text, self._labels = name, text, labels
        self.read: Callable[[], Rows] = dict
        self._noted: dict[tuple[str, ...], float | int | Decimal] = {}
        REGISTRY.register(self)

    def show(self, rows: Rows) -> None:
        """These rows from here on."""
        self.read = lambda: rows

    def note(self, labels: tuple[str, ...], value: float | int | Decimal) -> None:
        """One row beside those noted before, in place of its last value."""
        self._noted[labels] = value
        self.read = self._noted.copy  # in one step, for another thread reads it

    def collect(self) -> Iterable[GaugeMetricFamily]:
        family = GaugeMetricFamily(self._name, self._text, labels=self._labels)
        try:
            for values, number in self.read().items():
                family.add_metric(values, float(number))
        except Exception:  # a figure that cannot be had must not hide the others
            log.exception("%s cannot be read", self._name)
        yield family

    def describe(self) -> Iterable[GaugeMetricFamily]:
        return [GaugeMetricFamily(self._name, self._text, labels=self._labels)]


def counter(by: str, name: str, text: str, *labels: str) -> Counter:
    DECLARED.append(Declared(name, "counter", by, labels, text))
    return Counter(name, text, labels, registry=REGISTRY)


def histogram(by: str, name: str, text: str, buckets: Sequence[float], *labels: str) -> Histogram:
    DECLARED.append(Declared(name, "histogram", by, labels, text))
    return Histogram(name, text, labels, buckets=buckets, registry=REGISTRY)


def table(by: str, name: str, text: str, *labels: str) -> Table:
    DECLARED.append(Declared(name, "gauge", by, labels, text))
    return Table(name, text, labels)
