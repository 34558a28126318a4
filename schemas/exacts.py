"""Many exact numbers at once: Avro bytes first, decimals only for whoever looks at them.

A message of an order book has a hundred numbers, and a pipeline that passes it on looks at none of
them. Making a `Decimal` of each was the largest single cost of the market pipeline.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import overload

from schemas.numbers import SIZES, from_body


class Exacts(Sequence[Decimal]):
    """A column of decimal(28,10), equal to the tuple of its decimals. `wires` are their Avro bytes,
    each with its length first, as `Exact.wire`.
    """

    __slots__ = ("wires",)

    def __init__(self, wires: list[bytes]) -> None:
        self.wires = wires

    def __len__(self) -> int:
        return len(self.wires)

    @overload
    def __getitem__(self, at: int) -> Decimal: ...
    @overload
    def __getitem__(self, at: slice) -> tuple[Decimal, ...]: ...
    def __getitem__(self, at: int | slice) -> Decimal | tuple[Decimal, ...]:
        if isinstance(at, slice):
            return tuple(Exacts(self.wires[at]))
        return from_body(self.wires[at][1:])

    def __eq__(self, other: object) -> bool:
        # A number has one encoding, so equal bytes are equal numbers.
        if isinstance(other, Exacts):
            return self.wires == other.wires
        return tuple(self) == other if isinstance(other, tuple) else NotImplemented

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return repr(tuple(self))

    def __reduce__(self) -> tuple[type[tuple[Decimal, ...]], tuple[list[Decimal]]]:
        return tuple, (list(self),)


def wires_of(numbers: Iterable[int]) -> list[bytes]:
    """The Avro bytes of unscaled numbers that are not negative and have at most 28 digits."""
    return [
        SIZES[size] + number.to_bytes(size)
        for number in numbers
        for size in ((number.bit_length() + 8) >> 3,)  # a loop over one is an assignment
    ]
