"""Fills topics: trades as the market pipeline writes them, frames as connectors do.

Trades are drawn one by one, at random, from those of the shipped captures of Binance spot: price
changes, quantities, sides and times are real ones, their order is not. Frames are the captures
themselves, repeated under other symbols so that no frame repeats another.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import count, pairwise
from typing import NamedTuple

from confluent_kafka import KafkaError, Producer

from connectors.epochs.encode import Encoder
from connectors.epochs.model import Shard
from connectors.feed.capture import load
from connectors.log.interface import OutRecord
from connectors.partitioner import murmur2_partition
from connectors.venues import venue
from ops.settings import Settings
from pipelines.logic import Output, Position
from schemas.codec import Codec
from schemas.events import ClockTick, FrameReceived, Side, TradePrinted
from schemas.numbers import exact
from schemas.secret import revealed

PARTITIONS = 4
INSTRUMENTS = 4  # of the trades that most measurements read
QUICKEST_NS = 1_270_000  # from a trade to its receipt
PER_MS = 1  # record timestamps: trades a millisecond
CAPTURES = ("binance_spot_btcusdt_20240808", "binance_spot_ethusdt_20240808")


class Filled(NamedTuple):
    """What a topic was given, and how fast."""

    events: int
    seconds: float


def instruments(number: int) -> list[str]:
    """That many names, spread evenly over the partitions."""
    each: dict[int, list[str]] = {p: [] for p in range(PARTITIONS)}
    wanted = -(-number // PARTITIONS)
    for at in count():
        name = f"T{at}USDT.BINANCE"
        found = each[murmur2_partition(name.encode(), PARTITIONS)]
        if len(found) < wanted:
            found.append(name)
        if all(len(names) == wanted for names in each.values()):
            return [name for names in zip(*each.values(), strict=True) for name in names][:number]
    raise AssertionError("unreachable: count() has no end")


class Move(NamedTuple):
    """A captured trade, against the one before it: price change in ticks of 0.01, quantity, side,
    milliseconds since; and how many nanoseconds later than the quickest it was received.
    """

    ticks: int
    qty: Decimal
    side: Side
    gap_ms: int
    late_ns: int


def moves() -> list[Move]:
    """All trades of the shipped Binance spot captures but each one's first."""
    found: list[Move] = []
    for name in CAPTURES:
        printed = (frame for frame in load((name,)) if b'"e":"trade"' in frame.payload)
        trades = [(frame.at_ns, json.loads(frame.payload)["data"]) for frame in printed]
        quickest_ns = min(at_ns - trade["T"] * 1_000_000 for at_ns, trade in trades)
        for (_, before), (at_ns, trade) in pairwise(trades):
            ticks = int((Decimal(trade["p"]) - Decimal(before["p"])) * 100)
            side: Side = "SELL" if trade["m"] else "BUY"
            gap_ms = max(0, trade["T"] - before["T"])
            late_ns = at_ns - trade["T"] * 1_000_000 - quickest_ns
            found.append(Move(ticks, exact(trade["q"]), side, gap_ms, late_ns))
    return found


def trades(number: int, names: list[str], codec: Codec) -> Iterator[OutRecord]:
    """Records of `md.trade.v1` with the headers of the market pipeline."""
    chance, drawn = random.Random(1), moves()
    encoder = Encoder(Shard("market", 0, 1, (), ""), codec, lambda topic: PARTITIONS)
    ticks = [6_000_000 + 100 * at for at in range(len(names))]
    ts_ms, began_ms = 1_723_161_255_342, time.time_ns() // 1_000_000
    for at in range(number):
        which, move = at % len(names), chance.choice(drawn)
        ticks[which] += move.ticks
        ts_ms += move.gap_ms
        event = TradePrinted(
            "BINANCE",
            names[which],
            str(3_735_683_259 + at),
            move.side,
            Decimal(ticks[which]).scaleb(-2),
            move.qty,
            ts_ms * 1_000_000,
            ts_ms * 1_000_000 + QUICKEST_NS + move.late_ns,
            "A",
        )
        cause = Position("md.raw.v1", which % PARTITIONS, 100_000_000 + at)
        (record,) = encoder.records([Output(cause, 0, "md.trade.v1", names[which], event)])
        yield record._replace(timestamp_ms=began_ms + at // PER_MS)


class RawFrame(NamedTuple):
    """A captured frame; `at_ns` counts from the first."""

    at_ns: int
    venue: str
    payload: bytes


def frames(number: int) -> Iterator[RawFrame]:
    """That many frames, in time order; after the captures' end again, under other symbols."""
    once = load(CAPTURES)
    length_ns = once[-1].at_ns + 1_000_000
    for copy in count():
        suffix = b"" if copy == 0 else b"%d" % copy
        for frame in once:
            if number == 0:
                return
            number -= 1
            payload = frame.payload if copy == 0 else _renamed(frame.payload, suffix)
            yield RawFrame(copy * length_ns + frame.at_ns, frame.venue, payload)


def _renamed(payload: bytes, suffix: bytes) -> bytes:
    for name in (b"btcusdt", b"ethusdt"):
        payload = payload.replace(b'"%s@' % name, b'"%s%s@' % (name, suffix), 1)
        payload = payload.replace(b'"%s"' % name.upper(), b'"%s%s"' % (name.upper(), suffix), 1)
    return payload


def raw_records(found: Iterable[RawFrame], codec: Codec) -> Iterator[OutRecord]:
    """Records of `md.raw.v1`, and the clock's ticks between them."""
    encode, began_ns, ticks = codec.encoder(FrameReceived), time.time_ns(), 0
    routes = {frame_venue: venue(frame_venue).route() for frame_venue in ("BINANCE",)}
    for frame in found:
        ts_ns = began_ns + frame.at_ns
        while ticks * 1_000_000_000 <= frame.at_ns:
            tick_ns = began_ns + ticks * 1_000_000_000
            value = codec.encode(ClockTick(tick_ns))
            yield OutRecord("ops.clock.v1", 0, b"", value, tick_ns // 1_000_000)
            ticks += 1
        instrument = routes[frame.venue](frame.payload)
        key = (f"{frame.venue}:{instrument}" if instrument else frame.venue).encode()
        value = encode(FrameReceived(frame.venue, "A", "a" * 32, ts_ns, frame.payload))
        partition = murmur2_partition(key, PARTITIONS)
        yield OutRecord("md.raw.v1", partition, key, value, ts_ns // 1_000_000)


def fill(settings: Settings, records: Iterable[OutRecord]) -> Filled:
    """Writes the records as an edge does: confirmed, not in transactions."""
    chosen = {
        "linger.ms": 20,
        "compression.type": "lz4",
        "batch.size": 1_000_000,
        "queue.buffering.max.messages": 500_000,
    }
    producer = Producer(revealed({**chosen, **settings.kafka_options()}))
    failed: list[KafkaError] = []
    began, number = time.perf_counter(), 0
    for record in records:
        _produce(producer, settings.topic_prefix, record, failed)
        number += 1
    left = producer.flush(120)
    assert not left, f"{left} records were not confirmed"
    assert not failed, failed[0]
    return Filled(number, time.perf_counter() - began)


def _produce(producer: Producer, prefix: str, record: OutRecord, failed: list[KafkaError]) -> None:
    def delivered(error: KafkaError | None, _: object) -> None:
        if error is not None:
            failed.append(error)

    while True:
        try:
            producer.produce(
                prefix + record.topic,
                record.value,
                record.key,
                record.partition,
                on_delivery=delivered,
                timestamp=record.timestamp_ms,
                headers=list(record.headers),
            )
            return
        except BufferError:
            producer.poll(0.1)
