"""The values of the epoch protocol that are not events: who a shard is, what it may do, where it
stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from connectors.log.interface import Tp
from pipelines.logic import InputTopic, Position
from schemas.events import EpochCommitted, SnapshotRef

EPOCHS: Final = ".epochs.v1"
"""What the topic of a pipeline's epochs ends with."""

SNAPSHOTS: Final = ".snapshots.v1"


@dataclass(frozen=True)
class Shard:
    """One shard of one pipeline: its name on the log, and its bounds."""

    pipeline: str
    number: int
    shards: int
    inputs: tuple[InputTopic, ...]
    version: str  # hash of logic, schemas, settings and lock file
    records_max: int = 40_000
    bytes_max: int = 16_000_000
    snapshot_factor: int = 8
    snapshot_bytes_min: int = 32_000_000
    interval_min_s: float = 0.0

    @property
    def epochs(self) -> Tp:
        return Tp(f"{self.pipeline}{EPOCHS}", self.number)

    @property
    def snapshots(self) -> Tp:
        return Tp(f"{self.pipeline}{SNAPSHOTS}", self.number)

    @property
    def group(self) -> str:
        return f"tape.{self.pipeline}"

    @property
    def transactional_id(self) -> str:
        return f"{self.pipeline}-{self.number}"

    def tps(self, counts: Sequence[int]) -> list[Tp]:
        """Its input partitions in canonical order: topics as declared, then partitions."""
        return [
            Tp(topic.topic, partition)
            for topic, count in zip(self.inputs, counts, strict=True)
            for partition in range(count)
            if topic.broadcast or partition % self.shards == self.number
        ]


class Skip(NamedTuple):
    """A record to be left out, by a person's word."""

    position: Position
    reason: str


class Acceptance(NamedTuple):
    """An epoch whose recorded digest need not be met again, by a person's word."""

    sequence: int
    reason: str


@dataclass(frozen=True)
class Intent:
    """What the operator asked for at start. `start` is earliest, latest or a time in ms; for a
    first start and rebuild.
    """

    start: str | int | None = None
    upgrade: str | None = None  # carry or rebuild
    skip: Skip | None = None
    accept: Acceptance | None = None
    reason: str = ""


class Place(NamedTuple):
    """Where a partition stands: next offset, and the log time reached (-1 before the first
    record).
    """

    offset: int
    log_time_ms: int


@dataclass
class Base:
    """What a run begins with: the state after epoch `sequence` (-1: before the first)."""

    sequence: int
    places: dict[Tp, Place]
    chain: bytes = b""
    snapshot: SnapshotRef | None = None
    body: bytes | None = None
    version: str | None = None  # of the code that recorded it; None before a first start


@dataclass
class History:
    """Everything recorded for a shard from `base` on."""

    base: Base
    epochs: list[EpochCommitted] = field(default_factory=list)
    end: int = 0  # of the epochs partition

    @property
    def newest(self) -> EpochCommitted | None:
        return self.epochs[-1] if self.epochs else None

    @property
    def next_sequence(self) -> int:
        return self.base.sequence + len(self.epochs) + 1
