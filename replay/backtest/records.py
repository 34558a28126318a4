"""What a backtest writes: records as the live processes write them, each with its place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, Final

from connectors.control import CONTROL
from connectors.epochs.digest import outputs_digest
from connectors.epochs.encode import Encoder
from connectors.epochs.model import Shard
from connectors.log.interface import OutRecord, Tp
from connectors.log.memory import MemoryLog
from pipelines.batches import local_codec
from pipelines.logic import Input, Output, Position

CONTROL_TOPIC: Final = CONTROL.topic
WRITERS: Final = ("control", "strategy", "risk", "gateway")


class Records:
    """`log` holds them: a log in memory, which an archive is made of. Offsets begin at 0. `codec`:
    its schema ids are no registry's, so the same run gives the same bytes anywhere.
    """

    def __init__(self) -> None:
        self.codec = codec = local_codec()
        counts = {name: topic.partitions for name, topic in codec.catalog.topics.items()}
        self.log = MemoryLog(counts)
        shards = {name: Shard(name, 0, 1, (), "") for name in WRITERS}
        self._encoders = {
            name: Encoder(shard, codec, counts.__getitem__) for name, shard in shards.items()
        }

    def write(self, writer: str, outputs: Sequence[Output]) -> list[Input]:
        """Appends what a process decided; gives it as its readers see it."""
        records = self._encoders[writer].records(outputs)
        return [
            self._appended(record, output.event)
            for record, output in zip(records, outputs, strict=True)
        ]

    def _appended(self, record: OutRecord, event: Any) -> Input:
        place = Position(record.topic, record.partition, self.log.append(record))
        return Input(place, record.timestamp_ms, record.key, event)

    def of(self, tp: Tp) -> list[OutRecord]:
        partition = self.log.partitions[tp]
        return [record for _, record in partition.committed(0, partition.end)]

    def digests(self) -> Mapping[str, str]:
        """SHA-256 by topic, of all its records as the epoch protocol digests outputs; empty topics
        left out.
        """
        found: dict[str, Any] = {}
        for tp in sorted(self.log.partitions):
            if records := self.of(tp):
                hasher = found.setdefault(tp.topic, sha256())
                hasher.update(outputs_digest(records, self.codec.fingerprint_of))
        return {topic: hasher.hexdigest() for topic, hasher in found.items()}

    def counts(self) -> Mapping[str, int]:
        """Records by topic."""
        found: dict[str, int] = {}
        for tp, partition in sorted(self.log.partitions.items()):
            if partition.end:
                found[tp.topic] = found.get(tp.topic, 0) + partition.end
        return found
