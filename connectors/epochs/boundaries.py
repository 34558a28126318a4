"""What a person may decide about recorded epochs, and how a re-run honours it.

A carried epoch is re-run with the state following its recorded outputs, what really happened,
instead of the outputs decided now. Upgrades carry everything up to their boundary record. An
accepted divergence carries from the epoch named up to the boundary record, because one difference
in the state makes every later epoch differ as well. Both end with a snapshot.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import NamedTuple

from connectors.epochs.errors import BoundaryRefused
from connectors.epochs.model import Acceptance, History, Place, Shard, Skip
from connectors.log.interface import Tp
from pipelines.logic import Position
from schemas.events import Boundary, EpochCommitted

logger = logging.getLogger("tape.epochs")


class Carrying(NamedTuple):
    """The sequences of the epochs that are carried: by an upgrade, or because their divergence was
    accepted.
    """

    upgraded: range = range(0)
    accepted: Sequence[range] = ()

    def carries(self, sequence: int) -> bool:
        return sequence in self.upgraded or self.accepts(sequence)

    def accepts(self, sequence: int) -> bool:
        """Whether even other inputs than the recorded ones are accepted."""
        return any(sequence in accepted for accepted in self.accepted)


def accepted_in(epochs: Sequence[EpochCommitted]) -> list[range]:
    """What boundary records among these epochs accepted: from the epoch named up to the
    boundary.
    """
    boundaries = [(e.sequence, e.boundary) for e in epochs if e.boundary is not None]
    return [
        range(int(b.subject), sequence)
        for sequence, b in boundaries
        if b.kind == "ACCEPT_DIVERGENCE"
    ]


def words(asked: Skip | Acceptance | None) -> tuple[str, str]:
    """Reason and subject of a boundary record."""
    assert asked is not None
    if isinstance(asked, Skip):
        return asked.reason, "/".join(str(part) for part in asked.position)
    return asked.reason, str(asked.sequence)


def skipped_by(boundary: Boundary | None) -> Position | None:
    """The record that a boundary leaves out, where it is of that kind."""
    if boundary is None or boundary.kind != "SKIP":
        return None
    topic, partition, offset = boundary.subject.rsplit("/", 2)
    return Position(topic, int(partition), int(offset))


def wants_skip(skip: Skip | None, shard: Shard, history: History, places: dict[Tp, Place]) -> bool:
    """Whether a skip is to be recorded. Raises `BoundaryRefused` where it can never be."""
    if skip is None:
        return False
    topic, partition, offset = skip.position
    if topic not in (t.topic for t in shard.inputs):
        raise BoundaryRefused(f"--skip {words(skip)[1]}: {shard.pipeline} does not read {topic}")
    place = places.get(Tp(topic, partition))
    if place is None:
        return False  # another shard's
    if place.offset > offset:
        logger.warning("--skip %s: that record was read already", words(skip)[1])
        return False
    recorded = (e.boundary for e in history.epochs if e.boundary is not None)
    return all(b.kind != "SKIP" or b.subject != words(skip)[1] for b in recorded)


def wants_acceptance(accept: Acceptance | None, shard: Shard, history: History) -> bool:
    """Whether an acceptance is to be recorded. Raises `BoundaryRefused` where it can never be."""
    if accept is None:
        return False
    if accept.sequence >= history.next_sequence or accept.sequence < 0:
        raise BoundaryRefused(
            f"--accept-divergence {accept.sequence}: {shard.transactional_id} has recorded no such "
            f"epoch, its last is {history.next_sequence - 1}"
        )
    if accept.sequence <= history.base.sequence:
        logger.warning("--accept-divergence %d: a later snapshot stands", accept.sequence)
        return False
    return all(accept.sequence not in carried for carried in accepted_in(history.epochs))
