"""From a log or an archive to a state: where a page's records begin, and which of them tell.

Of topics where only the newest record counts (quotes, balances, epochs) the others are not
even decoded, so that a market in turmoil does not slow the console.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from connectors.log.interface import Log, Message, Tp
from connectors.log.places import present, written_ms
from ops.console.instants import FRAMES_MS, ORDERS_MS, market_since
from ops.console.newest import Place
from ops.console.state import (
    EPOCHS,
    FRAMES,
    MARKET,
    NEWEST_COUNTS,
    ORDERS,
    SNAPSHOTS,
    WHOLE,
    State,
)
from pipelines.reconciliation import says
from schemas.codec import FRAME_BYTES, Codec
from schemas.errors import DecodeError
from schemas.events import ConnectionClosed

logger = logging.getLogger("tape.console")
TOPICS: Final = frozenset((FRAMES, SNAPSHOTS, *MARKET, *ORDERS, *WHOLE, *EPOCHS))
"""All that a page is made of."""
POLL: Final = 2_000
POLL_S: Final = 0.1
BOOKS: Final = "md.book.v1"
FEEDS: Final = "md.feed-status.v1"
"""Read as far back as it reaches: what fell silent for good said so once."""
FEW: Final = 256
"""Looked at of what may have been silent for long: only its newest record counts."""
MOST: Final = {
    FRAMES: 100_000,
    "md.trade.v1": 500_000,
    BOOKS: 100_000,
    "md.quote.v1": 50_000,
    FEEDS: 50_000,
    **dict.fromkeys(ORDERS, 50_000),
}
"""Records read back of one partition, however young they are: a start stays a matter of seconds."""


def places(log: Log, at_ms: int) -> dict[Tp, int]:
    """Where to begin reading each partition for a page of that time (log time, milliseconds)."""
    since = dict.fromkeys(MARKET, market_since(at_ms)) | dict.fromkeys(ORDERS, at_ms - ORDERS_MS)
    since |= dict.fromkeys((SNAPSHOTS, *EPOCHS), market_since(at_ms))
    since |= {FRAMES: at_ms - FRAMES_MS} | dict.fromkeys((BOOKS, FEEDS, *WHOLE), 0)
    return {tp: _start(log, tp, since[tp.topic], at_ms) for tp in present(log, *since)}


def _start(log: Log, tp: Tp, since_ms: int, at_ms: int) -> int:
    low, high = log.bounds(tp)
    if tp.topic in WHOLE or low == high:  # most partitions are empty, and every question costs
        return low
    start, end = log.offset_at(tp, since_ms), log.offset_at(tp, at_ms + 1)
    if tp.topic in (FRAMES, SNAPSHOTS, *EPOCHS):
        start = min(start, end - FEW)
    return max(low, start, end - MOST.get(tp.topic, end))


def past(log: Log, codec: Codec, at_ms: int, fresh: Callable[[], State] = State) -> State:
    """The state as it was when log time had reached `at_ms`. Raises `TapeError`."""
    state, starts = fresh(), places(log, at_ms)
    ends = {tp: log.offset_at(tp, at_ms + 1) for tp in starts}
    telling = Telling(codec)
    for tp, messages in until(log, starts, ends):
        apply(state, codec, telling.of(tp, messages))
    return state


def until(
    log: Log, starts: Mapping[Tp, int], ends: Mapping[Tp, int]
) -> Iterator[tuple[Tp, list[Message]]]:
    """Committed records in [start, end) of each partition, a batch at a time."""
    at = {tp: start for tp, start in starts.items() if start < ends[tp]}
    reader = log.reader(at)
    try:
        while at:
            for tp, messages in reader.poll(POLL, POLL_S).items():
                if tp in at:
                    at[tp] = messages[-1].offset() + 1
                    yield tp, [m for m in messages if m.offset() < ends[tp]]
            over = [tp for tp in at if reader.end_seen(tp, at[tp]) >= ends[tp]]
            reader.pause(over)
            for tp in over:
                del at[tp]
    finally:
        reader.close()


def apply(state: State, codec: Codec, messages: Iterable[Message]) -> int:
    """Folds messages of any partitions; how many. What is no event is said and left out."""
    count = 0
    for message in messages:
        count += 1
        topic, partition = message.topic(), message.partition()
        at_ms = written_ms(message) if topic == says.CONTROL else message.timestamp()[1]
        if topic != FRAMES:  # of which each line's highest is read, wherever it lies
            at_ms = state.log_time(Tp(topic, partition), at_ms)
        place = Place(at_ms, topic, partition, message.offset())
        try:
            event = codec.decode(_value(message))
        except DecodeError as error:
            logger.warning("%s/%d/%d is not shown: %s", *place[1:], error)
            continue
        _frame(state, place, event) if topic == FRAMES else state.apply(place, event)
    return count


def _frame(state: State, place: Place, event: Any) -> None:
    if not isinstance(event, ConnectionClosed):
        state.heard(event.venue, event.line, place.at_ms)


class Telling:
    """Which records of a batch are worth decoding. `_opened`: partitions of epochs whose newest
    record so far says that a shard opened: what follows may be a boundary. `_whole`: keys of books
    of which a snapshot was seen.
    """

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._opened: set[Tp] = set()
        self._whole: set[bytes | None] = set()

    def of(self, tp: Tp, messages: Sequence[Message]) -> Iterable[Message]:
        if tp.topic == FRAMES:
            return _loudest(messages)
        if tp.topic in NEWEST_COUNTS:
            return _newest(messages, _key_of)
        if tp.topic in EPOCHS:
            return self._epochs(tp, messages)
        return self._books(messages) if tp.topic == BOOKS else messages

    def _books(self, messages: Sequence[Message]) -> list[Message]:
        """Of each book its newest snapshot and what follows; nothing before its first one."""
        begins = {m.key(): at for at, m in enumerate(messages) if self._is_snapshot(m)}
        self._whole.update(begins)
        return [
            message
            for at, message in enumerate(messages)
            if message.key() in self._whole and at >= begins.get(message.key(), 0)
        ]

    def _is_snapshot(self, message: Message) -> bool:
        return _is_marked(message) and self._name_of(message) == "BookChanged"

    def _name_of(self, message: Message) -> str:
        """The event's; empty where it is none."""
        try:
            return self._codec.name_of(_value(message))
        except DecodeError:
            return ""

    def _epochs(self, tp: Tp, messages: Sequence[Message]) -> Iterator[Message]:
        """The newest, and each that follows the opening of a shard."""
        newest = None
        for message in messages:
            name = self._name_of(message)
            if name == "ShardOpened":
                self._opened.add(tp)
                continue
            if not name:
                yield message
                continue
            newest = message
            if tp in self._opened:
                self._opened.discard(tp)
                yield message
        if newest is not None:
            yield newest


def _newest(messages: Sequence[Message], name: Callable[[Message], Any]) -> list[Message]:
    """The last one of each name."""
    return sorted({name(m): m for m in messages}.values(), key=lambda m: m.offset())


def _loudest(messages: Sequence[Message]) -> list[Message]:
    """Of each line the frame with the highest log time."""
    found: dict[bytes, Message] = {}
    for message in messages:
        line = _line_of(message)
        if line not in found or message.timestamp()[1] > found[line].timestamp()[1]:
            found[line] = message
    return list(found.values())


def _key_of(message: Message) -> tuple[bytes | None, bytes]:
    return message.key(), _value(message)[:FRAME_BYTES]


def _line_of(message: Message) -> bytes:
    """The frame, venue and line with which each event of the topic begins, undecoded."""
    value = _value(message)
    return value[: _after_two_texts(value)]


def _is_marked(message: Message) -> bool:
    """The flag behind venue and instrument of a BookChanged, undecoded."""
    value = _value(message)
    at = _after_two_texts(value)
    return value[at : at + 1] == b"\x01"


def _after_two_texts(value: bytes) -> int:
    """Where the third field begins; a text's length is below 64: one byte, doubled. Of what is no
    event somewhere.
    """
    end = FRAME_BYTES
    for _ in range(2):
        end += 1 + value[end] // 2 if end < len(value) else 0
    return end


def _value(message: Message) -> bytes:
    """A deletion has none."""
    return message.value() or b""
