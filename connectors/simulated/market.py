"""Where the venue's market comes from: the seam, and a recorded one.

A source gives market events in order, at their pace; the venue applies each batch as it comes. The
log's market is another class with the same method (`followed`).
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import AsyncIterator, Sequence
from typing import Final, NamedTuple, Protocol

from connectors.feed.capture import Frame
from connectors.venues import FOLDERS, venue
from pipelines.batches import batch_of
from pipelines.logic import Input, Position
from pipelines.market.logic import RAW, MarketLogic
from pipelines.matching.state import Market
from schemas.events import BookChanged, FrameReceived, QuoteChanged, TradePrinted

LINE: Final = "A"
VENUE: Final = "BINANCE"  # whose instruments are traded here: `BTCUSDT.BINANCE`

AT_ONCE: Final = 99  # frames, while requests wait; so few are read row by row


class MarketEvent(NamedTuple):
    """A market event and, of one from the log, where it lies."""

    event: Market
    position: Position | None = None


class MarketSource(Protocol):
    """`batches` ends where the market ends; the venue then stays open with the book it has."""

    def batches(self) -> AsyncIterator[Sequence[MarketEvent]]: ...


class CaptureReader:
    """Recorded frames to market events, by the market pipeline itself: parsed, in sequence, depth
    joined to its snapshot, nothing twice.
    """

    def __init__(self) -> None:
        self._logic = MarketLogic({code: venue(code).parse() for code in FOLDERS})
        self._state = self._logic.initial()
        self._offset = 0

    def read(self, frames: Sequence[Frame]) -> list[Market]:
        """The events of the next frames."""
        found: list[Market] = []
        for start in range(0, len(frames), AT_ONCE):
            rows = [self._input(one) for one in frames[start : start + AT_ONCE]]
            self._state, outputs = self._logic.step(self._state, batch_of(rows))
            found += [
                one.event
                for one in outputs
                if isinstance(one.event, BookChanged | QuoteChanged | TradePrinted)
            ]
        return found

    def _input(self, frame: Frame) -> Input:
        event = FrameReceived(frame.venue, LINE, "capture", frame.at_ns, frame.payload)
        self._offset += 1
        return Input(Position(RAW, 0, self._offset), frame.at_ns // 1_000_000, b"", event)


class CaptureMarket:
    """A capture at a speed; None: as fast as it can be read."""

    def __init__(self, frames: Sequence[Frame], speed: float | None = 1.0) -> None:
        self._frames, self._speed = frames, speed
        self.played = 0

    async def batches(self) -> AsyncIterator[Sequence[MarketEvent]]:
        reader, loop = CaptureReader(), asyncio.get_running_loop()
        started_s = loop.time()
        while self.played < len(self._frames):
            end = await self._due(started_s)
            yield list(map(MarketEvent, reader.read(self._frames[self.played : end])))
            self.played = end
            await asyncio.sleep(0)  # requests come between

    async def _due(self, started_s: float) -> int:
        """Waits for the next frame; the end of those that are due then."""
        most = self.played + AT_ONCE
        if self._speed is None:
            return min(len(self._frames), most)
        loop, first_ns = asyncio.get_running_loop(), self._frames[0].at_ns
        next_s = (self._frames[self.played].at_ns - first_ns) / 1e9 / self._speed
        await asyncio.sleep(max(0.0, started_s + next_s - loop.time()))
        now_ns = first_ns + int((loop.time() - started_s) * self._speed * 1e9)
        end = bisect_right(self._frames, now_ns, self.played, key=lambda frame: frame.at_ns)
        return max(self.played + 1, min(end, most))
