"""What a session is made of, and the epoch it has in flight."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from connectors.epochs.ahead import Reread
from connectors.epochs.boundaries import Carrying
from connectors.epochs.model import Base, Intent, Shard
from connectors.epochs.points import Point, nothing
from connectors.epochs.runs import Slice
from connectors.epochs.verify import Verifier
from connectors.log.interface import Log, Writer
from connectors.metrics.epochs import Observer
from pipelines.items import Carried
from schemas.codec import Codec
from schemas.events import Boundary, EpochCommitted

Reason = Literal["UNKNOWN", "INPUT", "SNAPSHOT", "STOP", "BOUNDARY"]


@dataclass
class Flight:
    """The epoch that the source handed out and the sink has not yet settled."""

    sequence: int
    slices: list[Slice]
    reason: Reason
    snapshot_due: bool
    again: Reread | None = None  # where it is recorded
    carried: Carried | None = None
    boundary: Boundary | None = None
    items: int = 0
    began_s: float = 0.0  # monotonic; figures alone look at it


@dataclass
class Parts:
    """Everything a session works with; `opening` and `replay` put it together."""

    log: Log
    codec: Codec
    shard: Shard
    base: Base
    recorded: Sequence[EpochCommitted]
    verifier: Verifier
    writer: Writer | None = None
    intent: Intent = field(default_factory=Intent)
    boundaries: list[Boundary] = field(default_factory=list)  # to be committed before going live
    carry: Carrying = field(default_factory=Carrying)
    instance: str = ""
    point: Point = nothing
    until: Callable[[], bool] = lambda: False  # live runs only: asked when nothing is waiting
    observers: Sequence[Observer] = ()
