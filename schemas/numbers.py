"""Exact prices and quantities: text to `Decimal` to Avro bytes, with never a rounding.

Encoding decimals record by record was the narrowest place of a pipeline that writes much, so a
parsed number carries its Avro bytes (`Exact.wire`), and one seen before comes from a bounded cache.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Context, Decimal, DecimalException, Inexact, InvalidOperation, Overflow
from functools import lru_cache
from typing import Any, Final

from schemas.errors import NotExact

PRECISION: Final = 28  # digits of prices and quantities: decimal(28,10)
SCALE: Final = 10
CACHE_ENTRIES_MAX: Final = 1 << 16

_EXACTLY: Final = Context(prec=76, Emax=10_000, Emin=-10_000)
_EXACTLY.traps.update({Inexact: True, InvalidOperation: True, Overflow: True})
_NOTATION: Final = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?").fullmatch

SIZES: Final = [bytes((size << 1,)) for size in range(33)]  # the length of so many bytes, in Avro


class Exact(Decimal):
    """A decimal(28,10) that carries its Avro bytes, length first. In all else a plain `Decimal`."""

    __slots__ = ("wire",)

    wire: bytes

    def __reduce__(self) -> tuple[type[Decimal], tuple[str]]:  # type: ignore[override]
        return Decimal, (str(self),)


def unscaled(value: Decimal, scale: int, precision: int) -> int:
    """`value * 10**scale`. Raises `NotExact` where that is no int of at most `precision` digits."""
    if not isinstance(value, Decimal):
        raise NotExact(f"{value!r} is a {type(value).__name__}, not a Decimal")
    if not value.is_finite():
        raise NotExact(f"{value} is not a number")
    if value.adjusted() > precision:  # before 10**exponent is computed
        raise NotExact(f"{value} does not fit decimal({precision},{scale})")
    try:
        scaled = _EXACTLY.scaleb(value, scale)
    except DecimalException:
        raise NotExact(f"{value} does not fit decimal({precision},{scale})") from None
    number = int(scaled)
    if number != scaled or not -(10**precision) < number < 10**precision:
        raise NotExact(f"{value} does not fit decimal({precision},{scale})")
    return number


def wire(value: Decimal, scale: int, precision: int) -> bytes:
    """The Avro bytes of a decimal, length first: two's complement, big-endian."""
    return _wire(unscaled(value, scale, precision))


def _wire(number: int) -> bytes:
    size = (number.bit_length() + 8) >> 3
    return SIZES[size] + number.to_bytes(size, "big", signed=True)


def from_unscaled(number: int) -> Exact:
    """`number / 10**10`, always with ten decimals: parsed and decoded numbers print alike."""
    digits = f"{abs(number):011d}"
    return _exact(f"{'-' if number < 0 else ''}{digits[:-SCALE]}.{digits[-SCALE:]}", number)


from_units: Final = lru_cache(1 << 12)(from_unscaled)
"""The same for numbers that come back: the prices of one moment, the few quantities of a signal."""


def _exact(text: str, number: int) -> Exact:
    value = Exact(text)
    value.wire = _wire(number)
    return value


def _parse(text: str) -> Exact:
    """Any text; the usual ones are parsed by `_Texts` itself."""
    whole, dot, fraction = text.partition(".")
    digits = whole + fraction
    few = len(whole) <= PRECISION - SCALE and len(fraction) <= SCALE
    if few and whole and bool(dot) == bool(fraction) and digits.isdigit() and digits.isascii():
        fraction = fraction.ljust(SCALE, "0")
        return _exact(f"{whole}.{fraction}", int(whole + fraction))
    if not _NOTATION(text):
        raise NotExact(f"{text!r} is not a decimal number")
    return from_unscaled(unscaled(Decimal(text), SCALE, PRECISION))


class _Texts(dict[str, Decimal]):
    """Numbers parsed before, by their text; emptied when full."""

    def __missing__(self, text: str) -> Decimal:
        if text.__class__ is not str:
            raise NotExact(f"{text!r} is a {type(text).__name__}, not text")
        at = text.find(".")
        pad = _PADS.get(len(text) - at) if 0 < at <= PRECISION - SCALE else None
        if pad is not None:
            padded = text + pad
            digits = padded.replace(".", "", 1)
            if digits.isdigit() and digits.isascii():  # the usual case, twice as fast
                number = int(digits)
                size = (number.bit_length() + 8) >> 3
                value = Exact(padded)
                value.wire = SIZES[size] + number.to_bytes(size)
                return self._keep(text, value)
        return self._keep(text, _parse(text))

    def _keep(self, text: str, value: Exact) -> Exact:
        if len(self) >= CACHE_ENTRIES_MAX:
            self.clear()
        self[text] = value
        return value


# By the length of the fraction and its point: what is missing of ten decimals.
_PADS: Final = {1 + size: "0" * (SCALE - size) for size in range(1, SCALE + 1)}


class _Bodies(dict[bytes, Decimal]):
    """decimal(28,10) numbers decoded before, by their Avro bytes; emptied when full."""

    def __missing__(self, body: bytes) -> Decimal:
        number = int.from_bytes(body, "big", signed=True)
        if not -(10**PRECISION) < number < 10**PRECISION:
            raise NotExact(f"{len(body)} bytes do not fit decimal({PRECISION},{SCALE})")
        value = from_unscaled(number)
        if len(self) >= CACHE_ENTRIES_MAX:
            self.clear()
        self[body] = value
        return value


# A bound method of C, not a function: a hit costs 30 ns.
exact: Callable[[str], Decimal] = _Texts().__getitem__
"""Parses a price or quantity in ASCII decimal notation (exponents too, where the value fits).

Raises `NotExact` for anything else (`TypeError` for what has no hash: a list). Every result has ten
decimals, as decoding gives them.
"""

from_body: Callable[[bytes], Decimal] = _Bodies().__getitem__
"""The decimal(28,10) in an Avro `bytes` value. Raises `NotExact` for more digits."""


def body_decoder(scale: int, precision: int) -> Callable[[bytes], Decimal]:
    """Like `from_body`, for any decimal type."""
    if (scale, precision) == (SCALE, PRECISION):
        return from_body

    def decode(body: bytes) -> Decimal:
        number = int.from_bytes(body, "big", signed=True)
        if not -(10**precision) < number < 10**precision:
            raise NotExact(f"{len(body)} bytes do not fit decimal({precision},{scale})")
        return _EXACTLY.scaleb(Decimal(number), -scale)

    return decode


def wire_encoder(scale: int, precision: int) -> Callable[[Any], bytes]:
    """`wire` for one decimal type."""

    def encode(value: Any) -> bytes:
        return wire(value, scale, precision)

    return encode
