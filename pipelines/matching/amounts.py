"""Exact arithmetic of matching: nothing rounds but a commission, and that in one place.

Sums and products of decimal(28,10) need at most 20 decimals and stay far below 76 digits; a digit
lost would raise.
"""

from __future__ import annotations

from decimal import (
    ROUND_DOWN,
    Context,
    Decimal,
    DivisionByZero,
    Inexact,
    InvalidOperation,
    Overflow,
)
from functools import lru_cache
from typing import Final

from pipelines.exact import EXACTLY

_COARSE: Final = Context(
    prec=76, rounding=ROUND_DOWN, traps=[InvalidOperation, Overflow, DivisionByZero]
)
_EIGHT: Final = Decimal("0.00000001")  # assets have eight decimals at the venue


def commission(amount: Decimal, rate: Decimal) -> Decimal:
    """The fee on an amount received, cut to eight decimals, as the venue does."""
    return _COARSE.quantize(EXACTLY.multiply(amount, rate), _EIGHT)


def whole_lots(qty: Decimal, lot: Decimal) -> Decimal:
    """The largest multiple of `lot` (above 0) that is not above `qty` (at least 0)."""
    return EXACTLY.multiply(_COARSE.divide_int(qty, lot), lot)


def lots_for(budget: Decimal, px: Decimal, lot: Decimal) -> Decimal:
    """How much a budget in quote currency buys at a price, in whole lots."""
    return EXACTLY.multiply(_COARSE.divide_int(budget, EXACTLY.multiply(px, lot)), lot)


def is_multiple(value: Decimal, step: Decimal) -> bool:
    """Whether a price lies on its tick, or a quantity is whole lots. A step of 0: always."""
    return not step or not _COARSE.remainder(value, step)


@lru_cache(maxsize=1 << 16)
def text(value: Decimal) -> str:
    """Plain digits with eight decimals, or with as many more as the value has: never rounded."""
    try:
        return format(EXACTLY.quantize(value, _EIGHT), "f")
    except Inexact:
        return format(value.normalize(EXACTLY), "f")
