"""A pipeline whose outputs depend on every input before them, in order: the strictest witness for
the laws.

Per instrument it keeps a running hash over trades and clock ticks. Each trade gives one target that
carries it, each tick one for every instrument of the shard.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from decimal import Decimal
from hashlib import sha256
from typing import Any

from connectors.epochs.batch import Decoder
from connectors.epochs.bytewax_ends import EpochSink, EpochSource, run_flow
from connectors.epochs.encode import Encoder, counts_of
from connectors.epochs.model import Intent, Shard
from connectors.epochs.opening import open_session
from connectors.epochs.points import Point, nothing
from connectors.epochs.session import Session
from connectors.log.interface import Log, OutRecord, Tp
from connectors.log.memory import MemoryLog
from connectors.partitioner import murmur2_partition
from pipelines.flow import build_flow
from pipelines.logic import Batch, Input, InputTopic, Output, fold
from schemas.catalog import load_catalog
from schemas.codec import Codec
from schemas.events import ClockTick, TargetChanged, TradePrinted
from schemas.ids import SchemaIds

TRADES, CLOCK, TARGETS = "md.trade.v1", "ops.clock.v1", "signal.target.v1"
INPUTS = (InputTopic(TRADES), InputTopic(CLOCK, broadcast=True))
TOPICS = {TRADES: 4, CLOCK: 1, TARGETS: 4, "toy.epochs.v1": 4, "toy.snapshots.v1": 4}
DEAD_LETTERS = {f"{TRADES}.dlq": 4, f"{CLOCK}.dlq": 1}
INSTRUMENTS = ("BTCUSDT.BINANCE", "ETHUSDT.BINANCE", "SOLUSDT.BINANCE", "XRPUSDT.BINANCE")
CODEC = Codec(catalog := load_catalog(), SchemaIds.local(catalog))


@dataclass
class Witness:
    """Hashes by instrument, and the ticks seen by this shard."""

    hashes: dict[str, str] = field(default_factory=dict)
    ticks: int = 0


class ToyLogic:
    name = "toy"
    inputs: tuple[InputTopic, ...] = INPUTS
    outputs = (TARGETS,)
    state_version = 1

    def __init__(self, salt: str = "", poison: str = "") -> None:
        self.salt, self.poison = salt, poison

    def initial(self) -> Witness:
        return Witness()

    def decide(self, state: Witness, item: Input) -> list[Output]:
        if isinstance(item.event, ClockTick):
            return [self._target(state, item, name, "tick") for name in sorted(state.hashes)]
        trade = item.event
        if trade.trade_id == self.poison:
            raise ZeroDivisionError("poison")
        return [self._target(state, item, trade.instrument, trade.trade_id)]

    def _target(self, state: Witness, item: Input, name: str, content: str) -> Output:
        mixed = f"{self.salt}{state.hashes.get(name, '')}{state.ticks}{content}"
        digest = sha256(mixed.encode()).hexdigest()[:16]
        target = Decimal(int(digest[:8], 16))
        event = TargetChanged("toy", "1", "BINANCE", name, target, None, None, digest, "", None, 0)
        return Output(item.position, item.timestamp_ms, TARGETS, name, event)

    def evolve(self, state: Witness, fact: Input | Output) -> Witness:
        if isinstance(fact, Input) and isinstance(fact.event, ClockTick):
            state.ticks += 1
        elif isinstance(fact, Output):
            state.hashes[fact.event.instrument] = fact.event.correlation_id
        return state

    def step(self, state: Witness, batch: Batch) -> tuple[Witness, list[Output]]:
        state, outputs = fold(self, state, batch.rows())
        return state, [*batch.errors, *outputs]

    def dump(self, state: Witness) -> bytes:
        return json.dumps([state.hashes, state.ticks], sort_keys=True).encode()

    def load(self, body: bytes, version: int) -> Witness:
        return Witness(*json.loads(body))


def shard(number: int = 0, shards: int = 1, **options: Any) -> Shard:
    return Shard("toy", number, shards, INPUTS, options.pop("version", "v1"), **options)


def trade(log: MemoryLog, number: int, timestamp_ms: int, instrument: str = "") -> None:
    log.append(trade_record(number, timestamp_ms, instrument))


def trade_record(number: int, timestamp_ms: int, instrument: str = "") -> OutRecord:
    name = instrument or INSTRUMENTS[number % 4]
    one = Decimal(1)
    event = TradePrinted("BINANCE", name, str(number), "BUY", one, one, None, 0, "A")
    partition = murmur2_partition(name.encode(), 4)
    return OutRecord(TRADES, partition, name.encode(), CODEC.encode(event), timestamp_ms)


def tick_record(timestamp_ms: int) -> OutRecord:
    return OutRecord(CLOCK, 0, b"", CODEC.encode(ClockTick(timestamp_ms * 1_000_000)), timestamp_ms)


def never_exit(code: int, message: str) -> Any:
    raise RuntimeError(f"exit {code}: {message}")


def run(session: Session, log: Log, logic: ToyLogic | None = None) -> None:
    """Drives a session through Bytewax until it stops."""
    encode = Encoder(session.parts.shard, CODEC, counts_of(log))
    source, sink = EpochSource(session), EpochSink(session, never_exit)
    run_flow(build_flow(source, sink, logic or ToyLogic(), Decoder(CODEC, "toy"), encode), session)


def live(
    log: Log,
    which: Shard | None = None,
    logic: ToyLogic | None = None,
    point: Point = nothing,
    **intent: Any,
) -> Session:
    """Opens a shard and runs it until its input is exhausted."""
    wanted = Intent(**{"start": "earliest", **intent})
    session = open_session(log, CODEC, which or shard(), wanted, point=point, until=lambda: True)
    run(session, log, logic)
    return session


def committed(log: MemoryLog, topic: str) -> list[Any]:
    """Every committed event of a topic, by partition and offset."""
    parts = [(tp, p) for tp, p in sorted(log.partitions.items()) if tp.topic == topic]
    return [CODEC.decode(r.value) for _, p in parts for _, r in p.committed(0, p.end)]


def ids(log: MemoryLog, topic: str = TARGETS) -> list[bytes]:
    parts = [(tp, p) for tp, p in sorted(log.partitions.items()) if tp.topic == topic]
    return [dict(r.headers)["ce_id"] for _, p in parts for _, r in p.committed(0, p.end)]


def end_of(log: MemoryLog, topic: str, partition: int = 0) -> int:
    return log.partitions[Tp(topic, partition)].end
