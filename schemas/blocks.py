"""Framed values end to end: what is kept of values that share a schema until they are decoded.

Light on purpose, for the process that only reads ahead imports it: no polars, no fastavro.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Final

from schemas.packed import Packed, pack

FRAME_BYTES: Final = 5  # Confluent framing: 0x00 and the schema id, big-endian
MARK: Final = bytes.fromhex("f7b3c9a1e58d2f96")
_body_of: Final = itemgetter(slice(FRAME_BYTES, None))


def framed_as(number: int) -> bytes:
    """The frame of values of a schema id."""
    return b"\0" + number.to_bytes(4, "big")


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Values that share a frame: the frame, and what follows it in each, after a mark."""

    frame: bytes
    bodies: Packed

    @property
    def count(self) -> int:
        return self.bodies.count

    @property
    def size(self) -> int:
        """Bytes of all values."""
        return self.bodies.size + FRAME_BYTES * self.bodies.count

    def part(self, start: int, stop: int) -> Block:
        """The values from `start` to before `stop`."""
        return Block(self.frame, self.bodies.part(start, stop))

    def values(self) -> Iterator[bytes]:
        """The values themselves."""
        return (self.frame + body for body in self.bodies)


def block_of(values: Sequence[bytes]) -> Block | None:
    """The values as one block; None where they do not share a frame, or there are none."""
    first = values[0] if values else None
    if first is None or len(first) < FRAME_BYTES or first[0]:
        return None
    frame = first[:FRAME_BYTES]
    try:
        bodies = list(map(_body_of, values))
        # Joining costs a fraction of looking at each frame; equal only if all frames are.
        if b"".join(values) != frame + frame.join(bodies):
            return None
    except TypeError:  # a value is None
        return None
    return Block(frame, pack(bodies, MARK))
