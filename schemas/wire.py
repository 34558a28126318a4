"""Columns of numbers and sizes as the bytes Avro writes for them, a batch at a time.

Arrow has no such function, so the bytes are put together in two 64-bit words per number, by shifts
and masks that each go over a whole column. The words are what Arrow keeps of a short string in a
column of views: its length (4 bytes), then up to 12 bytes.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from schemas.encoders import varint

_WORD: Final = pa.uint64()
_LONG_BYTES: Final = 10
_WORD_BYTES: Final = 8
_SIZES: Final = pa.array([varint(size) for size in range(1 << 12)], pa.binary())
# Numbers from which on a varint has one byte more, and a two's complement.
_VARINTS: Final = [1 << 7 * size for size in range(1, _LONG_BYTES)]
_COMPLEMENTS: Final = [1 << 8 * size - 1 for size in range(1, _WORD_BYTES)]


def _more(first: int, size: int) -> int:
    """The bits that say that a varint of `size` bytes goes on, from byte `first` of it on."""
    return sum(0x80 << 8 * (byte - first) for byte in range(first, size - 1))


# By size: length and first 4 bytes, then the other bytes, as far as the size alone tells.
_HEADS: Final = [size | (_more(0, size) & 0xFFFFFFFF) << 32 for size in range(_LONG_BYTES + 1)]
_TAILS: Final = [_more(4, size) for size in range(_LONG_BYTES + 1)]
_PREFIXES: Final = [1 + size | 2 * size << 32 for size in range(_WORD_BYTES + 1)]
_UPWARDS: Final = [8 * (_WORD_BYTES - size) for size in range(_WORD_BYTES + 1)]


def varints(numbers: pa.Int64Array) -> pa.BinaryArray:
    """At least one number, none null, as Avro longs."""
    zigzag = pc.bit_wise_xor(pc.shift_left(numbers, 1), _signs(numbers)).view(_WORD)
    sizes = _sizes(zigzag, _VARINTS)
    low, high = _spread(_and(zigzag, 0xFFFFFFF)), _spread(_right(zigzag, 28))
    return _short(
        pc.bit_wise_or(_left(low, 32), _by_size(_HEADS, sizes)),
        pc.bit_wise_or(high, _by_size(_TAILS, sizes)),
    )


def sizes(counts: pa.Int32Array) -> pa.BinaryArray:
    """Lengths, none null, as Avro longs; one where all are alike."""
    ends = pc.min_max(counts).as_py()
    if ends["min"] == ends["max"]:
        return pa.array([varint(ends["max"])], pa.binary())
    if ends["max"] < len(_SIZES):
        return _SIZES.take(counts)
    return varints(counts.cast(pa.int64()))


def decimals(numbers: pa.Decimal128Array) -> pa.BinaryArray:
    """At least one decimal, none null, as Avro bytes: the length, then the two's complement, as
    long as fastavro writes it (a sign bit beside all of the amount's). Right for those whose digits
    fit 64 bits; of others the bytes are not theirs.
    """
    halves = pa.Array.from_buffers(
        pa.int64(), 2 * len(numbers), [None, numbers.buffers()[1]], offset=2 * numbers.offset
    )
    digits = halves.take(_every_other(len(numbers)))
    sizes = _sizes(pc.abs(digits).view(_WORD), _COMPLEMENTS)
    found = _reversed(pc.shift_left(digits.view(_WORD), _by_size(_UPWARDS, sizes)))
    return _short(
        pc.bit_wise_or(_by_size(_PREFIXES, sizes), _left(found, 40)),
        _right(found, 24),
    )


def _signs(numbers: pa.Int64Array) -> pa.Int64Array:
    """-1 for each below zero, else 0. Arrow does not shift by 63 at once."""
    return pc.shift_right(pc.shift_right(numbers, 62), 1)


def _sizes(numbers: pa.UInt64Array, bounds: Sequence[int]) -> int | pa.UInt8Array:
    """One more than there are bounds up to each number; where all are alike, only that."""
    ends = pc.min_max(numbers).as_py()
    least, most = (sum(bound <= ends[end] for bound in bounds) for end in ("min", "max"))
    if least == most:
        return least + 1
    found = pa.scalar(least + 1, pa.uint8())
    for bound in bounds[least:most]:
        reached = pc.greater_equal(numbers, _word(bound))
        found = pc.add(found, reached.cast(pa.uint8()))
    return found


def _by_size(table: Sequence[int], sizes: Any) -> Any:
    if isinstance(sizes, int):
        return _word(table[sizes])
    return pa.array(table, _WORD).take(sizes)


def _spread(numbers: pa.UInt64Array) -> pa.UInt64Array:
    """Each number's seven-bit groups, up to eight, one to a byte."""
    found = _moved(numbers, 0xFFFFFFF0000000, 4)
    found = _moved(found, 0x0FFFC0000FFFC000, 2)
    return _moved(found, 0x3F803F803F803F80, 1)


def _moved(numbers: pa.UInt64Array, some: int, by: int) -> pa.UInt64Array:
    """Some bits of each number further up: once they are there already, so once less."""
    return pc.add(numbers, pc.multiply(_and(numbers, some), _word((1 << by) - 1)))


def _reversed(numbers: pa.UInt64Array) -> pa.UInt64Array:
    """Each number's bytes in the other order."""
    for mask, by in ((0x00FF00FF00FF00FF, 8), (0x0000FFFF0000FFFF, 16)):
        numbers = pc.bit_wise_or(_and(_right(numbers, by), mask), _left(_and(numbers, mask), by))
    return pc.bit_wise_or(_right(numbers, 32), _left(numbers, 32))


def _short(first: pa.UInt64Array, second: pa.UInt64Array) -> pa.BinaryArray:
    """Strings from the two words of their views."""
    count = len(first)
    views = pa.concat_arrays([first, second]).take(_in_pairs(count))
    return pa.Array.from_buffers(pa.binary_view(), count, [None, views.buffers()[1]]).cast(
        pa.binary()
    )


@lru_cache(8)
def _in_pairs(count: int) -> pa.Int32Array:
    found = array("i", bytes(8 * count))
    found[0::2], found[1::2] = array("i", range(count)), array("i", range(count, 2 * count))
    return pa.array(found, pa.int32())


@lru_cache(8)
def _every_other(count: int) -> pa.Int32Array:
    return pa.array(range(0, 2 * count, 2), pa.int32())


def _and(numbers: Any, mask: int) -> Any:
    return pc.bit_wise_and(numbers, _word(mask))


def _left(numbers: Any, by: int) -> Any:
    return pc.shift_left(numbers, _word(by))


def _right(numbers: Any, by: int) -> Any:
    return pc.shift_right(numbers, _word(by))


@cache
def _word(value: int) -> pa.UInt64Scalar:
    """Made once each: making one takes as long as a shift of thousands of numbers."""
    return pa.scalar(value, _WORD)
