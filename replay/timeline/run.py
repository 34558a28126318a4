"""A time line: everything worth a moment, in order, and counts of the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from connectors.clock import TOPIC as CLOCK
from connectors.control import TOPIC as CONTROL
from connectors.epochs.model import EPOCHS
from connectors.gateway.ledger import EVENTS, RAW
from connectors.gateway.past import BREAKS, RECON_CONTROL
from connectors.log.errors import TopicMissing
from connectors.log.interface import Log
from pipelines.execution.requests import REQUESTS
from pipelines.risk.decisions import DECISIONS
from replay.timeline.courses import GatewayCourse, Pulse, ShardCourse
from replay.timeline.moments import COUNTED, HOW, Moment, of_which, time_of, told
from replay.timeline.reading import Records, Seen
from replay.times import Span
from schemas.codec import Codec
from schemas.errors import TapeError

TOPICS: Final = (
    CLOCK,
    CONTROL,
    "md.feed-status.v1",
    DECISIONS,
    REQUESTS,
    EVENTS,
    RAW,
    BREAKS,
    RECON_CONTROL,
)
NAMES: Final = {*HOW, *COUNTED, "ShardOpened", "EpochCommitted", "GatewayReady", "ClockTick"}
Progress = Callable[[int, int], None]


class NothingThere(TapeError):
    """None of the topics that a time line is told from holds a record."""


class Count(NamedTuple):
    """How often something happened, and when first and last, in milliseconds UTC."""

    what: str
    of: str
    times: int
    first_ms: int
    last_ms: int


class Timeline(NamedTuple):
    """`notes`: what could not be read."""

    span: Span
    moments: list[Moment]
    counts: list[Count]
    notes: list[str]


class _Story:
    """Folds records, topic by topic."""

    def __init__(self, span: Span) -> None:
        self._span, self._end_ms = span, 0
        self._clock = Pulse("clock", "tick", "ClockSilent")
        self._shards: dict[str, ShardCourse] = {}
        self._gateways: dict[str, GatewayCourse] = {}
        self._moments: list[Moment] = []
        self._counts: dict[tuple[str, str], Count] = {}

    def take(self, one: Seen) -> None:
        at_ms = time_of(one.event, one.timestamp_ms)
        if self._span.to_ms is not None and at_ms >= self._span.to_ms:
            return
        self._end_ms = max(self._end_ms, at_ms)
        name = type(one.event).__name__
        if name in HOW:
            self._moments.append(told(one.event, at_ms, one.place))
        elif name in COUNTED:
            self._count(name, of_which(one.event), at_ms)
        else:
            self._moments += self._course(one, name, at_ms)

    def _course(self, one: Seen, name: str, at_ms: int) -> Iterator[Moment]:
        event = one.event
        if name == "ClockTick":
            yield from self._clock.beat(at_ms, one.place)
        elif name == "GatewayReady":
            course = self._gateways.setdefault(event.account, GatewayCourse(event.account))
            yield from course.take(event, at_ms, one.place)
        elif one.tp.topic.endswith(EPOCHS):
            whom = f"{event.pipeline}-{event.shard}"
            shard = self._shards.setdefault(whom, ShardCourse(whom))
            yield from shard.take(event, at_ms, one.place)

    def _count(self, name: str, of: str, at_ms: int) -> None:
        was = self._counts.get((name, of), Count(name, of, 0, at_ms, at_ms))
        first, last = min(was.first_ms, at_ms), max(was.last_ms, at_ms)
        self._counts[name, of] = Count(name, of, was.times + 1, first, last)

    def told(self) -> tuple[list[Moment], list[Count]]:
        courses: list[Pulse | ShardCourse | GatewayCourse] = [self._clock]
        for course in [*courses, *self._shards.values(), *self._gateways.values()]:
            self._moments += course.end(self._end_ms)
        inside = (one for one in self._moments if within(self._span, one.at_ms))
        return sorted(inside), [self._counts[key] for key in sorted(self._counts)]


def within(span: Span, at_ms: int) -> bool:
    return (span.from_ms is None or at_ms >= span.from_ms) and (
        span.to_ms is None or at_ms < span.to_ms
    )


def timeline(
    log: Log, codec: Codec, span: Span, on_topic: Progress = lambda _done, _total: None
) -> Timeline:
    """Reads each record of the span once. Raises what the log raises, but for topics that are not
    there: those are in the notes. `NothingThere` where none holds anything.
    """
    records, story, notes = Records(log, codec, span, NAMES), _Story(span), []
    epochs = sorted(topic for topic in codec.catalog.topics if topic.endswith(EPOCHS))
    letters = sorted(topic for topic in codec.catalog.topics if topic.endswith(".dlq"))
    topics = [*epochs, *TOPICS, *letters]
    for done, topic in enumerate(topics):
        on_topic(done, len(topics))
        try:
            for one in records.shards(topic) if topic in epochs else records.topic(topic):
                story.take(one)
        except TopicMissing:
            notes.append(f"{topic} is not there")
    if not records.held:
        raise NothingThere(f"{', '.join(TOPICS[:3])} and {len(topics) - 3} more hold no record")
    on_topic(len(topics), len(topics))
    return Timeline(span, *story.told(), [*notes, *_left_out(records)])


def _left_out(records: Records) -> Iterator[str]:
    if records.late:
        yield f"may begin too late, trimmed before: {', '.join(records.late)}"
    if records.unread:
        yield f"{records.unread} records that no schema decodes are left out"
