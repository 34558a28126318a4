"""Order-book imbalance on quotes: long while the bid side outweighs the ask side.

    imbalance = (bid_qty - ask_qty) / (bid_qty + ask_qty), between -1 and 1

The quotient is never computed: `imbalance >= enter` is decided as
`(bid_qty - ask_qty) * 10,000 >= (bid_qty + ask_qty) * (enter * 10,000)`, which is exact. The row
form uses Decimals under `EXACTLY`; the columnar form 128-bit integers (decimal(28,10) quantities
are below 10**28 units of 10**-10, so both sides stay below 4 * 10**32 of the type's 1.7 * 10**38).
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

import msgspec
import polars as pl

from pipelines.strategy.signal import EXACTLY, Columns, check_size, quantity
from schemas.events import QuoteChanged

THRESHOLD_UNITS = 10_000  # thresholds have at most four decimals


class ImbalanceState(NamedTuple):
    """Which side is taken; never both."""

    long: bool
    short: bool


class BookImbalance(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Takes a side when the imbalance reaches `enter`, leaves it when it falls below `leave`.

    The gap between them (hysteresis) keeps a flickering book from trading. An empty book changes
    nothing.
    """

    enter: Decimal = Decimal("0.6")
    leave: Decimal = Decimal("0.2")
    size: Decimal = Decimal("0.01")
    short: bool = False

    def __post_init__(self) -> None:
        enter, leave = threshold_units(self.enter), threshold_units(self.leave)
        if not 0 <= leave <= enter <= THRESHOLD_UNITS or enter == 0:
            raise ValueError("thresholds must satisfy 0 <= leave <= enter <= 1 and enter > 0")
        check_size(self.size)

    @property
    def reads(self) -> type[QuoteChanged]:
        return QuoteChanged

    def initial(self) -> ImbalanceState:
        return ImbalanceState(long=False, short=False)

    def row(self, state: ImbalanceState, event: QuoteChanged) -> tuple[ImbalanceState, Decimal]:
        excess = EXACTLY.multiply(
            EXACTLY.subtract(event.bid_qty, event.ask_qty), Decimal(THRESHOLD_UNITS)
        )
        total = EXACTLY.add(event.bid_qty, event.ask_qty)
        enter = EXACTLY.multiply(total, Decimal(threshold_units(self.enter)))
        leave = EXACTLY.multiply(total, Decimal(threshold_units(self.leave)))
        after = ImbalanceState(
            long=_held(state.long, excess, total, enter, leave),
            short=_held(state.short, excess.copy_negate(), total, enter, leave),
        )
        if after.long:
            return after, self.size
        return after, -self.size if after.short and self.short else Decimal(0)

    def columns(self) -> Columns:
        bid, ask = pl.col("bid_qty").to_physical(), pl.col("ask_qty").to_physical()
        total = bid + ask
        short = quantity(-self.size if self.short else Decimal(0))
        return Columns(
            state={
                "long": self._side("long", (bid - ask) * THRESHOLD_UNITS, total),
                "short": self._side("short", (ask - bid) * THRESHOLD_UNITS, total),
            },
            target=pl.when("long")
            .then(quantity(self.size))
            .when("short")
            .then(short)
            .otherwise(quantity(Decimal(0))),
        )

    def _side(self, field: str, excess: pl.Expr, total: pl.Expr) -> pl.Expr:
        enters = (excess >= total * threshold_units(self.enter)) & (total > 0)
        leaves = excess < total * threshold_units(self.leave)
        decided = pl.when(enters).then(True).when(leaves).then(False)
        return pl.coalesce(field, decided).forward_fill()


def _held(before: bool, excess: Decimal, total: Decimal, enter: Decimal, leave: Decimal) -> bool:
    if total > 0 and excess >= enter:
        return True
    return before and excess >= leave


def threshold_units(threshold: Decimal) -> int:
    """A threshold as a count of 1/10,000. Raises `ValueError` if it is finer than that."""
    if not threshold.is_finite():
        raise ValueError("a threshold must be a number")
    units = EXACTLY.multiply(threshold, Decimal(THRESHOLD_UNITS))
    if units != int(units):
        raise ValueError("a threshold has at most four decimals")
    return int(units)
