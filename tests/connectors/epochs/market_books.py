"""The market pipeline over the books of 100 instruments, in small epochs, on any log.

Two lines carry depth, quotes and trades of every instrument; epochs are cut in the middle of
chains, and a snapshot is due every few epochs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from connectors.epochs.model import Intent, Shard
from connectors.epochs.opening import open_session
from connectors.epochs.session import Session
from connectors.log.interface import Log, OutRecord
from connectors.log.memory import MemoryLog
from connectors.partitioner import murmur2_partition
from pipelines.logic import Input
from pipelines.market.logic import MarketLogic
from tests.connectors.epochs import driven, toy
from tests.pipelines.market.script import PARSERS, Scribe

INSTRUMENTS, ROUNDS = 100, 6
SHARD: Final = Shard(
    "market", 0, 1, MarketLogic.inputs, "v1",
    records_max=170, snapshot_bytes_min=60_000, snapshot_factor=0,
)  # fmt: skip
TOPICS: Final = {
    **dict.fromkeys((*MarketLogic.outputs, "market.epochs.v1", "market.snapshots.v1"), 4),
    "md.raw.v1": 4,
    "ops.clock.v1": 1,
}


def frames() -> Iterator[Input]:
    """By turns: both lines of every instrument, a snapshot first, then deltas, quotes, trades."""
    scribes = [Scribe(f"coin{number}usdt") for number in range(INSTRUMENTS)]
    for scribe in scribes:
        yield from scribe.write("As4 Bs4")
    for turn in range(ROUNDS):
        for number, scribe in enumerate(scribes):
            scribe.now_ms = 1_000 + 10 * turn
            lost = "" if (number + turn) % 7 else f"Ad{5 + turn}-{5 + turn}"
            both = f"Ad{5 + turn}-{5 + turn} Bd{5 + turn}-{5 + turn}"
            yield from scribe.write(f"{lost or both} Aq{turn} Bq{turn} A{turn} B{turn}")


def raw(inputs: Iterable[Input]) -> Iterator[OutRecord]:
    """The same as records of their topics."""
    for item in inputs:
        topic = item.position.topic
        partition = murmur2_partition(item.key, TOPICS[topic]) if item.key else 0
        value = toy.CODEC.encode(item.event)
        yield OutRecord(topic, partition, item.key, value, item.timestamp_ms)


def recorded() -> MemoryLog:
    log = MemoryLog(TOPICS)
    for record in raw(frames()):
        log.append(record)
    return log


def run(session: Session) -> None:
    driven.drive(session, MarketLogic(PARSERS))


def opened(log: Log, shard: Shard = SHARD) -> Session:
    """It ends where its input does."""
    return open_session(log, toy.CODEC, shard, Intent(start="earliest"), until=lambda: True)


def live(log: Log, shard: Shard = SHARD) -> None:
    run(opened(log, shard))


def outputs(log: MemoryLog) -> dict[bytes, bytes]:
    return driven.outputs(log, MarketLogic.outputs)
