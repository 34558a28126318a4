"""What travels through a pipeline's Bytewax flow, in this order within an epoch: Restore?, Epoch,
Mark.

Batches are items: one epoch is one `Epoch`, so the cost of Bytewax is paid per epoch, not per
record.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from pipelines.logic import Batch, Output, Position


class Restore(NamedTuple):
    """The state to begin with; `body` None is the initial state."""

    body: bytes | None
    version: int


class Carried(NamedTuple):
    """Recorded outputs by cause: a re-run under new code whose state follows what really
    happened.
    """

    outputs: Mapping[Position, list[Output]]
    values: frozenset[tuple[bytes, bytes]]  # (id, encoded value) of each, to count what differs


class Epoch(NamedTuple):
    """One epoch's records; `raw` is what the source read, `batch` its decoded form once `decode`
    has run. A re-run, which reads ahead, has it before.
    """

    sequence: int
    raw: Any
    batch: Batch | None = None
    carried: Carried | None = None


class Mark(NamedTuple):
    """The last item of an epoch; `items` counts those before it, so that an overtaken item
    cannot go unnoticed.
    """

    sequence: int
    items: int
    snapshot_due: bool


class Decided(NamedTuple):
    """What one epoch decided, in order."""

    outputs: list[Output]


class Encoded(NamedTuple):
    """The same, ready to be written (records of the log)."""

    records: list[Any]


class StateBody(NamedTuple):
    """The canonical state at the end of the epoch, because a snapshot is due."""

    body: bytes
    version: int


class Failed(NamedTuple):
    """What a step raised, in place of what it would have given; the session ends with it. Raised
    inside the flow, Bytewax would print a panic for it.
    """

    error: Exception


Item = Restore | Epoch | Mark | Decided | Encoded | StateBody | Failed
