"""Arrow columns as the bytes that digests cover and runs keep, without an object per row."""

from __future__ import annotations

from array import array
from typing import Any, Literal, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from schemas.blocks import FRAME_BYTES, MARK, Block
from schemas.packed import Packed

_END = 2**31 - 1


class Strings(NamedTuple):
    """A column of byte strings: where each begins in `data` (one more than there are), and their
    lengths, both as 32-bit numbers.
    """

    starts: memoryview[int]
    lengths: memoryview[int]
    data: memoryview[int]

    def part(self, first: int, stop: int) -> memoryview[int]:
        """The strings from `first` to before `stop`, end to end."""
        return self.data[self.starts[first] : self.starts[stop]]


def numbers(column: Any, form: Literal["i", "q"]) -> memoryview[int]:
    """A column of 32-bit (`i`) or 64-bit (`q`) numbers without nulls."""
    data = memoryview(column.buffers()[1] or b"").cast("B")
    found: memoryview[int] = data.cast(form)
    return found[column.offset : column.offset + len(column)]


def plain(column: pa.BinaryArray) -> pa.BinaryArray:
    """Without nulls, which digests take for nothing."""
    return column.fill_null(b"") if column.null_count else column


def size(column: pa.BinaryArray) -> int:
    """Bytes of all strings of a column; a null has none."""
    starts = _starts(column)
    return starts[-1] - starts[0]


def _starts(column: pa.BinaryArray) -> memoryview[int]:
    places = memoryview(column.buffers()[1]).cast("B").cast("i")
    return places[column.offset : column.offset + len(column) + 1]


def strings(column: pa.BinaryArray) -> Strings:
    """A column without nulls."""
    return _strings(column, column)


def _strings(column: pa.BinaryArray, measured: pa.BinaryArray) -> Strings:
    return Strings(
        _starts(column),
        numbers(pc.binary_length(measured), "i"),
        memoryview(column.buffers()[2] or b"").cast("B"),
    )


class Framed(NamedTuple):
    """A column of framed values: the frames that occur, which of them each value has, and the
    bodies, whose `data` has a mark before each if one was asked for.
    """

    frames: list[bytes]
    codes: memoryview[int]
    bodies: Strings


def framed(values: pa.BinaryArray, mark: bytes = b"") -> Framed:
    """Takes values without nulls apart."""
    frames = pc.binary_slice(values, 0, FRAME_BYTES).dictionary_encode()
    bodies = pc.binary_slice(values, FRAME_BYTES, _END)
    marked = pc.binary_join_element_wise(pa.scalar(mark), bodies, pa.scalar(b""))
    return Framed(
        frames.dictionary.to_pylist(),
        numbers(frames.indices.cast(pa.int32()), "i"),
        _strings(marked if mark else bodies, bodies),
    )


def packed(column: pa.BinaryArray) -> Packed:
    """A column's strings end to end; a null is empty."""
    column = column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
    return _packed(strings(plain(column)), 0)


def values_of(column: pa.BinaryArray) -> Block | Packed:
    """Framed values as a run keeps them."""
    values = plain(column)
    found = framed(values, MARK)
    frame = found.frames[0]
    if len(found.frames) == 1 and len(frame) == FRAME_BYTES and not frame[0]:
        return Block(frame, _packed(found.bodies, len(MARK)))
    return _packed(strings(values), 0)


def marked(column: pa.BinaryArray, frame: bytes) -> Block:
    """Values that have a mark in place of their frame as a run keeps them."""
    lengths = pc.subtract(pc.binary_length(column), pa.scalar(len(MARK), pa.int32()))
    found = Strings(_starts(column), numbers(lengths, "i"), strings(column).data)
    return Block(frame, _packed(found, len(MARK)))


def unmarked(column: pa.BinaryArray, frame: bytes) -> pa.BinaryArray:
    """The values themselves."""
    return pc.binary_replace_slice(column, 0, len(MARK), frame)


def _packed(found: Strings, gap: int) -> Packed:
    data = found.part(0, len(found.lengths))
    return Packed(bytes(data), array("i", found.lengths.tobytes()), gap)
