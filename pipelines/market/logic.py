"""The market pipeline: raw frames of redundant lines to one stream of market events.

Parsers are given by venue, so that this knows no venue. `step` runs each input through the same
function as `evolve`; `decide` runs it on copies of the feeds concerned. State follows the inputs
alone: of its own outputs only dead letters count.

Order inside an epoch: decoding errors first, then by (causing record, order of decision). A refused
frame is kept with its payload as the original; its record's other fields are found by position.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from hashlib import sha256
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pipelines.dead_letters import DLQ_SUFFIX, count_all
from pipelines.dead_letters import count as count_dead_letter
from pipelines.logic import ROWS_MAX, Batch, Input, InputTopic, Output, Position
from pipelines.market import saved
from pipelines.market.arbitration import ARBITERS
from pipelines.market.connections import close, count, feed_of, hear, sorted_feeds, tick
from pipelines.market.marks import MARKS
from pipelines.market.parsed import (
    DEPTH,
    QUOTE,
    TRADE,
    Heartbeat,
    Market,
    Numbered,
    Parse,
    Parsed,
    Refused,
    VenueError,
)
from pipelines.market.settings import DEFAULTS, MarketSettings
from pipelines.market.state import MarketState, Stream
from pipelines.market.turn import STATUS, Turn
from schemas.events import (
    ClockTick,
    ConnectionClosed,
    ConnectionOpened,
    DeadLettered,
    FrameReceived,
)

if TYPE_CHECKING:
    import polars as pl

RAW: Final = "md.raw.v1"
CLOCK: Final = "ops.clock.v1"
TOPICS: Final = {TRADE: "md.trade.v1", QUOTE: "md.quote.v1", DEPTH: "md.book.v1"}
EVENTS: Final = (FrameReceived, ConnectionOpened, ConnectionClosed, ClockTick)
COPIES_MAX: Final = 1 << 12
COPY_BYTES_MAX: Final = 1 << 14
_PLACE: Final = ("_index", "_topic", "_partition", "_offset", "_timestamp_ms")

Row = tuple[Position, int, Any]  # position, timestamp_ms, event


class _Venue(NamedTuple):
    """How to parse a venue's frames, and what the newest ones said, by their bytes.

    A second line delivers the same bytes. What they said need not be parsed again where all it does
    is to repeat what has been passed on: no event is made of it. No part of the state.
    """

    parse: Parse
    bytes_max: int
    copies: dict[bytes, list[Parsed]]


class MarketLogic:
    """See `pipelines.logic.Logic`."""

    name = "market"
    inputs = (InputTopic(RAW), InputTopic(CLOCK, broadcast=True))
    outputs = (*TOPICS.values(), MARKS, STATUS, RAW + DLQ_SUFFIX)
    state_version = 1

    def __init__(self, parsers: Mapping[str, Parse], settings: MarketSettings = DEFAULTS) -> None:
        self._settings = settings
        limit, limits = settings.frame_bytes_max, settings.frame_bytes_max_of
        self._venues = {
            venue: _Venue(parse, limits.get(venue, limit), {}) for venue, parse in parsers.items()
        }
        self._unknown = _Venue(_no_parser, limit, {})

    def initial(self) -> MarketState:
        return MarketState({}, 0, {})

    def decide(self, state: MarketState, item: Input) -> list[Output]:
        out: list[Output] = []
        scratch = state.part(self._concerned(state, item))
        self._run(scratch, out, [(item.position, item.timestamp_ms, item.event)])
        return out

    def evolve(self, state: MarketState, fact: Input | Output) -> MarketState:
        if isinstance(fact, Input):
            self._run(state, [], [(fact.position, fact.timestamp_ms, fact.event)])
        elif isinstance(fact.event, DeadLettered):
            count_dead_letter(state.dead_letters, fact.position, self._settings.dead_letters)
        return state

    def step(self, state: MarketState, batch: Batch) -> tuple[MarketState, list[Output]]:
        out = list(batch.errors)
        self._run(state, out, rows(batch))
        refused = (output for output in out if output.event.__class__ is DeadLettered)
        count_all(state.dead_letters, refused, self._settings.dead_letters)
        return state, out

    def dump(self, state: MarketState) -> bytes:
        return saved.dump(state)

    def load(self, body: bytes, version: int) -> MarketState:
        return saved.load(body, version, self._settings)

    def _concerned(self, state: MarketState, item: Input) -> Iterable[str]:
        """The feeds that the input may read or change."""
        event = item.event
        if isinstance(event, FrameReceived):
            items = self._parse(event)
            return {item.feed for item in items if isinstance(item, Market | Numbered | Heartbeat)}
        if isinstance(event, ClockTick):
            due = {due.feed for due in state.due if due.at_ms <= event.ts_ns // 1_000_000}
            return due | {state.streams[name].feed.name for name in state.holes}
        return [feed.name for feed in sorted_feeds(state) if event.connection in feed.connections]

    def _run(self, state: MarketState, out: list[Output], inputs: Iterable[Row]) -> None:
        turn, frame = Turn(self._settings, state, out), self._frame
        for position, timestamp_ms, event in inputs:
            turn.position, turn.timestamp_ms = position, timestamp_ms
            if event.__class__ is FrameReceived:
                frame(state, turn, event)
            elif event.__class__ is ClockTick:
                turn.ts_recv_ns = event.ts_ns
                tick(state, turn, event)
            elif event.__class__ is ConnectionClosed:
                turn.ts_recv_ns = event.ts_recv_ns
                close(state, turn, event)

    def _parse(self, frame: FrameReceived) -> list[Parsed]:
        parse, bytes_max, _ = self._venues.get(frame.venue) or self._unknown
        payload = frame.payload
        return parse(frame) if len(payload) <= bytes_max else _too_large(payload, bytes_max)

    def _frame(self, state: MarketState, turn: Turn, frame: FrameReceived) -> None:
        """Every item of a frame, until one is refused."""
        venue, line, id, turn.ts_recv_ns, payload = frame
        parse, bytes_max, copies = self._venues.get(venue) or self._unknown
        items = copies.pop(payload, None) if copies else None
        if items is None or not _is_repeat(state, items):
            items = parse(frame) if len(payload) <= bytes_max else _too_large(payload, bytes_max)
        for item in items:
            if item.__class__ is Market:
                stream = state.streams.get(item.stream)
                if stream is None:
                    stream = _open(state, turn, frame, item)
                connection = hear(state, turn, stream.feed, line, id)
                before = stream.last
                refusal = stream.arbiter(turn, stream, connection, item)
                if len(stream.reached) > 1 and stream.last is not before:
                    _keep(copies, payload, items)
            else:
                refusal = self._other(state, turn, frame, item)
            if refusal is not None:
                self._refuse(turn, frame, refusal)
                return

    def _other(
        self, state: MarketState, turn: Turn, frame: FrameReceived, item: Parsed
    ) -> Refused | None:
        if isinstance(item, Numbered | Heartbeat):
            feed = feed_of(state, item.feed, frame.venue, turn.position.partition)
            connection = hear(state, turn, feed, frame.line, frame.connection)
            return count(turn, feed, connection, item) if isinstance(item, Numbered) else None
        if isinstance(item, VenueError):
            return Refused("VENUE_ERROR", item.detail)
        return item if isinstance(item, Refused) else None

    def _refuse(self, turn: Turn, frame: FrameReceived, refusal: Refused) -> None:
        payload, position = frame.payload, turn.position
        letter = DeadLettered(
            refusal.reason,
            self.name,
            *position,
            len(payload),
            sha256(payload).digest(),
            payload[: self._settings.original_bytes_max],
            frame.ts_recv_ns,
        )
        topic, key = RAW + DLQ_SUFFIX, f"{position.topic}/{position.partition}"
        turn.out.append(Output(position, turn.timestamp_ms, topic, key, letter, refusal.detail))


def _too_large(payload: bytes, bytes_max: int) -> list[Parsed]:
    return [Refused("TOO_LARGE", f"{len(payload)} bytes, {bytes_max} are allowed")]


def _no_parser(frame: FrameReceived) -> list[Parsed]:
    return [Refused("UNKNOWN_STREAM", f"no parser for venue {frame.venue!r}"[:200])]


def _keep(copies: dict[bytes, list[Parsed]], payload: bytes, items: list[Parsed]) -> None:
    """For the line that comes second."""
    if len(items) == 1 and len(payload) < COPY_BYTES_MAX:
        if len(copies) >= COPIES_MAX:
            copies.clear()
        copies[payload] = items


def _is_repeat(state: MarketState, items: list[Parsed]) -> bool:
    """Whether the one item is of a place that its stream has passed, no snapshot, and surely not
    where ids begin anew.
    """
    (item,) = items
    assert isinstance(item, Market)
    stream = state.streams.get(item.stream)
    if stream is None or stream.last is None or (item.whole and stream.anchored):
        return False
    return item.sequence <= stream.last and not stream.behind


def _open(state: MarketState, turn: Turn, frame: FrameReceived, item: Market) -> Stream:
    """The state of a stream seen for the first time."""
    feed = feed_of(state, item.feed, frame.venue, turn.position.partition)
    instrument, _, kind = item.stream.rpartition("|")
    arbiter = ARBITERS[item.order]
    places = (TOPICS[kind], instrument, kind == DEPTH)
    stream = Stream(feed, item.stream, item.order, arbiter, *places)
    feed.streams[stream.name] = state.streams[stream.name] = stream
    return stream


def rows(batch: Batch) -> Iterator[Row]:
    """The batch's records in merged order; many are made from columns, a third of the cost."""
    if batch.count < ROWS_MAX:
        return map(itemgetter(0, 1, 3), batch.rows())
    tables = [
        (event, batch.tables[event.__name__])
        for event in EVENTS
        if event.__name__ in batch.tables and event is not ConnectionOpened
    ]
    if len(tables) == 1:
        return map(itemgetter(slice(1, None)), _rows(*tables[0]))
    found = [row for event, table in tables for row in _rows(event, table)]
    found.sort(key=itemgetter(0))
    return map(itemgetter(slice(1, None)), found)


def _rows(event: Any, table: pl.DataFrame) -> Iterator[tuple[Any, ...]]:
    index, topic, partition, offset, timestamp_ms = (table[name].to_list() for name in _PLACE)
    columns = (table[name].to_list() for name in event._fields)
    positions = map(partial(tuple.__new__, Position), zip(topic, partition, offset, strict=True))
    events = map(partial(tuple.__new__, event), zip(*columns, strict=True))
    return zip(index, positions, timestamp_ms, events, strict=True)
