"""Cuts recorded epochs at recorded snapshots, so that each stretch can be re-run by a process of
its own. Pure.

A stretch begins with the snapshot that the one before it must end with. Each proves its own digests
and its own last snapshot, so that all together prove what one run over all of them does. That holds
only where one run would have compared the snapshot too, and where the snapshot is all that the
epochs after it depend on: `places_to_cut` leaves out the others.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Final

from connectors.epochs.boundaries import Carrying, skipped_by
from connectors.epochs.history import places_after
from connectors.epochs.model import Base
from connectors.log.interface import Tp
from schemas.events import EpochCommitted

EPOCH_RECORDS: Final = 300
"""What an epoch costs beside its records, in records."""

START_RECORDS: Final = 1_500_000
"""What another process costs, in records: it loads what it needs, and the first keeps more than one
core busy by itself (what it reads is taken apart beside it)."""


@dataclass(frozen=True)
class Stretch:
    """Epochs to be re-run one after another. The state of `base` may still have to be read."""

    base: Base
    epochs: list[EpochCommitted]
    carry: Carrying

    @property
    def cost(self) -> int:
        """In records."""
        return sum(map(cost_of, self.epochs))


def cost_of(epoch: EpochCommitted) -> int:
    """What re-running it costs, in records."""
    return EPOCH_RECORDS + sum(read.count for read in epoch.inputs)


def stretches(
    whole: Stretch, held: tuple[int, int], most: int, start: int = START_RECORDS
) -> list[Stretch]:
    """At most `most` of them, which together take as short as can be, where each but the first
    begins `start` later; one where that is not shorter by as much. `held`: the offsets of the
    snapshots that can be read.
    """
    ends = [0, *places_to_cut(whole, held), len(whole.epochs)]
    costs = [0, *accumulate(map(cost_of, whole.epochs))]
    costs = [costs[end] for end in ends]
    ahead = min(start, costs[1] - 1)
    chosen = balanced([ahead, *costs[1:]], most)
    found = [part(whole, ends[a], ends[b]) for a, b in pairwise(chosen)]
    longest = max(one.cost + start * (at > 0) for at, one in enumerate(found))
    return found if whole.cost - longest >= start else [whole]


def part(whole: Stretch, start: int, stop: int) -> Stretch:
    """The epochs from index `start` to before `stop`; `start` follows a snapshot."""
    epochs = whole.epochs[start:stop]
    if start == 0:
        return Stretch(whole.base, epochs, whole.carry)
    last = whole.epochs[start - 1]
    places = {**whole.base.places, **places_after(last)}
    base = Base(last.sequence, places, last.chain, last.snapshot, None, last.version)
    return Stretch(base, epochs, whole.carry)


def places_to_cut(whole: Stretch, held: tuple[int, int]) -> Iterator[int]:
    """Indexes of epochs that a stretch may begin with."""
    skips: dict[Tp, int] = {}
    for at, epoch in enumerate(whole.epochs[:-1], 1):
        skips = waiting(skips, epoch)
        taken = epoch.snapshot if epoch.snapshot_taken else None
        compared = taken is not None and not whole.carry.carries(epoch.sequence)
        if taken and compared and not skips and held[0] <= taken.snapshots_floor < held[1]:
            yield at


def waiting(skips: dict[Tp, int], epoch: EpochCommitted) -> dict[Tp, int]:
    """The last record of each partition that is to be skipped and was not passed yet: no snapshot
    knows of it.
    """
    found = dict(skips)
    skipped = skipped_by(epoch.boundary)
    if skipped is not None:
        tp = Tp(skipped.topic, skipped.partition)
        found[tp] = max(found.get(tp, 0), skipped.offset)
    ends = {Tp(read.topic, read.partition): read.end for read in epoch.inputs}
    return {tp: offset for tp, offset in found.items() if ends.get(tp, 0) <= offset}


def balanced(costs: Sequence[int], most: int) -> list[int]:
    """Indexes of rising `costs` where to cut, both ends included: at most `most` pieces, the
    dearest as cheap as it can be.
    """
    least = max(b - a for a, b in pairwise(costs))
    limits = range(least, costs[-1] - costs[0] + 1)
    limit = limits[bisect_left(limits, True, key=lambda one: len(_filled(costs, one)) <= most + 1)]
    return _filled(costs, limit)


def _filled(costs: Sequence[int], limit: int) -> list[int]:
    """Each piece as long as the limit lets it be."""
    found = [0]
    while found[-1] < len(costs) - 1:
        found.append(bisect_right(costs, costs[found[-1]] + limit) - 1)
    return found
