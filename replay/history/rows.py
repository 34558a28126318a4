"""What the files of others become: exact trades one after the other, or an error with its line."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Final, NamedTuple

from schemas.errors import NotExact, TapeError
from schemas.events import Side, TradePrinted
from schemas.numbers import exact

LINE: Final = "imported"
"""`line` of imported trades: no connection of ours delivered them."""

NS_PER_DIGIT: Final = {10: 1_000_000_000, 13: 1_000_000, 16: 1_000, 19: 1}
"""Nanoseconds per unit of a time since 1970, by how many digits it has: 2001 to 2286."""


class BadHistory(TapeError):
    """A file that cannot be imported; the text names the file and the line."""


class BadRow(ValueError):
    """What is wrong with one row; whoever reads the file adds its name and the line."""


class Source(NamedTuple):
    """Where trades came from: the file's name, its SHA-256 (hex, of its bytes as downloaded), the
    form it was in and the one instrument in it.
    """

    name: str
    sha256: str
    form: str
    instrument: str

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


Trades = Iterator[Trade]


def amount(text: str, name: str) -> Decimal:
    """A price or a quantity, above zero. Raises `BadRow`."""
    try:
        value = exact(text)
    except NotExact as error:
        raise BadRow(f"{name}: {error}") from None
    if value <= 0:
        raise BadRow(f"{name} is {text}, not above 0")
    return value


def time_ns(text: str) -> int:
    """A time since 1970 in whole seconds, milliseconds, microseconds or nanoseconds, told apart by
    its digits. Raises `BadRow`.
    """
    unit = NS_PER_DIGIT.get(len(text)) if text.isascii() and text.isdigit() else None
    if unit is None:
        raise BadRow(f"time {text!r} is no time since 1970 in s, ms, us or ns")
    return int(text) * unit
