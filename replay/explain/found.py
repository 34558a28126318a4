"""Records about one order, with what leads from one to the next: ids, positions, epochs.

Reads a `Log`, so an archive and the live log are one to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any, Final, NamedTuple

from connectors.epochs.encode import cause_of, output_id
from connectors.epochs.model import EPOCHS
from connectors.gateway.ledger import EVENTS
from connectors.log.errors import OffsetsGone, TopicMissing
from connectors.log.interface import Log, Message, Tp
from connectors.log.places import place_of, present
from connectors.log.ranges import passing
from pipelines.execution.requests import REQUESTS
from pipelines.ids import position_id
from pipelines.logic import Position
from pipelines.reconciliation.says import POSITIONS
from pipelines.risk.decisions import DECISIONS
from replay.archive.errors import ArchiveError
from replay.explain.errors import OrderNotFound
from replay.times import EVERYTHING, Span
from schemas.codec import Codec
from schemas.errors import DecodeError
from schemas.events import EpochCommitted, PositionChanged

TOPICS: Final = (REQUESTS, DECISIONS, EVENTS, POSITIONS)
DEADLINE_S: Final = 15.0


class Found(NamedTuple):
    """A record: where it lies, its id (empty where it has none), its timestamp and its event."""

    position: Position
    id: str
    timestamp_ms: int
    event: Any

    @property
    def place(self) -> str:
        """As `causation_id` names it."""
        return position_id(self.position)


class Past:
    """What can be looked up; what is gone, or was never kept, is None or left out."""

    def __init__(self, log: Log, codec: Codec, span: Span = EVERYTHING) -> None:
        self._log, self._codec, self._span = log, codec, span

    def about(self, prefix: str) -> list[Found]:
        """Every record about the one order whose cl_ord_id begins so, and the position changes of
        its account. Raises `OrderNotFound`.
        """
        found = [one for topic in TOPICS for one in self.topic(topic)]
        names = sorted({n for one in found if (n := order_of(one)).startswith(prefix)})
        if len(names) != 1 or not prefix:
            raise OrderNotFound(_refusal(prefix, names))
        own = [one for one in found if order_of(one) == names[0]]
        accounts = {one.event.account for one in own}
        moved = [one for one in found if isinstance(one.event, PositionChanged)]
        return [*own, *(one for one in moved if one.event.account in accounts)]

    def topic(self, topic: str) -> Iterator[Found]:
        """Every record of the span."""
        for tp in present(self._log, topic):
            yield from self._range(tp, *self._bounds(tp))

    def whole(self, topic: str) -> Iterator[Found]:
        """Every record of the topic, whatever the span: what people decided holds for long."""
        for tp in present(self._log, topic):
            yield from self._range(tp, *self._log.bounds(tp))

    def at(self, place: str) -> Found | None:
        """The record that a position names."""
        topic, _, rest = place.partition("/")
        numbers = rest.split("/")
        if len(numbers) != 2 or not all(number.isdigit() for number in numbers):
            return None
        tp, offset = Tp(topic, int(numbers[0])), int(numbers[1])
        with suppress(TopicMissing, OffsetsGone, ArchiveError):
            found = self._log.read(tp, offset, offset + 1, DEADLINE_S)
            return next(self._decoded(tp, found), None)
        return None

    def output(self, pipeline: str, cause: Position, topic: str, key: str) -> Iterator[Found]:
        """What a pipeline wrote to a topic because of one record. An output has its cause's time,
        so what lies before that need not be read.
        """
        since = self.at(position_id(cause))
        with suppress(TopicMissing, OffsetsGone, ArchiveError):
            tp = place_of(self._log, topic, key.encode())
            wanted = f"{pipeline}/{position_id(cause)}/{topic}/"
            for one in self._since(tp, since.timestamp_ms if since else 0):
                if one.id.startswith(wanted):
                    yield one

    def epoch(self, one: Found) -> EpochCommitted | None:
        """The epoch that wrote an output of a pipeline."""
        if one.id.count("/") < 5 or one.id.startswith("tape/"):
            return None
        pipeline, cause = one.id.partition("/")[0], cause_of(one.id)
        topic = f"{pipeline}{EPOCHS}"
        with suppress(OffsetsGone, ArchiveError):
            for tp in present(self._log, topic):
                for record in self._since(tp, one.timestamp_ms):
                    if _took(record.event, cause):
                        epoch: EpochCommitted = record.event
                        return epoch
        return None

    def _since(self, tp: Tp, timestamp_ms: int) -> Iterator[Found]:
        """From a time on: who has seen enough reads no further."""
        start, end = self._log.offset_at(tp, timestamp_ms), self._log.bounds(tp)[1]
        yield from self._range(tp, start, end)

    def _bounds(self, tp: Tp) -> tuple[int, int]:
        low, end = self._log.bounds(tp)
        from_ms, to_ms = self._span
        first = low if from_ms is None else self._log.offset_at(tp, from_ms)
        return first, end if to_ms is None else self._log.offset_at(tp, to_ms)

    def _range(self, tp: Tp, start: int, end: int) -> Iterator[Found]:
        yield from self._decoded(tp, passing(self._log, tp, start, end, DEADLINE_S))

    def _decoded(self, tp: Tp, messages: Iterable[Message]) -> Iterator[Found]:
        for message in messages:
            with suppress(DecodeError):  # what no schema decodes is about no order
                yield self._found(tp, message)

    def _found(self, tp: Tp, message: Message) -> Found:
        position = Position(tp.topic, tp.partition, message.offset())
        event = self._codec.decode(message.value())
        return Found(position, output_id(message), message.timestamp()[1], event)


def order_of(one: Found) -> str:
    """Our id of the order that a record is about; empty where it is about none."""
    return getattr(one.event, "cl_ord_id", None) or ""


def _took(event: Any, cause: Position) -> bool:
    return isinstance(event, EpochCommitted) and any(
        (r.topic, r.partition) == cause[:2] and r.start <= cause.offset < r.end
        for r in event.inputs
    )


def _refusal(prefix: str, names: list[str]) -> str:
    if not prefix:
        return "name an order: its cl_ord_id, or the first letters of it"
    if not names:
        return f"no order begins with {prefix}"
    shown = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
    return f"{len(names)} orders begin with {prefix}: {shown}"
