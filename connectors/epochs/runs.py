"""Records as columns: what is kept of them between the reader and the epoch.

A client's message object costs 500 bytes and a call per field, so its fields are taken at once and
it is let go while it is still in the processor's cache.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from operator import itemgetter
from typing import NamedTuple

from connectors.log.interface import Message, Tp
from pipelines.logic import Position
from schemas.columns import Block, block_of

_milliseconds = itemgetter(1)


class Run(NamedTuple):
    """Consecutive committed records of one partition. Offsets rise, with gaps where transaction
    markers lie; an absent key or value is empty.
    """

    offsets: Sequence[int]
    keys: list[bytes]
    values: list[bytes]
    timestamps: list[int]
    size: int  # bytes of all values


def run_of(messages: Sequence[Message]) -> Run:
    """The columns of at least one message, all of one partition."""
    kind, first, last = type(messages[0]), messages[0].offset(), messages[-1].offset()
    whole = last - first + 1 == len(messages)
    keys, _ = _filled(list(map(kind.key, messages)))
    values, size = _filled(list(map(kind.value, messages)))
    return Run(
        range(first, last + 1) if whole else list(map(kind.offset, messages)),
        keys,
        values,
        list(map(_milliseconds, map(kind.timestamp, messages))),
        size,
    )


def _filled(items: list[bytes | None]) -> tuple[list[bytes], int]:
    """The items with nothing for None, and their bytes. Joining is the fastest way to look."""
    try:
        size = len(b"".join(items))  # type: ignore[arg-type]
    except TypeError:
        return _filled([item or b"" for item in items])
    return items, size  # type: ignore[return-value]


@dataclass(frozen=True, eq=False)
class Slice:
    """What an epoch takes of one partition: offsets [start, end), which may hold fewer records."""

    tp: Tp
    start: int
    end: int
    log_time_ms: int  # of the partition after this run
    offsets: Sequence[int]
    keys: list[bytes]
    values: list[bytes]
    timestamps: list[int]
    times: list[int]  # log times: the running maximum of the partition's timestamps

    @property
    def count(self) -> int:
        return len(self.values)

    @cached_property
    def size(self) -> int:
        """Bytes of all values."""
        return len(b"".join(self.values))

    @cached_property
    def block(self) -> Block | None:
        """The values joined, where all share a frame: made once for the digest and the table."""
        return block_of(self.values)

    def without(self, left_out: frozenset[Position]) -> Slice:
        """The same without some of its records."""
        gone = {p.offset for p in left_out if Tp(p.topic, p.partition) == self.tp}
        kept = [at for at, offset in enumerate(self.offsets) if offset not in gone] if gone else []
        if not gone or len(kept) == self.count:
            return self
        return replace(
            self,
            offsets=[self.offsets[at] for at in kept],
            keys=[self.keys[at] for at in kept],
            values=[self.values[at] for at in kept],
            timestamps=[self.timestamps[at] for at in kept],
            times=[self.times[at] for at in kept],
        )
