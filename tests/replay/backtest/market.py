"""A captured market as a log in memory, and the example desk over it."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from functools import cache
from typing import Any

from connectors.feed.capture import Frame, load
from connectors.log.interface import OutRecord
from connectors.log.memory import MemoryLog
from connectors.partitioner import murmur2_partition
from connectors.venues import FOLDERS, venue
from pipelines.batches import batch_of, local_codec
from pipelines.logic import Input, Output, Position
from pipelines.market.logic import MarketLogic
from schemas.events import ClockTick, FrameReceived

CODEC = local_codec()
BEGIN_MS = 1_750_000_000_000
CAPTURES = ("binance_spot_btcusdt_20240808", "binance_spot_ethusdt_20240808")
CLOCK = "ops.clock.v1"
TOPICS = ("md.trade.v1", "md.quote.v1", "md.book.v1", "md.mark.v1", CLOCK)


@cache
def captured(seconds: float) -> tuple[Output, ...]:
    """What the market pipeline makes of two captures, with a tick every second."""
    logic = MarketLogic({code: venue(code).parse() for code in FOLDERS})
    state, found, ticks = logic.initial(), list[Output](), 0
    for offset, frame in enumerate(load(CAPTURES, 0.0, seconds)):
        at_ms = BEGIN_MS + frame.at_ns // 1_000_000
        while BEGIN_MS + 1_000 * ticks <= at_ms:
            found.append(tick(BEGIN_MS + 1_000 * ticks))
            ticks += 1
        state, outputs = logic.step(state, batch_of([_received(offset, frame, at_ms)]))
        found += [one for one in outputs if one.topic in TOPICS]
    return tuple(found)


def _received(offset: int, frame: Frame, at_ms: int) -> Input:
    event = FrameReceived(frame.venue, "A", "capture", at_ms * 1_000_000, frame.payload)
    return Input(Position("md.raw.v1", 0, offset), at_ms, b"", event)


def tick(at_ms: int) -> Output:
    return Output(Position(CLOCK, 0, 0), at_ms, CLOCK, "", ClockTick(at_ms * 1_000_000))


def log_of(outputs: Iterable[Output], partitions: int = 4) -> MemoryLog:
    counts = {topic: 1 if topic == CLOCK else partitions for topic in TOPICS}
    log = MemoryLog(counts)
    for one in outputs:
        key = one.key.encode()
        place = murmur2_partition(key, counts[one.topic])
        log.append(OutRecord(one.topic, place, key, CODEC.encode(one.event), one.timestamp_ms))
    return log


def money(**qty: str) -> dict[str, Any]:
    return {asset: Decimal(text) for asset, text in qty.items()}
