"""Finds the outputs that an epoch recorded: on the log at or after their floors, told apart from
others' by their source.
"""

from __future__ import annotations

import time
from collections import deque

from connectors.epochs.encode import SOURCE_HEADER, cause_of, header, output_id, source_of
from connectors.epochs.errors import HistoryBroken
from connectors.epochs.model import Shard
from connectors.log.interface import Log, Message, Reader, Tp
from pipelines.items import Carried
from pipelines.logic import Output, Position
from schemas.codec import Codec
from schemas.events import EpochCommitted

STALL_S = 30.0


class RecordedOutputs:
    """Walks the outputs of one shard's epochs, in order of epochs."""

    def __init__(self, log: Log, codec: Codec, shard: Shard) -> None:
        self._log, self._codec, self._source = log, codec, source_of(shard.pipeline, shard.number)
        self._readers: dict[Tp, Reader] = {}
        self._waiting: dict[Tp, deque[Message]] = {}

    def messages(self, epoch: EpochCommitted) -> list[Message]:
        """The records of one epoch's outputs. Raises `HistoryBroken` when fewer are there than
        recorded.
        """
        return [
            m
            for r in epoch.outputs
            for m in self._of(epoch, Tp(r.topic, r.partition), r.count, r.floor)
        ]

    def _of(self, epoch: EpochCommitted, tp: Tp, count: int, floor: int) -> list[Message]:
        if tp not in self._readers:
            self._readers[tp], self._waiting[tp] = self._log.reader({tp: floor}), deque()
        found: list[Message] = []
        while len(found) < count:
            message = self._next(epoch, tp)
            if header(message, SOURCE_HEADER) == self._source:
                found.append(message)  # ours come in order of epochs
        return found

    def _next(self, epoch: EpochCommitted, tp: Tp) -> Message:
        waiting, limit = self._waiting[tp], time.monotonic() + STALL_S
        while not waiting:
            waiting += self._readers[tp].poll(10_000, 0.2).get(tp, [])
            if not waiting and time.monotonic() > limit:
                raise HistoryBroken(
                    f"outputs of epoch {epoch.sequence} are not all on {tp.topic}/{tp.partition}"
                )
        return waiting.popleft()

    def of(self, epoch: EpochCommitted) -> Carried:
        """The same, decoded and sorted by cause."""
        outputs: dict[Position, list[Output]] = {}
        values = set()
        for r in epoch.outputs:
            for message in self._of(epoch, Tp(r.topic, r.partition), r.count, r.floor):
                identifier = output_id(message)
                values.add((identifier.encode(), message.value()))
                cause = cause_of(identifier)
                event = self._codec.decode(message.value())
                key = (message.key() or b"").decode()
                outputs.setdefault(cause, []).append(
                    Output(cause, message.timestamp()[1], r.topic, key, event)
                )
        return Carried(outputs, frozenset(values))

    def close(self) -> None:
        for reader in self._readers.values():
            reader.close()
