"""State on the log: cut into chunks, joined again, due by a rule that only looks at what was
read.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

from connectors.epochs.merge import DAY_MS
from connectors.epochs.model import Shard
from schemas.events import SnapshotRef, StateSnapshotted

CHUNK_BYTES = 900_000
EPOCH_BYTES = 2_000  # what a small epoch costs to re-run, in bytes of input it stands for


def cut(shard: Shard, sequence: int, version: int, body: bytes) -> list[StateSnapshotted]:
    """The records that hold `body`; an empty state is one empty chunk."""
    parts = [body[at : at + CHUNK_BYTES] for at in range(0, len(body), CHUNK_BYTES)] or [b""]
    return [
        StateSnapshotted(shard.pipeline, shard.number, sequence, version, index, len(parts), part)
        for index, part in enumerate(parts)
    ]


def join(chunks: Sequence[StateSnapshotted], ref: SnapshotRef) -> bytes | None:
    """The body again; None unless it is what `ref` describes."""
    body = b"".join(c.body for c in sorted(chunks, key=lambda c: c.chunk))
    return body if sha256(body).digest() == ref.digest and len(chunks) == ref.chunks else None


class SnapshotClock:
    """When a snapshot is due: the input since the last exceeds `factor` times its size (and a
    floor), or the UTC day of log time ended.
    """

    def __init__(self, shard: Shard, newest: SnapshotRef | None) -> None:
        self._shard = shard
        self._limit = self._limit_after(newest.size if newest else 0)
        self._read = 0

    def _limit_after(self, size: int) -> int:
        return max(self._shard.snapshot_bytes_min, self._shard.snapshot_factor * size)

    def count(self, input_bytes: int) -> None:
        self._read += input_bytes + EPOCH_BYTES

    @property
    def due(self) -> bool:
        return self._read >= self._limit

    def taken(self, size: int) -> None:
        self._read, self._limit = 0, self._limit_after(size)


def day_of(log_time_ms: int) -> int:
    """The UTC day of a log time; -1 before the first record."""
    return log_time_ms // DAY_MS if log_time_ms >= 0 else -1
