"""What every fault scenario needs: a broker, topics of its own, victims, a feeder, the oracle."""

from __future__ import annotations

import random
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from connectors.log.interface import OutRecord, Tp
from connectors.log.kafka import KafkaLog
from tests.connectors.epochs import toy
from tests.faults import cluster
from tests.faults.nursery import Victim, wait_for
from tests.faults.oracle import Report, examine
from tests.faults.victim import Orders


@dataclass
class Rig:
    """One scenario's part of the broker. `counts` collects what was done, for the record."""

    servers: str
    folder: Path  # of the stack, for killing the broker
    scratch: Path
    seed: int
    prefix: str = field(default_factory=lambda: f"f{uuid.uuid4().hex[:8]}.")
    counts: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self.log: KafkaLog = cluster.create(self.servers, self.prefix)

    def another(self) -> Rig:
        """The same broker with fresh topics; counts are shared."""
        return Rig(self.servers, self.folder, self.scratch, self.seed, counts=self.counts)

    def orders(self, **wanted: Any) -> Orders:
        said = str(self.scratch / f"{self.prefix}log")
        return Orders(**{"servers": self.servers, "prefix": self.prefix, "said": said, **wanted})

    def victim(self, **wanted: Any) -> Victim:
        self.counts["starts"] += 1
        return Victim(self.orders(**wanted))

    @contextmanager
    def feeding(self, per_second: int = 400) -> Iterator[cluster.Feeder]:
        """Writes until the block ends; everything is on the log then."""
        feeder = cluster.Feeder(self.servers, self.prefix, self.seed, per_second).start()
        try:
            yield feeder
        finally:
            self.counts["records"] += feeder.stop()

    def epochs_end(self, number: int = 0) -> int:
        """The end of a shard's epochs partition: it grows with every epoch, open ones included."""
        return self.log.bounds(Tp("toy.epochs.v1", number))[1]

    def wait_for_epochs(self, more: int, number: int = 0) -> None:
        """Until some epochs more are on the log; each takes two offsets."""
        end = self.epochs_end(number) + 2 * more
        wait_for(lambda: self.epochs_end(number) >= end, f"{more} more epochs")

    def finish(self, shards: int = 1) -> Report:
        """Lets every shard run to the end of its input, and judges the log."""
        for number in range(shards):
            last = self.victim(number=number, shards=shards, finish=True)
            code = last.wait()
            assert code == 0, f"exit {code}: {last.said()}"
        report = examine(self.log, shards)
        self.counts["epochs"] += report.epochs
        self.counts["outputs"] += report.outputs
        for name in ("lost", "duplicated", "different", "disordered"):
            self.counts[name] += getattr(report, name)
        assert report.clean, report
        assert report.outputs > 0
        return report


def trades(count: int, at_ms: int, start: int = 0) -> Iterator[OutRecord]:
    """Trades one millisecond apart."""
    return (toy.trade_record(number, at_ms + number) for number in range(start, start + count))
