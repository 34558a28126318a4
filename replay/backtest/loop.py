"""One closed loop: strategy, risk, reconciliation, gateway and venue run again together, each fed
with what the others made again, never with what the log says that they wrote.

From the log come the market, the clock, control, what the venue was seen to hold, and the gateway's
own requests and answers; from the venue's arrivals the order in which it received what; from the
recorded epochs the input ranges alone, for an epoch's end is nowhere else. Places on the log are
the log's, contents are made: a record is there for its readers once its writer made it again.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from typing import Any, Protocol

from connectors.epochs.batch import EpochBatch
from connectors.epochs.digest import input_digest
from connectors.epochs.encode import Encoder, counts_of
from connectors.epochs.merge import PartitionBuffer
from connectors.epochs.model import Shard
from connectors.epochs.recorded import RecordedOutputs
from connectors.epochs.runs import Slice, run_of
from connectors.epochs.verify import Verifier
from connectors.log.interface import Log, Message, OutRecord, Tp
from connectors.log.memory import MemoryMessage
from pipelines.logic import Logic
from replay.backtest.closed import LOT, READ_S, Link
from replay.rerun import history_of
from replay.times import EVERYTHING
from schemas.codec import Codec
from schemas.errors import TapeError
from schemas.events import EpochCommitted


class NoLoop(TapeError):
    """What was recorded cannot be run as one loop."""


class Made:
    """Records made again, by their places; those of `topics` are had from here alone."""

    def __init__(self) -> None:
        self.topics: set[str] = set()
        self._values: dict[Tp, dict[int, bytes]] = {}

    def put(self, topic: str, partition: int, offset: int, value: bytes) -> None:
        self._values.setdefault(Tp(topic, partition), {})[offset] = value

    def value(self, tp: Tp, offset: int) -> bytes | None:
        return self._values.get(tp, {}).get(offset)

    def of(self, message: Message) -> Message | None:
        """A record as it was made; None where it was not yet."""
        tp = Tp(message.topic(), message.partition())
        if tp.topic not in self.topics:
            return message
        value = self.value(tp, message.offset())
        if value is None:
            return None
        stamp = message.timestamp()[1]
        record = OutRecord(tp.topic, tp.partition, message.key() or b"", value, stamp)
        return MemoryMessage(record, message.offset())


class Lots:
    """Records of a log by range, read in lots: epochs read on, each a little."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._lots: dict[Tp, tuple[int, int, list[Message]]] = {}

    def between(self, tp: Tp, start: int, end: int) -> list[Message]:
        """Offsets [start, end)."""
        low, high, held = self._lots.get(tp, (0, 0, []))
        if start < low or end > high:
            high = max(end, min(start + LOT, self._log.bounds(tp)[1]))
            held = self._log.read(tp, start, high, READ_S)
            self._lots[tp] = (start, high, held)
        first, last = (bisect_left(held, at, key=_offset) for at in (start, end))
        return held[first:last]


def _offset(message: Message) -> int:
    return message.offset()


class Part(Protocol):
    """A process of the loop. `advance` runs what its inputs allow, `waits` says for what it waits;
    None at its end or at its first difference.
    """

    def advance(self) -> bool: ...
    def waits(self) -> str | None: ...
    def link(self) -> Link: ...


class Epochs:
    """A pipeline's shard, from its first recorded epoch on. Raises `NoLoop`."""

    def __init__(self, log: Log, codec: Codec, shard: Shard, logic: Logic[Any], made: Made) -> None:
        self._lots, self._codec, self._made = Lots(log), codec, made
        self._logic, self._state = logic, logic.initial()
        self._shard, self._verifier = shard, Verifier(codec, shard)
        self._encode = Encoder(shard, codec, counts_of(log))
        self._outputs = RecordedOutputs(log, codec, shard)
        self._epochs = _whole(log, codec, shard)
        made.topics |= {one for one in logic.outputs if not one.endswith(".dlq")}
        self._at = self._compared = 0
        self._finding: str | None = None
        self._was, self._now = sha256(), sha256()

    def advance(self) -> bool:
        began = self._at
        while self._finding is None and self._at < len(self._epochs):
            slices = self._slices(self._epochs[self._at])
            if slices is None:
                break
            self._run(self._epochs[self._at], slices)
            self._at += 1
        return self._at > began

    def _slices(self, epoch: EpochCommitted) -> list[Slice] | None:
        """Its inputs as they were made; None where one is still to come."""
        found = []
        for read in epoch.inputs:
            tp = Tp(read.topic, read.partition)
            there = self._lots.between(tp, read.start, read.end) if read.count else []
            messages = [one for one in map(self._made.of, there) if one is not None]
            if len(messages) < len(there):
                return None
            buffer = PartitionBuffer(tp, read.start, -1)
            if messages:
                buffer.extend(run_of(messages))
            found.append(buffer.take(len(messages)))
        return found

    def _run(self, epoch: EpochCommitted, slices: Sequence[Slice]) -> None:
        for wanted, part in zip(epoch.inputs, slices, strict=True):
            if input_digest(part, self._codec.fingerprint_of) != wanted.digest:
                place = f"{wanted.topic}/{wanted.partition}/{wanted.start}"
                self._finding = f"epoch {epoch.sequence}: its inputs from {place} on are others"
                return
        batch = EpochBatch(slices, self._codec, self._logic.name)
        self._state, decided = self._logic.step(self._state, batch)
        records = self._encode.records(decided)
        digest = self._verifier.outputs_digest(records)
        self._was.update(epoch.outputs_digest)
        self._now.update(digest)
        self._compared += epoch.output_count
        if digest != epoch.outputs_digest:
            said = f"{epoch.output_count} outputs were recorded, {len(records)} are made now"
            self._finding = f"epoch {epoch.sequence}: {said}, and they differ"
            return
        self._place(epoch, records)

    def _place(self, epoch: EpochCommitted, records: Sequence[OutRecord]) -> None:
        """Equal digests: as many, and in each partition in the same order."""
        waiting: dict[Tp, Iterator[OutRecord]] = {}
        for tp in {Tp(one.topic, one.partition) for one in records}:
            waiting[tp] = iter([one for one in records if (one.topic, one.partition) == tp])
        for message in self._outputs.messages(epoch):
            tp = Tp(message.topic(), message.partition())
            self._made.put(*tp, message.offset(), next(waiting[tp]).value)

    def waits(self) -> str | None:
        if self._finding is not None or self._at == len(self._epochs):
            return None
        return f"epoch {self._epochs[self._at].sequence} waits for what it read"

    def link(self) -> Link:
        name = f"loop: {self._shard.pipeline}-{self._shard.number}"
        digests = (self._was.hexdigest(), self._now.hexdigest())
        finding = self._finding or self.waits()
        return Link(name, self._compared, *digests, finding, {"epochs": self._at})


def _whole(log: Log, codec: Codec, shard: Shard) -> list[EpochCommitted]:
    _, history = history_of(log, codec, shard, EVERYTHING)
    if history.base.body is not None:
        raise NoLoop(f"{shard.transactional_id}: its first epochs are gone, and a loop needs all")
    if any(epoch.boundary is not None for epoch in history.epochs):
        raise NoLoop(f"{shard.transactional_id} was upgraded or skipped a record on the way")
    return history.epochs


def run(parts: Sequence[Part], on_round: Callable[[], None] = lambda: None) -> list[Link]:
    """All of them to their ends, or until none can go on: then who waits has a finding."""
    while any(part.advance() for part in parts):
        on_round()
    return [part.link() for part in parts]
