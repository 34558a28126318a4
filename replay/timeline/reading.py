"""The records of a span, topic by topic, as they come; what nobody asks for is not decoded."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterator
from contextlib import closing
from typing import Any, Final, NamedTuple

from connectors.log.interface import Log, Message, Tp
from connectors.log.places import partitions
from connectors.log.ranges import passing
from replay.times import Span
from schemas.codec import Codec
from schemas.errors import DecodeError
from schemas.events import EpochCommitted

DEADLINE_S: Final = 15.0
TAIL: Final = 64
Reading = Callable[[Tp, int, int], Iterator["Seen"]]


class Seen(NamedTuple):
    """A record; `place`: topic/partition/offset."""

    tp: Tp
    timestamp_ms: int
    event: Any
    place: str


class Records:
    """Reads a log. `unread`: how many records no schema decodes; `late`: partitions that begin
    after the span does; `held`: whether any of them holds a record, in the span or not.
    """

    def __init__(self, log: Log, codec: Codec, span: Span, names: Collection[str]) -> None:
        self._log, self._codec, self._span, self._names = log, codec, span, names
        self.unread = 0
        self.late: list[str] = []
        self.held = False

    def topic(self, topic: str) -> Iterator[Seen]:
        """Those of the span. Raises `TopicMissing`."""
        for tp in partitions(self._log, topic):
            yield from self._range(tp, *self._bounds(tp))

    def shards(self, topic: str) -> Iterator[Seen]:
        """Those of an epochs topic, from the last epoch before the span on: what opens a shard is
        stamped with the time that its predecessor had reached. Raises `TopicMissing`.
        """
        for tp in partitions(self._log, topic):
            first, end = self._bounds(tp)
            yield from self._range(tp, self._epoch_before(tp, first), end)

    def _bounds(self, tp: Tp) -> tuple[int, int]:
        low, end = self._log.bounds(tp)
        self.held = self.held or low < end
        from_ms, to_ms = self._span
        first = low if from_ms is None else self._log.offset_at(tp, from_ms)
        if 0 < low == first:
            self.late.append(f"{tp.topic}/{tp.partition}")
        return first, end if to_ms is None else self._log.offset_at(tp, to_ms)

    def _epoch_before(self, tp: Tp, first: int) -> int:
        low, reach = self._log.bounds(tp)[0], TAIL
        while True:
            start = max(low, first - reach)
            with closing(self._range(tp, start, first)) as found:
                if start == low or any(isinstance(one.event, EpochCommitted) for one in found):
                    return start
            reach *= 8

    def _range(self, tp: Tp, start: int, end: int) -> Generator[Seen, None, None]:
        with closing(passing(self._log, tp, start, end, DEADLINE_S)) as found:
            for message in found:
                yield from self._seen(tp, message)

    def _seen(self, tp: Tp, message: Message) -> Iterator[Seen]:
        try:
            if self._codec.name_of(message.value()) in self._names:
                event = self._codec.decode(message.value())
                place = f"{tp.topic}/{tp.partition}/{message.offset()}"
                yield Seen(tp, message.timestamp()[1], event, place)
        except DecodeError:
            self.unread += 1
