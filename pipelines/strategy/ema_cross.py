"""EMA cross on trades: long while the fast average is above the slow one.

Each average is the sequential recurrence `ema += (px - ema) * weight`, seeded with the first price.
The order of operations is that of polars' `ewm_mean(adjust=False)`, so both forms agree to the last
bit wherever a batch is cut. (The textbook form `(1 - a) * ema + a * px` rounds differently.)
Prices become floats by correct rounding in both forms: `float(Decimal)` and polars' cast.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

import msgspec
import polars as pl

from pipelines.strategy.signal import Columns, check_size, quantity
from schemas.events import TradePrinted


class EmaState(NamedTuple):
    """Both averages; None before the first trade."""

    fast: float | None
    slow: float | None


class EmaCross(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`fast_span` and `slow_span` are in trades; `short` takes the other side below the cross."""

    fast_span: int = 50
    slow_span: int = 200
    size: Decimal = Decimal("0.01")
    short: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.fast_span < self.slow_span:
            raise ValueError("fast_span must be at least 1 and less than slow_span")
        check_size(self.size)

    @property
    def reads(self) -> type[TradePrinted]:
        return TradePrinted

    def initial(self) -> EmaState:
        return EmaState(None, None)

    def row(self, state: EmaState, event: TradePrinted) -> tuple[EmaState, Decimal]:
        px = float(event.last_px)
        fast = follow(state.fast, px, smoothing(self.fast_span))
        slow = follow(state.slow, px, smoothing(self.slow_span))
        if fast > slow:
            return EmaState(fast, slow), self.size
        return EmaState(fast, slow), self._below if fast < slow else Decimal(0)

    def columns(self) -> Columns:
        px = pl.col("last_px").cast(pl.Float64)
        fast, slow = pl.col("fast"), pl.col("slow")
        return Columns(
            state={
                "fast": average(pl.coalesce(fast, px), smoothing(self.fast_span)),
                "slow": average(pl.coalesce(slow, px), smoothing(self.slow_span)),
            },
            target=pl.when(fast > slow)
            .then(quantity(self.size))
            .when(fast < slow)
            .then(quantity(self._below))
            .otherwise(quantity(Decimal(0))),
        )

    @property
    def _below(self) -> Decimal:
        return -self.size if self.short else Decimal(0)


def smoothing(span: int) -> float:
    """The share of the newest price, as usual for a span of so many observations."""
    return 2.0 / (span + 1.0)


def follow(before: float | None, px: float, alpha: float) -> float:
    """The average after one more price, in polars' order of operations."""
    if before is None:
        return px
    return before + (px - before) * (alpha / ((1.0 - alpha) + alpha))


def average(values: pl.Expr, alpha: float) -> pl.Expr:
    """`follow` over a column whose first value is the average before."""
    return values.ewm_mean(alpha=alpha, adjust=False, ignore_nulls=True)
