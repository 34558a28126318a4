"""The state of the market pipeline: per feed its lines and connections, per stream its place.

A feed is what one log key names, so all its records are in one partition and nothing here is
shared between feeds but the clock. Cost per record does not depend on how many feeds there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from heapq import heapify
from typing import NamedTuple

from pipelines.dead_letters import Counts
from pipelines.market.parsed import Market, Order, Refused


@dataclass(slots=True)
class Line:
    """One redundant line of a feed, and how it did: its first arrivals, its repeats of others'.

    `lag_ns_sum` and `lag_ns_max` are over repeats whose first arrival was still remembered.
    """

    name: str
    stale: bool = False
    firsts: int = 0
    repeats: int = 0
    lags: int = 0
    lag_ns_sum: int = 0
    lag_ns_max: int = 0


@dataclass(slots=True)
class Connection:
    """A line may have two while one replaces the other. `silent`: not heard for too long, or
    closed as the last of its line, which is stale (`Line.stale`) only after that.
    """

    id: str
    line: Line
    heard_ms: int
    number: int | None = None  # the venue's own count, where it has one
    silent: bool = False


class Seen(NamedTuple):
    """The first arrival of an identity. `content` is its SHA-256 once the state was saved."""

    content: tuple[object, ...] | bytes
    line: str
    ts_recv_ns: int


@dataclass(slots=True)
class Stream:
    """One stream of one instrument.

    `last`: place of the last message passed on; None before the first, and for depth while a
    snapshot is awaited. For EACH, ids up to it are forgotten and count as seen.
    `reached`: by connection, how far it has delivered; only those that are up.
    `held`: messages waiting for one before them, or for a snapshot.
    `since_ms`: log time since which they wait for one before them, else None.
    `behind`: 0, or 1 and how many came in a row at or below `last` since a connection's first.
    `source`: the connection followed (FOLLOWED only).
    `arbiter`: what `order` means, looked up once; hashing an Enum member costs Python calls.
    """

    feed: Feed = field(repr=False, compare=False)
    name: str
    order: Order
    arbiter: Callable[..., Refused | None] = field(repr=False, compare=False)
    topic: str
    key: str
    anchored: bool  # depth: begins, and begins again after a gap, with a snapshot
    last: int | None = None
    snapshot: int | None = None
    gapped: bool = False
    diverged: bool = False
    source: str = ""
    marked_ms: int | None = None
    since_ms: int | None = None
    behind: int = 0
    reached: dict[str, int] = field(default_factory=dict)
    seen: dict[int, Seen] = field(default_factory=dict)
    held: dict[int, Market] = field(default_factory=dict)

    def copy(self, feed: Feed) -> Stream:
        reached, seen, held = dict(self.reached), dict(self.seen), dict(self.held)
        return replace(self, feed=feed, reached=reached, seen=seen, held=held)


@dataclass(slots=True)
class Feed:
    """`leader`: the line reported as leading; `lost`: why it is down, else empty."""

    name: str
    venue: str
    partition: int
    leader: str = ""
    lost: str = ""
    lines: dict[str, Line] = field(default_factory=dict)
    connections: dict[str, Connection] = field(default_factory=dict)
    streams: dict[str, Stream] = field(default_factory=dict)

    def copy(self) -> Feed:
        lines = {name: replace(line) for name, line in self.lines.items()}
        connections = {
            id: replace(connection, line=lines[connection.line.name])
            for id, connection in self.connections.items()
        }
        feed = replace(self, lines=lines, connections=connections, streams={})
        feed.streams = {name: stream.copy(feed) for name, stream in self.streams.items()}
        return feed


class Due(NamedTuple):
    """When to look at a connection again: never later than it may go stale."""

    at_ms: int
    feed: str
    connection: str


@dataclass(slots=True)
class MarketState:
    """`now_ms`: running maximum of the clock. `holes`: the streams that wait for a message, perhaps
    some that no longer do. `streams`, `due` and `holes` follow from `feeds`.
    """

    feeds: dict[str, Feed]
    now_ms: int
    dead_letters: Counts
    streams: dict[str, Stream] = field(default_factory=dict, repr=False)
    due: list[Due] = field(default_factory=list, repr=False, compare=False)
    holes: set[str] = field(default_factory=set, repr=False, compare=False)

    def index(self, due: Iterable[Due]) -> MarketState:
        """Fills in what follows from `feeds`."""
        for feed in self.feeds.values():
            self.streams.update(feed.streams)
        self.due = list(due)
        heapify(self.due)
        self.holes = {name for name, at in self.streams.items() if at.since_ms is not None}
        return self

    def part(self, names: Iterable[str]) -> MarketState:
        """These feeds alone, copied: for deciding without changing anything."""
        feeds = {name: self.feeds[name].copy() for name in names if name in self.feeds}
        due = [at for at in self.due if at.feed in feeds]
        return MarketState(feeds, self.now_ms, {}).index(due)
