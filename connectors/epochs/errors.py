"""What can go wrong with epochs. All are one clear line and exit 2, except `Diverged`, which is a
finding (exit 1).

TapeError
├── FirstStartMissing, HistoryTrimmed, HistoryBroken
├── VersionChanged, PartitionsChanged, UpgradeRefused, BoundaryRefused, SnapshotCorrupt
├── EpochsMerged, ShardTaken
└── Diverged
"""

from __future__ import annotations

from schemas.errors import TapeError


class FirstStartMissing(TapeError):
    """The shard has no history and was not told where to begin."""


class HistoryTrimmed(TapeError):
    """Epochs or snapshots that are needed are gone: never to be taken for a first start."""


class HistoryBroken(TapeError):
    """Epoch records do not follow each other, or their hash chain does not hold."""


class VersionChanged(TapeError):
    """The last epoch was recorded by other code or settings."""


class PartitionsChanged(TapeError):
    """The shard's input partitions are not those its history was recorded with."""


class UpgradeRefused(TapeError):
    """The upgrade asked for is not possible for this pipeline."""


class BoundaryRefused(TapeError):
    """A --skip or --accept-divergence names nothing of this shard."""


class SnapshotCorrupt(TapeError):
    """A snapshot's bytes do not match the digest its epoch recorded."""


class EpochsMerged(TapeError):
    """Bytewax put several batches into one epoch: it runs with another epoch interval than ours."""


class Diverged(TapeError):
    """Re-running a recorded epoch gave something else than what was recorded."""

    exit_code = 1

    def __init__(self, message: str, sequence: int, what: str) -> None:
        super().__init__(message)
        self.sequence = sequence
        self.what = what  # inputs, outputs or snapshot
