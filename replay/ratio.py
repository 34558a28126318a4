"""A ratio for people: exact until it is rounded, once."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Final

from pipelines.exact import EXACTLY, ZERO

PLACES: Final = 4


def ratio(part: Decimal, whole: Decimal) -> Decimal:
    """`part / whole` to four decimals, half even, whatever the context; 0 of nothing is 0."""
    if not whole:
        return ZERO
    steps = round(Fraction(part) / Fraction(whole) * 10**PLACES)
    return EXACTLY.scaleb(Decimal(steps), -PLACES)
