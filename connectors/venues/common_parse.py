"""What all parsers share: checked numbers, prices and times, and why a frame cannot be used."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from itertools import chain
from typing import Annotated, Final, cast

import msgspec
from msgspec import Meta

from pipelines.market.parsed import Refused
from schemas.errors import NotExact
from schemas.exacts import Exacts, wires_of
from schemas.numbers import PRECISION, SCALE, exact

# What a number or name may be, so that every event made of it can be written.
Id = Annotated[int, Meta(ge=0, le=(1 << 63) - 1)]
Milliseconds = Annotated[int, Meta(ge=0, le=((1 << 63) - 1) // 1_000_000)]
# `\Z`: a `$` of Python's would let a line's end pass.
IdText = Annotated[str, Meta(pattern=r"^[0-9]{1,18}\Z")]
Symbol = Annotated[str, Meta(pattern=r"^[A-Za-z0-9]+([-_/][A-Za-z0-9]+)*\Z", max_length=40)]

SECONDS_MAX: Final = 4096
NANOSECONDS_MAX: Final = (1 << 63) - 1_000_000_000
DETAIL_CHARS_MAX: Final = 200

Levels = tuple[tuple[Decimal, ...], tuple[Decimal, ...]]

_TO_ZERO: Final = bytes.maketrans(b"123456789", b"000000000")
_TOO_LONG: Final = b"0" * (PRECISION - SCALE + 1) + b"."
_PADS: Final = [b"0" * (SCALE - places) for places in range(SCALE + 1)]


class BadFrame(ValueError):
    """A frame that reads well and makes no sense."""

    def __init__(self, refusal: Refused) -> None:
        super().__init__(refusal.detail)
        self.refusal = refusal


UNREADABLE = (ValueError, NotExact, RecursionError)
"""What reading a frame may raise: `BadFrame`, msgspec's errors and bad UTF-8 are ValueErrors."""


def refused(payload: bytes, error: Exception) -> Refused:
    """The reason behind an error, one of `UNREADABLE`. What is no JSON is first of all that."""
    try:
        msgspec.json.decode(payload)
    except (ValueError, RecursionError) as malformed:
        return Refused("MALFORMED_JSON", str(malformed)[:DETAIL_CHARS_MAX])
    return _refused(error)


def _refused(error: Exception) -> Refused:
    text = str(error)
    if isinstance(error, BadFrame):
        return error.refusal
    if isinstance(error, NotExact) and not text.endswith("is not a decimal number"):
        return Refused("TOO_PRECISE", text[:DETAIL_CHARS_MAX])
    missing = text.startswith("Object missing required field")
    return Refused("MISSING_FIELD" if missing else "WRONG_TYPE", text[:DETAIL_CHARS_MAX])


def levels(pairs: Sequence[tuple[str, str]]) -> Levels:
    """Prices and quantities. Raises `NotExact`, and `BadFrame` for a price that is not positive."""
    numbers = tuple(map(exact, chain.from_iterable(pairs)))
    px = numbers[::2]
    if not all(px):
        raise bad_price("0")
    return px, numbers[1::2]


def usual_levels(sent: bytes) -> Levels | None:
    """The same of `[["price","quantity"],...]` as venues write it: no blanks, all prices with the
    same number of decimals, and all quantities. None for any other, wrong or not.

    `sent` is valid JSON, as a decoder leaves it in a `msgspec.Raw`: that is not checked again.
    Looks at no text by itself; a cache of so many texts costs more than to compute them anew.
    """
    if sent == b"[]":
        return (), ()
    pads = _pads(sent.translate(_TO_ZERO))
    if pads is None:
        return None
    padded = sent.replace(b'","', pads[0] + b",").replace(b'"]', pads[1])
    numbers = list(map(int, padded.translate(None, b'[]".').split(b",")))
    wires = wires_of(numbers)
    if not all(numbers[::2]):
        return None
    # Whoever reads decimals need not know how they are kept.
    return cast(Levels, (Exacts(wires[::2]), Exacts(wires[1::2])))


def _pads(shape: bytes) -> tuple[bytes, bytes] | None:
    """What prices lack of ten decimals, and quantities; every digit of `shape` is a zero."""
    count = shape.count(b"[") - 1
    if not count or shape.translate(None, b"0") != b"[%b]" % (b'[".","."],' * count)[:-1]:
        return None
    _, price, _, quantity, _ = shape.partition(b"]")[0].split(b'"')
    px, qty = price.partition(b".")[2], quantity.partition(b".")[2]
    alike = shape.count(b'.%b",' % px) == count == shape.count(b'.%b"]' % qty)
    if not alike or b'".' in shape or _TOO_LONG in shape or not px or not qty:
        return None
    return (_PADS[len(px)], _PADS[len(qty)]) if len(px) <= SCALE >= len(qty) else None


def may_be_negative(payload: bytes) -> bool:
    """Whether `check_signs` could find something: a minus, or an escape, which may be one."""
    return b"-" in payload or b"\\" in payload


def check_signs(payload: bytes) -> None:
    """Raises `BadFrame` where any number sent as text is negative: for frames of prices and
    quantities alone, of which none may be. Of a frame with others as well, see `unsigned`.
    """
    if b"\\" in payload:
        payload = msgspec.json.encode(msgspec.json.decode(payload))  # without escapes
    at = payload.find(b'"-')
    if at >= 0:
        raise bad_price(payload[at + 1 : at + 30].split(b'"', 1)[0].decode("ascii", "replace"))


def unsigned(text: str) -> Decimal:
    """One price or quantity. Raises `NotExact`, and `BadFrame` where it is negative."""
    number = exact(text)
    if text.startswith("-"):
        raise bad_price(text[:29])
    return number


def bad_price(text: str) -> BadFrame:
    return BadFrame(Refused("NEGATIVE_PRICE", f"{text} is no price or quantity"))


def crossed(bid: Decimal, ask: Decimal) -> BadFrame:
    return BadFrame(Refused("CROSSED_QUOTE", f"best bid {bid} is not below best ask {ask}"))


class _Seconds(dict[str, int]):
    """Nanoseconds at the start of a second, by its text; emptied when full."""

    def __missing__(self, text: str) -> int:
        at = int(datetime.fromisoformat(f"{text}+00:00").timestamp()) * 1_000_000_000
        if not 0 <= at <= NANOSECONDS_MAX:
            raise ValueError(f"{text} does not fit 64 bits of nanoseconds")
        if len(self) >= SECONDS_MAX:
            self.clear()
        self[text] = at
        return at


_seconds = _Seconds()


def nanoseconds(text: str) -> int:
    """`2026-08-09T21:05:48.228568804Z` (nought to nine decimals) as nanoseconds UTC.

    Raises ValueError for anything else.
    """
    fraction = text[20:-1]
    if text[-1:] != "Z" or len(fraction) > 9 or (len(text) > 20 and text[19] != "."):
        raise ValueError(f"{text!r} is not a UTC time")
    if fraction and not (fraction.isascii() and fraction.isdigit()):
        raise ValueError(f"{text!r} is not a UTC time")
    return _seconds[text[:19]] + int(fraction.ljust(9, "0"))
