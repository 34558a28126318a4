"""What no single event says: a process that starts, stops, is replaced or falls silent.

A course takes the records of one shard, gateway or clock in order and tells moments; `end` tells
of what had fallen silent by then.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from replay.timeline.moments import Moment
from schemas.events import Boundary, EpochCommitted, GatewayReady, ShardOpened

SILENT_MS: Final = 5_000  # a pipeline commits an epoch for every tick of the clock, once a second
LETTERS: Final = 12


class Last(NamedTuple):
    """The newest sign of life."""

    at_ms: int
    place: str


class Pulse:
    """Signs of life that should not stay away."""

    def __init__(self, whom: str, sign: str, what: str) -> None:
        self._whom, self._sign, self._what = whom, sign, what
        self.last: Last | None = None

    def beat(self, at_ms: int, place: str) -> Iterator[Moment]:
        yield from self.end(at_ms)
        self.last = Last(at_ms, place)

    def end(self, at_ms: int) -> Iterator[Moment]:
        """Silence until then, told at its beginning."""
        if self.last is not None and at_ms - self.last.at_ms >= SILENT_MS:
            how = f"no {self._sign} for {seconds(at_ms - self.last.at_ms)} s"
            yield Moment(self.last.at_ms, self._what, self._whom, how, self.last.place)


class GatewayCourse:
    """One account's gateways: each says again and again that it is ready."""

    def __init__(self, account: str) -> None:
        self._account, self._instance = account, ""
        self._pulse = Pulse(account, "word that it is ready", "GatewaySilent")

    def take(self, event: GatewayReady, at_ms: int, place: str) -> Iterator[Moment]:
        yield from self._pulse.beat(at_ms, place)
        if event.instance != self._instance:
            how = f"instance {event.instance}{', takes over' if event.takeover else ''}"
            yield Moment(at_ms, "GatewayReady", self._account, how, place)
        self._instance = event.instance

    def end(self, at_ms: int) -> Iterator[Moment]:
        yield from self._pulse.end(at_ms)


class ShardCourse:
    """One shard of a pipeline."""

    def __init__(self, whom: str) -> None:
        self._whom = whom
        self._pulse = Pulse(whom, "epoch", "EpochsSilent")
        self._opened: ShardOpened | None = None
        self._epoch: EpochCommitted | None = None

    def take(self, event: object, at_ms: int, place: str) -> Iterator[Moment]:
        if isinstance(event, ShardOpened):
            yield from self._start(event, at_ms, place)
        elif isinstance(event, EpochCommitted):
            yield from self._commit(event, at_ms, place)

    def end(self, at_ms: int) -> Iterator[Moment]:
        """A shard that has stopped is not missed."""
        if not self._stopped():
            yield from self._pulse.end(at_ms)

    def _start(self, event: ShardOpened, at_ms: int, place: str) -> Iterator[Moment]:
        how = (
            f"instance {event.instance[:LETTERS]}, version {event.version[:LETTERS]}, "
            f"goes on with epoch {event.next_sequence}"
        )
        unended = (self._opened or self._epoch) is not None and not self._stopped()
        if unended:
            how += f"; the one before left no stop: it crashed, or this fenced it{self._ago(at_ms)}"
        yield Moment(at_ms, "Replaced" if unended else "Started", self._whom, how, place)
        self._opened, self._epoch, self._pulse.last = event, None, None

    def _ago(self, at_ms: int) -> str:
        last = self._pulse.last
        if last is None:
            return ""
        return f", its last epoch {seconds(max(0, at_ms - last.at_ms))} s ago"

    def _commit(self, event: EpochCommitted, at_ms: int, place: str) -> Iterator[Moment]:
        yield from self._pulse.beat(at_ms, place)
        expected = self._expected()
        if expected is not None and event.sequence != expected:
            how = f"epochs {expected} to {event.sequence - 1} are not here"
            yield Moment(at_ms, "EpochsMissing", self._whom, how, place)
        if event.boundary is not None:
            yield Moment(at_ms, event.boundary.kind, self._whom, crossed(event.boundary), place)
        if event.reason == "STOP":
            yield Moment(at_ms, "Stopped", self._whom, f"after epoch {event.sequence}", place)
        self._epoch = event

    def _expected(self) -> int | None:
        if self._epoch is not None:
            return self._epoch.sequence + 1
        return None if self._opened is None else self._opened.next_sequence

    def _stopped(self) -> bool:
        return self._epoch is not None and self._epoch.reason == "STOP"


def crossed(boundary: Boundary) -> str:
    """What changed at a boundary, and what the new code would have done otherwise."""
    versions = " to ".join(
        version[:LETTERS] for version in (boundary.from_version, boundary.to_version) if version
    )
    parts = [f"version {versions}", boundary.subject, boundary.reason]
    if boundary.epochs_compared:
        parts.append(
            f"{boundary.epochs_compared} epochs compared: {boundary.outputs_added} outputs added, "
            f"{boundary.outputs_removed} removed"
        )
    return "; ".join(part for part in parts if part)


def seconds(ms: int) -> str:
    """Exact, as milliseconds are."""
    return f"{ms // 1_000}.{ms % 1_000:03d}"
