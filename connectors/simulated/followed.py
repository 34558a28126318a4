"""The market of the log: what `md.trade`, `md.quote` and `md.book` say, as they say it.

A venue that starts late knows nothing of the depth until the next snapshot, and the market may give
none for days. So it looks back first, over quotes and depth only: what traded while it was away
traded without it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from connectors.log.interface import Log, Message, Tp
from connectors.log.places import partitions
from connectors.simulated.market import VENUE, MarketEvent
from pipelines.logic import Position
from schemas.codec import Codec

TOPICS: Final = ("md.book.v1", "md.quote.v1", "md.trade.v1")  # depth first: quotes overtake it
LOOK_BACK: Final = {"md.book.v1": 100_000, "md.quote.v1": 1_000}  # offsets of each partition
RECORDS_MAX: Final = 500  # requests come between
POLL_S: Final = 0.05
READ_S: Final = 20.0
Found = Mapping[Tp, Sequence[Message]]


class FollowedMarket:
    """Never ends. Reads on a thread of its own; raises what the log and the codec raise."""

    def __init__(self, log: Log, codec: Codec, topics: Sequence[str] = TOPICS) -> None:
        """Raises `TopicMissing`, `LogUnreachable`: a venue without a market is not started."""
        self._log, self._codec, self._topics = log, codec, tuple(topics)
        self._tps = partitions(log, *topics)
        self._learned = False

    async def batches(self) -> AsyncIterator[Sequence[MarketEvent]]:
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(1, "market") as thread:
            ends, past = await loop.run_in_executor(thread, self._past)
            for start in range(0, len(past), RECORDS_MAX):
                yield past[start : start + RECORDS_MAX]
                await asyncio.sleep(0)
            reader = self._log.reader(ends)
            try:
                while True:
                    found = await loop.run_in_executor(thread, reader.poll, RECORDS_MAX, POLL_S)
                    yield self._events(found)
                    await asyncio.sleep(0)
            finally:
                thread.shutdown()  # its last poll first
                reader.close()

    def _past(self) -> tuple[dict[Tp, int], list[MarketEvent]]:
        """Where each partition ends, and what was displayed until then."""
        ends, found = {}, {}
        for tp in self._tps:
            low, ends[tp] = self._log.bounds(tp)
            start = max(low, ends[tp] - LOOK_BACK.get(tp.topic, 0))
            found[tp] = self._log.read(tp, start, ends[tp], READ_S)
        return ends, self._events(found)

    def _events(self, found: Found) -> list[MarketEvent]:
        """This venue's events by record timestamp, then topic, partition and offset."""
        rows = [
            (one.timestamp()[1], self._topics.index(tp.topic), tp.partition, one.offset(), tp, one)
            for tp, messages in found.items()
            for one in messages
            if (one.key() or b"").endswith(_OURS)
        ]
        rows.sort(key=lambda row: row[:4])
        if rows and not self._learned:
            # Not before the first event: a desk's venue starts while schemas are registered. From
            # here on it needs no registry, whatever comes.
            self._codec.learn(self._topics)
            self._learned = True
        return [
            MarketEvent(self._codec.decode(one.value()), Position(*tp, offset))
            for _, _, _, offset, tp, one in rows
        ]


_OURS: Final = f".{VENUE}".encode()
