"""Records as columns: what is kept of them between the reader and the epoch.

A client's message object is 500 bytes and a call per field. So its fields are taken all at once and
joined while they are in the processor's cache, and the message is let go; after that, cutting,
digesting and decoding an epoch copy a few long byte strings.
"""

from __future__ import annotations

import struct
from abc import ABC, abstractmethod
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, pairwise
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

from connectors.log.interface import Message, Tp
from pipelines.logic import Position
from schemas.blocks import Block, block_of
from schemas.packed import Packed, pack

if TYPE_CHECKING:
    import polars as pl

_milliseconds = itemgetter(1)


class Events(NamedTuple):
    """The events of one kind that records hold, decoded: as `schemas.columns.Tables` has them."""

    name: str
    frame: pl.DataFrame

    def part(self, start: int, stop: int) -> Events:
        return Events(self.name, self.frame[start:stop])


class Unread(ABC):
    """Values that are taken apart only once somebody looks at them."""

    @property
    @abstractmethod
    def size(self) -> int:
        """Bytes of all values."""

    @abstractmethod
    def part(self, start: int, stop: int) -> Unread:
        """The values from `start` to before `stop`."""

    @abstractmethod
    def read(self) -> Block | Packed:
        """A `Block` where all share a frame."""


class Run(NamedTuple):
    """Consecutive committed records of one partition. Offsets rise, with gaps where transaction
    markers lie; an absent key or value is empty.
    """

    offsets: Sequence[int]
    timestamps: array[int]
    keys: Packed
    held: Block | Packed | Unread  # the values
    events: Events | None = None  # where the log keeps them beside the values

    @property
    def length(self) -> int:
        """How many records."""
        return len(self.timestamps)

    def part(self, start: int, stop: int) -> Run:
        """The records from `start` to before `stop`."""
        if start == 0 and stop == self.length:
            return self
        return Run(
            self.offsets[start:stop],
            self.timestamps[start:stop],
            self.keys.part(start, stop),
            self.held.part(start, stop),
            self.events and self.events.part(start, stop),
        )

    @property
    def values(self) -> Block | Packed:
        """A `Block` where all share a frame."""
        return self.held.read() if isinstance(self.held, Unread) else self.held

    @property
    def size(self) -> int:
        """Bytes of all values."""
        return self.held.size

    def plain_values(self) -> Iterator[bytes]:
        values = self.values
        return values.values() if isinstance(values, Block) else iter(values)


class InColumns(ABC, Sequence[Message]):
    """Messages of one partition that are columns already."""

    @abstractmethod
    def run(self) -> Run:
        """All of them; there is at least one."""


def run_of(messages: Sequence[Message]) -> Run:
    """The columns of at least one message, all of one partition."""
    if isinstance(messages, InColumns):
        return messages.run()
    kind = type(messages[0])
    return Run(
        offsets_of(messages),
        longs(list(map(_milliseconds, map(kind.timestamp, messages)))),
        _packed(list(map(kind.key, messages))),
        joined(list(map(kind.value, messages))),
    )


def offsets_of(messages: Sequence[Message]) -> range | list[int]:
    """Those of at least one message of a partition, in their order: a range where none is left
    out.
    """
    kind, first, last = type(messages[0]), messages[0].offset(), messages[-1].offset()
    whole = last - first + 1 == len(messages)
    return range(first, last + 1) if whole else list(map(kind.offset, messages))


def joined(values: list[bytes]) -> Block | Packed:
    """Values as a run keeps them."""
    return block_of(values) or _packed(values)


def _packed(items: Sequence[bytes | None]) -> Packed:
    try:
        return pack(items)  # type: ignore[arg-type]
    except TypeError:  # one is None
        return pack([item or b"" for item in items])


def longs(numbers: Sequence[int]) -> array[int]:
    """The numbers in 8 bytes each. Four times as fast as `array("q", numbers)`."""
    packed = array("q")
    packed.frombytes(struct.pack(f"={len(numbers)}q", *numbers))
    return packed


@dataclass(frozen=True, eq=False)
class Slice:
    """What an epoch takes of one partition: offsets [start, end), which may hold fewer records."""

    tp: Tp
    start: int
    end: int
    log_time_ms: int  # of the partition after this run
    runs: Sequence[Run]
    times: array[int]  # log times: the running maximum of the partition's timestamps

    @property
    def count(self) -> int:
        return len(self.times)

    @property
    def size(self) -> int:
        """Bytes of all values."""
        return sum(run.size for run in self.runs)

    @property
    def offsets(self) -> Iterator[int]:
        return chain.from_iterable(run.offsets for run in self.runs)

    @property
    def keys(self) -> Iterator[bytes]:
        return chain.from_iterable(run.keys for run in self.runs)

    @property
    def values(self) -> Iterator[bytes]:
        return chain.from_iterable(run.plain_values() for run in self.runs)

    @property
    def timestamps(self) -> array[int]:
        return array("q", b"".join(run.timestamps.tobytes() for run in self.runs))

    def without(self, left_out: frozenset[Position]) -> Slice:
        """The same without some of its records."""
        gone = {p.offset for p in left_out if Tp(p.topic, p.partition) == self.tp}
        kept = [at for at, offset in enumerate(self.offsets) if offset not in gone] if gone else []
        if not gone or len(kept) == self.count:
            return self
        runs = []
        for run in self.runs:
            cuts = [
                -1,
                *(at for at, offset in enumerate(run.offsets) if offset in gone),
                run.length,
            ]
            runs += [run.part(a + 1, b) for a, b in pairwise(cuts) if a + 1 < b]
        return replace(self, runs=runs, times=longs([self.times[at] for at in kept]))
