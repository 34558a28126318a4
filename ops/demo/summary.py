"""Counts from the log itself what each pipeline did: records read, epochs, snapshots."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from connectors.epochs.history import Ledger
from connectors.epochs.model import Shard
from connectors.log.kafka import KafkaLog
from schemas.codec import Codec
from schemas.events import EpochCommitted


@dataclass
class Recorded:
    """What the epochs of one pipeline say."""

    epochs: int = 0
    snapshots: int = 0
    inputs: Counter[str] = field(default_factory=Counter)


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
    return found
