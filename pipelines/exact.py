"""Arithmetic of the trading path: exact, or an error. Rounding happens in `money` alone."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_HALF_EVEN, Context, Decimal, Inexact, InvalidOperation, Overflow
from typing import Final

EXACTLY: Final = Context(prec=76, traps=[Inexact, InvalidOperation, Overflow])
"""A result that would be rounded raises. `with localcontext(EXACTLY)` makes operators use it."""

ZERO: Final = Decimal(0)
_ROUNDED: Final = Context(prec=76, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation, Overflow])
_STEP: Final = Decimal("1e-18")
_quantize: Final = _ROUNDED.quantize  # `Decimal.quantize` with a context costs three times this


def money(value: Decimal) -> Decimal:
    """Derived money as decimal(38,18): rounded half even, once."""
    return _quantize(value, _STEP)


def total(parts: Iterable[Decimal]) -> Decimal:
    """The exact sum."""
    found = ZERO
    for part in parts:
        found = EXACTLY.add(found, part)
    return found


def plain(value: Decimal) -> str:
    """One text per number: no padding, no exponent, no minus before zero."""
    return format(EXACTLY.normalize(EXACTLY.plus(value)), "f")
