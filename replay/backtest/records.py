"""What a backtest writes: records as the live processes write them, each with its place.

A desk reads events and places alone, so records are encoded when somebody wants the log: a result
that is kept, or its digests.
"""

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
_new: Final[Any] = tuple.__new__  # a NamedTuple's own constructor costs three times this
WRITERS: Final = ("control", "strategy", "risk", "gateway")


class Records:
    """`log` holds them: a log in memory, which an archive is made of. Offsets begin at 0. `codec`:
    its schema ids are no registry's, so the same run gives the same bytes anywhere.
    """

    def __init__(self) -> None:
        self.codec = codec = local_codec()
        counts = {name: topic.partitions for name, topic in codec.catalog.topics.items()}
        self._log = MemoryLog(counts)
        shards = {name: Shard(name, 0, 1, (), "") for name in WRITERS}
        self._encoders = {
            name: Encoder(shard, codec, counts.__getitem__) for name, shard in shards.items()
        }
        self._waiting: list[tuple[Encoder, Sequence[Output]]] = []
        self._ends: dict[tuple[str, int], int] = {}

    @property
    def log(self) -> MemoryLog:
        """Everything written by now; what is written later is there when this is asked again.
        Raises `EncodeError`.
        """
        waiting, self._waiting = self._waiting, []
        for encoder, outputs in waiting:
            for record in encoder.records(outputs):
                self._log.append(record)
        self._ends.clear()
        return self._log

    def write(self, writer: str, outputs: Sequence[Output]) -> list[Input]:
        """Takes what a process decided; gives it as its readers see it."""
        encoder = self._encoders[writer]
        self._waiting.append((encoder, outputs))
        return [self._placed(encoder, output) for output in outputs]

    def _placed(self, encoder: Encoder, output: Output) -> Input:
        _, timestamp_ms, topic, key, event, _ = output
        partition, raw_key, _ = encoder.route((topic, key))
        tp = (topic, partition)
        offset = self._ends.get(tp)
        if offset is None:
            offset = self._log.partitions[Tp(*tp)].end
        self._ends[tp] = offset + 1
        position = _new(Position, (topic, partition, offset))
        made: Input = _new(Input, (position, timestamp_ms, raw_key, event))
        return made

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
