"""Signals for tests: the references with settings that change often, and two of other shapes."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

import msgspec

from pipelines.strategy.book_imbalance import BookImbalance
from pipelines.strategy.ema_cross import EmaCross
from pipelines.strategy.logic import StrategyLogic, StrategySettings
from pipelines.strategy.signal import LoadedSignal
from schemas.events import ClockTick, TradePrinted

ALWAYS_COLUMNS = StrategySettings(columnar_from=1)
ALWAYS_ROWS = StrategySettings(columnar_from=10**9)


class LastPrices(NamedTuple):
    """Nested values of every kind that a row-only state may hold."""

    prices: tuple[float, ...]
    highest: Decimal | None
    label: str


class Breakout(msgspec.Struct, frozen=True):
    """Row form only: long at a new high of all prices seen."""

    @property
    def reads(self) -> type[TradePrinted]:
        return TradePrinted

    def initial(self) -> LastPrices:
        return LastPrices((), None, "é")

    def row(self, state: LastPrices, event: TradePrinted) -> tuple[LastPrices, Decimal]:
        px = event.last_px
        higher = state.highest is None or px > state.highest
        prices = (*state.prices[-2:], float(px))
        after = LastPrices(prices, px if higher else state.highest, state.label)
        return after, Decimal(1 if higher else 0)


class Age(NamedTuple):
    ticks: int


class Expiring(msgspec.Struct, frozen=True):
    """Follows the clock: a trade asks for 1, the second clock tick after it ends that."""

    @property
    def reads(self) -> type[TradePrinted]:
        return TradePrinted

    def initial(self) -> Age:
        return Age(0)

    def row(self, state: Age, event: TradePrinted) -> tuple[Age, Decimal]:
        return Age(0), Decimal(1)

    def tick(self, state: Age, clock: ClockTick) -> tuple[Age, Decimal]:
        after = Age(state.ticks + 1)
        return after, Decimal(1 if after.ticks < 2 else 0)


ONE = Decimal("0.25")
SIGNALS = (
    LoadedSignal("ema", EmaCross(fast_span=2, slow_span=5, size=ONE, short=True), b"\1" * 32),
    LoadedSignal(
        "ema-one", EmaCross(fast_span=1, slow_span=2), b"\2" * 32, frozenset(["ETHUSDT.BINANCE"])
    ),
    LoadedSignal(
        "book",
        BookImbalance(enter=Decimal("0.3"), leave=Decimal("0.1"), short=True),
        b"\3" * 32,
    ),
    LoadedSignal("breakout", Breakout(), b"\4" * 32),
    LoadedSignal("expiring", Expiring(), b"\5" * 32),
)


def columns() -> StrategyLogic:
    return StrategyLogic(SIGNALS, ALWAYS_COLUMNS)


def rows() -> StrategyLogic:
    return StrategyLogic(SIGNALS, ALWAYS_ROWS)
