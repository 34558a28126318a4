"""What a venue's parser says of one frame: the vocabulary between `connectors/venues` and `market`.

A parser is `parse(frame) -> list[Parsed]`: pure, in the frame's own order, and it never raises. A
frame that cannot be used gives one `Refused` and nothing else: a frame counts whole or not at all.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Final, NamedTuple, TypeAlias

from schemas.events import (
    BookChanged,
    DeadLetterReason,
    FrameReceived,
    QuoteChanged,
    TradePrinted,
)

TRADE: Final = "trade"
QUOTE: Final = "quote"
DEPTH: Final = "depth"


class Order(Enum):
    """How a venue orders a stream, hence how several lines of it become one.

    CHAINED: every message names its place and its predecessor's; a hole shows.
    LATEST: places rise but may skip; only what is newer than the newest counts.
    EACH: ids without order: each counts once.
    FOLLOWED: no place that two connections share: one connection is followed at a time.
    """

    CHAINED = "CHAINED"
    LATEST = "LATEST"
    EACH = "EACH"
    FOLLOWED = "FOLLOWED"


class Market(NamedTuple):
    """One market event and its place in its stream.

    `stream` is `<instrument>|<kind>`; `feed` is what a frame's log key names: the instrument, or
    the venue where frames of all instruments share one key. `whole`: says everything by itself (a
    depth snapshot, a quote). `strict`: the venue never repeats or goes back on one connection.
    """

    event: TradePrinted | QuoteChanged | BookChanged | None  # None: a place taken by nothing of use
    feed: str
    stream: str
    order: Order
    sequence: int  # its place or id; for FOLLOWED without meaning
    previous: int  # CHAINED: `sequence` of the message before
    whole: bool
    strict: bool


class Numbered(NamedTuple):
    """The connection's own count of messages. Comes before the frame's other items."""

    feed: str
    number: int


class Heartbeat(NamedTuple):
    """The venue says that the connection lives."""

    feed: str


class SubscriptionAcked(NamedTuple):
    """The venue accepted a subscription; `streams` as it named them, where it does."""

    streams: tuple[str, ...]


class VenueError(NamedTuple):
    """The venue reports an error, a refused subscription included."""

    detail: str


class Ignored(NamedTuple):
    """A frame of a known kind that Tape has no use for."""

    kind: str


class Refused(NamedTuple):
    """The frame cannot be used; `detail` is for a person."""

    reason: DeadLetterReason
    detail: str


Parsed: TypeAlias = (
    Market | Numbered | Heartbeat | SubscriptionAcked | VenueError | Ignored | Refused
)
Parse: TypeAlias = Callable[[FrameReceived], list[Parsed]]
