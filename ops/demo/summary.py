"""Counts from the log itself what the run did: events per topic, epochs, snapshots, dead
letters.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from connectors.epochs.history import Ledger
from connectors.epochs.model import Shard
from connectors.log.kafka import KafkaLog
from connectors.log.places import partitions
from schemas.codec import Codec
from schemas.events import EpochCommitted


@dataclass
class Recorded:
    """What the epochs of one pipeline say."""

    epochs: int = 0
    snapshots: int = 0
    inputs: Counter[str] = field(default_factory=Counter)
    outputs: Counter[str] = field(default_factory=Counter)


def recorded(log: KafkaLog, codec: Codec, shard: Shard) -> Recorded:
    """Everything a shard's epochs partition holds, added up."""
    found = Recorded()
    ledger = Ledger(log, codec, shard)
    for record in ledger.records(ledger.low):
        if isinstance(record.event, EpochCommitted):
            found.epochs += 1
            found.snapshots += record.event.snapshot_taken
            found.inputs.update({r.topic: 0 for r in record.event.inputs})
            for consumed in record.event.inputs:
                found.inputs[consumed.topic] += consumed.count
            for produced in record.event.outputs:
                found.outputs[produced.topic] += produced.count
    return found


def raw_records(log: KafkaLog, topic: str) -> int:
    """Records of a topic that is written outside transactions: its offsets have no gaps."""
    return sum(high - low for low, high in map(log.bounds, partitions(log, topic)))
