"""Candles of one instrument, in every interval that a page may ask for, from one pass over trades.

The narrow intervals are kept; wide ones are whole numbers of the widest kept one and are put
together when asked for, so that a trade costs three candles however many intervals there are.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from pipelines.exact import EXACTLY, ZERO
from schemas.errors import TapeError

INTERVALS_S: Final = (1, 10, 60, 300, 900)
INTERVAL_S: Final = 60  # where none is asked for
WIDEST_MS: Final = 1_000 * max(INTERVALS_S)
KEPT_S: Final = (1, 10, 60)
CANDLES: Final = 300  # kept of each interval, and shown


class NoSuchInterval(TapeError):
    """Candles of that width are not made."""


@dataclass(slots=True)
class Candle:
    """One interval of trades; prices in quote units, volume in base units."""

    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal

    def add(self, price: Decimal, quantity: Decimal) -> None:
        self.high = max(self.high, price)
        self.low = min(self.low, price)
        self.close = price
        self.volume = EXACTLY.add(self.volume, quantity)

    def join(self, later: Candle) -> None:
        """Takes in what came after it."""
        self.high = max(self.high, later.high)
        self.low = min(self.low, later.low)
        self.close = later.close
        self.volume = EXACTLY.add(self.volume, later.volume)


Begun = tuple[int, Candle]
"""A candle with the begin of its interval, log time in milliseconds."""


@dataclass(slots=True)
class Series:
    """The newest candles of one interval, by begin."""

    interval_ms: int
    candles: dict[int, Candle] = field(default_factory=dict)

    def add(self, at_ms: int, price: Decimal, quantity: Decimal) -> None:
        begin_ms = at_ms // self.interval_ms * self.interval_ms
        candle = self.candles.get(begin_ms)
        if candle is None:
            candle = self.candles[begin_ms] = Candle(price, price, price, price, ZERO)
            if len(self.candles) > CANDLES:
                del self.candles[min(self.candles)]
        candle.add(price, quantity)

    def since(self, at_ms: int) -> list[Begun]:
        """Oldest first."""
        return sorted((b, one) for b, one in self.candles.items() if b >= at_ms)


class Candles:
    """All intervals of one instrument."""

    __slots__ = ("series",)

    def __init__(self) -> None:
        self.series = tuple(Series(1_000 * width) for width in KEPT_S)

    def add(self, at_ms: int, price: Decimal, quantity: Decimal) -> None:
        """One trade."""
        for one in self.series:
            one.add(at_ms, price, quantity)

    def since(self, at_ms: int, interval_s: int) -> list[Begun]:
        """The newest of an interval that begin at or after a log time, oldest first."""
        wanted_ms = 1_000 * interval_s
        [*_, fine] = (one for one in self.series if wanted_ms % one.interval_ms == 0)
        found = fine.since(at_ms)
        if fine.interval_ms != wanted_ms:
            found = _joined(found, wanted_ms)
        return found[-CANDLES:]


def _joined(found: Iterable[Begun], wanted_ms: int) -> list[Begun]:
    joined: dict[int, Candle] = {}
    for at_ms, one in found:
        begin_ms = at_ms // wanted_ms * wanted_ms
        if begin_ms in joined:
            joined[begin_ms].join(one)
        else:
            joined[begin_ms] = Candle(one.open, one.high, one.low, one.close, one.volume)
    return list(joined.items())


def interval_of(text: str) -> int:
    """The interval that a text names, in seconds; the usual one where it is empty. Raises
    `NoSuchInterval`.
    """
    if not text:
        return INTERVAL_S
    if text not in map(str, INTERVALS_S):
        *some, last = INTERVALS_S
        raise NoSuchInterval(
            f"there are no candles of {text[:16]} s, only of {', '.join(map(str, some))} or {last}"
        )
    return int(text)
