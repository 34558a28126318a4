"""Figures of one line of one venue: whether it is up, how long it has said nothing, what waits."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Protocol

from connectors.metrics import declared
from connectors.metrics.kinds import Rows
from connectors.metrics.server import Health
from connectors.venues.state import State, Status


class Subscribed(Protocol):
    """A shell: what it keeps up, as one connection, or two while one replaces the other."""

    statuses: list[Status]


class Waiting(Protocol):
    """Where frames go."""

    records: int
    turned_s: float

    def oldest_s(self) -> float: ...


def show(shells: list[Subscribed], writer: Waiting, health: Health) -> None:
    """Reads the connections at every scrape from here on; ready: every subscription is live."""
    declared.FEED_UP.read = lambda: by_line(shells, _live)
    declared.FEED_AGE.read = lambda: ages(shells, time.time_ns())
    declared.FEED_FRAMES.read = lambda: by_line(shells, lambda status: status.frames)
    declared.UNCONFIRMED.read = lambda: {(): writer.records}
    declared.UNCONFIRMED_AGE.read = lambda: {(): writer.oldest_s()}
    health.ready = lambda: "" if all(map(_any_live, shells)) else "a subscription is not live"
    health.turned_s = lambda: writer.turned_s


def by_line(shells: list[Subscribed], value: Callable[[Status], int]) -> Rows:
    """Summed over a line's connections."""
    found: Counter[tuple[str, ...]] = Counter()
    for shell in shells:
        for status in list(shell.statuses):
            found[status.venue, status.line] += value(status)
    return found


def ages(shells: list[Subscribed], now_ns: int) -> Rows:
    """A line is as old as the oldest of its subscriptions, each as young as its newest frame."""
    found: dict[tuple[str, ...], float] = {}
    for shell in shells:
        statuses = list(shell.statuses)
        newest_ns = max(status.last_recv_ns or status.since_ns for status in statuses)
        line = statuses[0].venue, statuses[0].line
        found[line] = max(found.get(line, 0.0), max(0, now_ns - newest_ns) / 1e9)
    return found


def _live(status: Status) -> int:
    return int(status.state is State.LIVE)


def _any_live(shell: Subscribed) -> bool:
    return any(map(_live, list(shell.statuses)))
