"""Recomputes every output of the toy pipeline from what its shards recorded, without the product's
merge, session or dataflow, and compares it with what is on the log.

The checks are those of Kafka's own transaction test: nothing lost, nothing twice, nothing else than
expected, and per partition the order of one writer. Read with read_committed to the very end.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from connectors.epochs.encode import Encoder
from connectors.log.interface import Log, Message, Tp
from pipelines.items import Decided
from pipelines.logic import Input, Output, Position
from schemas.events import EpochCommitted, ShardOpened
from tests.connectors.epochs import toy

PATIENCE_S = 30.0
Seen = tuple[bytes, bytes, bytes]  # id, key, value


@dataclass
class Report:
    """Counts of what was found; `faults` says in words what is wrong."""

    epochs: int = 0
    inputs: int = 0
    outputs: int = 0
    snapshots: int = 0
    openings: int = 0
    lost: int = 0
    duplicated: int = 0
    different: int = 0
    disordered: int = 0
    faults: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        return not (
            self.lost or self.duplicated or self.different or self.disordered or self.faults
        )


def whole(log: Log, topic: str, partition: int) -> list[Message]:
    """Every committed record of a partition."""
    tp = Tp(topic, partition)
    low, end = log.bounds(tp)
    return log.read(tp, low, end, PATIENCE_S)


def examine(log: Log, shards: int = 1, logic: toy.ToyLogic | None = None) -> Report:
    """Compares the whole log with a recomputation."""
    report = Report()
    inputs = {
        Tp(topic, p): {m.offset(): m for m in whole(log, topic, p)}
        for topic in (toy.TRADES, toy.CLOCK)
        for p in range(log.partition_count(topic))
    }
    expected: dict[Tp, list[list[Seen]]] = defaultdict(list)
    for number in range(shards):
        made = Shard(number, shards, logic or toy.ToyLogic(), inputs, report).outputs(log)
        for tp, records in made.items():
            expected[tp].append(records)
    for partition in range(log.partition_count(toy.TARGETS)):
        tp = Tp(toy.TARGETS, partition)
        found = [identity(m) for m in whole(log, *tp)]
        report.outputs += len(found)
        compare(report, tp, expected[tp], found)
    return report


def identity(message: Message) -> Seen:
    identifier = dict(message.headers() or ()).get("ce_id", b"")
    return identifier, message.key() or b"", message.value()


def compare(report: Report, tp: Tp, expected: Sequence[list[Seen]], found: list[Seen]) -> None:
    """`expected` by writer: writers interleave, each one's own order holds."""
    wanted = {record[0]: record for records in expected for record in records}
    counts = Counter(record[0] for record in found)
    report.lost += sum(identifier not in counts for identifier in wanted)
    report.duplicated += sum(count - 1 for count in counts.values())
    report.different += sum(wanted.get(record[0]) != record for record in found)
    for records in expected:
        own = {record[0] for record in records}
        order = [record[0] for record in found if record[0] in own]
        report.disordered += order != [record[0] for record in records]
    if report.lost or report.duplicated or report.different or report.disordered:
        report.faults.append(f"{tp.topic}/{tp.partition}: {len(wanted)} expected, {len(found)}")


class Shard:
    """One shard's epochs, folded."""

    def __init__(
        self,
        number: int,
        shards: int,
        logic: toy.ToyLogic,
        inputs: dict[Tp, dict[int, Message]],
        report: Report,
    ) -> None:
        self.number, self.logic, self.inputs, self.report = number, logic, inputs, report
        self.tps = [tp for tp in inputs if tp.topic == toy.CLOCK or tp.partition % shards == number]
        self.places = dict.fromkeys(self.tps, 0)
        self.log_time = dict.fromkeys(self.tps, -1)
        self.shard = toy.shard(number, shards)

    def outputs(self, log: Log) -> dict[Tp, list[Seen]]:
        encode = Encoder(self.shard, toy.CODEC, log.partition_count)
        made: dict[Tp, list[Seen]] = defaultdict(list)
        state = self.logic.initial()
        for epoch in self.epochs(log):
            decided: list[Output] = []
            for item in self.merged(epoch):
                fresh = self.logic.decide(state, item)
                state = self.logic.evolve(state, item)
                for output in fresh:
                    state = self.logic.evolve(state, output)
                decided += fresh
            for r in encode(Decided(decided)).records:
                made[Tp(r.topic, r.partition)].append((dict(r.headers)["ce_id"], r.key, r.value))
        self._all_read()
        return made

    def epochs(self, log: Log) -> Iterator[EpochCommitted]:
        sequence = 0
        for message in whole(log, *self.shard.epochs):
            event = toy.CODEC.decode(message.value())
            if isinstance(event, ShardOpened):
                self.report.openings += 1
                if event.next_sequence != sequence:
                    self._fault(f"opened at {event.next_sequence}, {sequence} was next")
            elif event.sequence != sequence:
                self._fault(f"epoch {event.sequence} where {sequence} was next")
            else:
                sequence += 1
                self.report.epochs += 1
                self.report.snapshots += event.snapshot_taken
                yield event

    def merged(self, epoch: EpochCommitted) -> list[Input]:
        """The records of an epoch by (log time, declared topic, partition, offset)."""
        found = []
        for r in epoch.inputs:
            tp = Tp(r.topic, r.partition)
            if r.start != self.places[tp]:
                self._fault(f"epoch {epoch.sequence} leaves a gap on {tp.topic}/{tp.partition}")
            self.places[tp] = r.end
            for offset in range(r.start, r.end):
                message = self.inputs[tp].get(offset)
                if message is not None:
                    stamp = message.timestamp()[1]
                    self.log_time[tp] = max(self.log_time[tp], stamp)
                    found.append((self.log_time[tp], self.tps.index(tp), offset, message, stamp))
        self.report.inputs += len(found)
        found.sort(key=lambda row: row[:3])
        return [
            Input(
                Position(self.tps[at].topic, self.tps[at].partition, offset),
                stamp,
                message.key() or b"",
                toy.CODEC.decode(message.value()),
            )
            for _, at, offset, message, stamp in found
        ]

    def _all_read(self) -> None:
        for tp in self.tps:
            unread = sum(offset >= self.places[tp] for offset in self.inputs[tp])
            if unread:
                self._fault(f"{unread} records of {tp.topic}/{tp.partition} were never read")

    def _fault(self, text: str) -> None:
        self.report.faults.append(f"shard {self.number}: {text}")
