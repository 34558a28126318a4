"""One input being decided: where outputs go, and the events that say how a feed does."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from typing import Any, Final

from pipelines.logic import Output, Position
from pipelines.market.settings import MarketSettings
from pipelines.market.state import Feed, MarketState, Stream
from schemas.events import (
    FailoverReason,
    FeedDiverged,
    FeedFailedOver,
    FeedFault,
    FeedGapped,
    FeedRecovered,
    FeedWentStale,
)
from schemas.exacts import Exacts

STATUS: Final = "md.feed-status.v1"
_new: Callable[..., Any] = tuple.__new__


class Turn:
    """The input at hand and its outputs so far. `ts_recv_ns` is a clock tick's own time."""

    __slots__ = ("out", "position", "settings", "state", "timestamp_ms", "ts_recv_ns")

    def __init__(self, settings: MarketSettings, state: MarketState, out: list[Output]) -> None:
        self.settings, self.state, self.out = settings, state, out
        self.position = Position("", 0, 0)
        self.timestamp_ms = self.ts_recv_ns = 0

    def emit(self, topic: str, key: str, event: object) -> None:
        self.out.append(_new(Output, (self.position, self.timestamp_ms, topic, key, event, "")))

    def _report(self, event: Any) -> None:
        self.emit(STATUS, f"{event.venue}:{event.stream}", event)

    def gapped(self, stream: Stream, line: str, expected: int, received: int) -> None:
        venue = stream.feed.venue
        self._report(FeedGapped(venue, stream.name, line, expected, received, self.ts_recv_ns))

    def recovered(
        self, feed: Feed, name: str, line: str, after: FeedFault, sequence: int | None = None
    ) -> None:
        self._report(FeedRecovered(feed.venue, name, line, after, sequence, self.ts_recv_ns))

    def diverged(
        self, stream: Stream, identity: int, line: str, other: str, digest: bytes, content: object
    ) -> None:
        self._report(
            FeedDiverged(
                stream.feed.venue,
                stream.name,
                str(identity),
                line,
                other,
                digest,
                digest_of(content),
                self.ts_recv_ns,
            )
        )

    def went_stale(self, feed: Feed, line: str, age_ms: int) -> None:
        self._report(FeedWentStale(feed.venue, feed.name, line, age_ms, self.ts_recv_ns))

    def failed_over(self, feed: Feed, to_line: str, reason: FailoverReason) -> None:
        event = FeedFailedOver(feed.venue, feed.name, feed.leader, to_line, reason, self.ts_recv_ns)
        feed.leader = to_line
        self._report(event)


def digest_of(content: object) -> bytes:
    """SHA-256 of what a message says; numbers print alike however the venue wrote them."""
    return content if isinstance(content, bytes) else sha256(_text(content).encode()).digest()


def _text(content: object) -> str:
    if isinstance(content, tuple | Exacts):
        return f"({','.join(map(_text, content))})"
    return str(content)
