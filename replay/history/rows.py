"""What the files of others become: exact trades or quotes one after the other, or an error with its
line.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Final, NamedTuple

from schemas.errors import NotExact, TapeError
from schemas.events import QuoteChanged, Side, TradePrinted
from schemas.numbers import exact

LINE: Final = "imported"
"""`line` of what was imported: no connection of ours delivered it."""

TRADES: Final = "md.trade.v1"
QUOTES: Final = "md.quote.v1"
WHAT: Final = {TRADES: "trades", QUOTES: "quotes"}
_LONG_DIGITS: Final = 19
"""Any number of fewer digits is one of 64 bits."""

NS_PER_DIGIT: Final = {10: 1_000_000_000, 13: 1_000_000, 16: 1_000, 19: 1}
"""Nanoseconds per unit of a time since 1970, by how many digits it has: 2001 to 2286."""


class BadHistory(TapeError):
    """A file that cannot be imported; the text names the file and the line."""


class BadRow(ValueError):
    """What is wrong with one row; whoever reads the file adds its name and the line."""


class Source(NamedTuple):
    """Where rows came from: the file's name, its SHA-256 (hex, of its bytes as downloaded), the
    form it was in, the one instrument in it and the topic they are of, `TRADES` or `QUOTES`.
    """

    name: str
    sha256: str
    form: str
    instrument: str
    topic: str

    @property
    def venue(self) -> str:
        return self.instrument.rpartition(".")[2]


class Trade(NamedTuple):
    """One trade of a file; `ts_ns` by the venue's clock, the only time there is."""

    trade_id: str
    side: Side
    px: Decimal
    qty: Decimal
    ts_ns: int

    def event(self, source: Source) -> TradePrinted:
        """Nobody of ours received it, so the venue's time stands for that too: a replay has no
        other, and every age is then that of a wire without length.
        """
        about = (source.venue, source.instrument, self.trade_id, self.side)
        return TradePrinted(*about, self.px, self.qty, self.ts_ns, self.ts_ns, LINE)


class Quote(NamedTuple):
    """One best bid and ask of a file; `sequence`: the venue's number of it, where the file has one;
    `ts_ns` as a trade's.
    """

    sequence: int | None
    bid_px: Decimal
    bid_qty: Decimal
    ask_px: Decimal
    ask_qty: Decimal
    ts_ns: int

    def event(self, source: Source) -> QuoteChanged:
        """As a trade's: the venue's time is the only one."""
        sides = (self.bid_px, self.bid_qty, self.ask_px, self.ask_qty)
        times = (self.ts_ns, self.ts_ns)
        return QuoteChanged(source.venue, source.instrument, self.sequence, *sides, *times, LINE)


Row = Trade | Quote
Rows = Iterator[Row]


def amount(text: str, name: str) -> Decimal:
    """A price or a traded quantity, above zero. Raises `BadRow`."""
    value = _number(text, name)
    if value <= 0:
        raise BadRow(f"{name} is {text}, not above 0")
    return value


def quote(sequence: int | None, sides: Sequence[str], ts_ns: int) -> Quote:
    """`sides`: bid price and quantity, ask price and quantity, as text. What the live parsers let
    pass: nothing may be there for the moment, the bid lies below the ask. Raises `BadRow`.
    """
    bid, ask = amount(sides[0], "bid price"), amount(sides[2], "ask price")
    bid_qty, ask_qty = _held(sides[1], "bid quantity"), _held(sides[3], "ask quantity")
    if bid >= ask:
        raise BadRow(f"best bid {sides[0]} is not below best ask {sides[2]}")
    return Quote(sequence, bid, bid_qty, ask, ask_qty, ts_ns)


def whole(text: str, name: str) -> int:
    """What a venue counts its messages with. Raises `BadRow`."""
    number = int(text) if text.isascii() and text.isdigit() and len(text) < _LONG_DIGITS else -1
    if number < 0:
        raise BadRow(f"{name} {text[:40]!r} is no whole number of 64 bits")
    return number


def rising(text: str, name: str, newest: int) -> int:
    """The same, above the one before it. Raises `BadRow`."""
    number = whole(text, name)
    if number <= newest:
        raise BadRow(f"{name} {text!r} does not rise")
    return number


def _held(text: str, name: str) -> Decimal:
    value = _number(text, name)
    if value < 0:
        raise BadRow(f"{name} is {text}, below 0")
    return value


def _number(text: str, name: str) -> Decimal:
    try:
        return exact(text)
    except NotExact as error:
        raise BadRow(f"{name}: {error}") from None


def time_ns(text: str) -> int:
    """A time since 1970 in whole seconds, milliseconds, microseconds or nanoseconds, told apart by
    its digits. Raises `BadRow`.
    """
    unit = NS_PER_DIGIT.get(len(text)) if text.isascii() and text.isdigit() else None
    return known_ns(-1 if unit is None else int(text) * unit, text)


def known_ns(at_ns: int, text: str) -> int:
    """Nanoseconds since 1970, where 64 bits hold them. Raises `BadRow`."""
    if not 0 <= at_ns < 1 << 63:
        raise BadRow(f"time {text!r} is no time since 1970 in s, ms, us or ns")
    return at_ns
