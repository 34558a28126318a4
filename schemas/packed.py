"""Byte strings end to end: one object for thousands, cut and joined again without looking at each.

A list of 20,000 small strings is 20,000 objects to make, to visit and to let go; what only digests
and decoders read is kept this way instead.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain


@dataclass(frozen=True, slots=True, eq=False)
class Packed:
    """`lengths` of the strings in `data`, each of which follows `gap` bytes that are none of it."""

    data: bytes
    lengths: array[int]
    gap: int

    @property
    def count(self) -> int:
        return len(self.lengths)

    @property
    def size(self) -> int:
        """Bytes of all strings."""
        return len(self.data) - self.gap * len(self.lengths)

    def part(self, start: int, stop: int) -> Packed:
        """The strings from `start` to before `stop`."""
        if start == 0 and stop == len(self.lengths):
            return self
        first, size = self._bytes_of(0, start), self._bytes_of(start, stop)
        return Packed(self.data[first : first + size], self.lengths[start:stop], self.gap)

    def _bytes_of(self, start: int, stop: int) -> int:
        return sum(self.lengths[start:stop]) + self.gap * (stop - start)

    def __iter__(self) -> Iterator[bytes]:
        """The strings themselves."""
        at, data, gap = 0, self.data, self.gap
        for length in self.lengths:
            at += gap + length
            yield data[at - length : at]

    @property
    def last(self) -> bytes:
        """The last of at least one string."""
        return self.data[len(self.data) - self.lengths[-1] :]


def pack(items: Sequence[bytes], mark: bytes = b"") -> Packed:
    """The items, each after `mark`. Raises `TypeError` where one is None."""
    data = mark.join(chain((b"",), items)) if mark else b"".join(items)
    lengths = array("i")
    lengths.frombytes(struct.pack(f"={len(items)}i", *map(len, items)))
    return Packed(data, lengths, len(mark))
