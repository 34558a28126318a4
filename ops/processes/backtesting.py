"""A desk's own configuration as a backtest: what trades live is what is tested."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from connectors.orderport import order_port
from ops.limits import load_limits
from ops.processes.catalog import strategy
from ops.processes.gateway import load_caps
from ops.settings import Settings
from pipelines.logic import Logic
from pipelines.matching.latency import Latency
from pipelines.matching.model import Fees
from pipelines.strategy.logic import StrategyLogic
from replay.backtest.exchange import instruments_of
from replay.backtest.setting import LOG_ID, WHO, Model, Setting
from schemas.errors import TapeError

NS_PER_MS = Decimal(1_000_000)


class NotTradable(TapeError):
    """A configuration without strategies that trade, or without limits."""


class Assumed(NamedTuple):
    """What is assumed of the venue; milliseconds one way."""

    order_ms: Decimal = Decimal(5)
    cancel_ms: Decimal = Decimal(5)
    report_ms: Decimal = Decimal(5)
    jitter_ms: Decimal = Decimal(0)
    seed: int = 0
    maker_fee: Decimal = Decimal("0.001")
    taker_fee: Decimal = Decimal("0.001")

    def model(self) -> Model:
        legs = (self.order_ms, self.cancel_ms, self.report_ms, self.jitter_ms)
        order, cancel, report, jitter = (int(leg * NS_PER_MS) for leg in legs)
        latency = Latency(order, cancel, report, jitter, self.seed)
        return Model(latency, Fees(self.maker_fee, self.taker_fee))


def setting_of(settings: Settings, assumed: Assumed, log_id: str = LOG_ID) -> Setting:
    """Raises `NotTradable`, and whatever is wrong with the files that the settings name."""
    if settings.desk.limits is None:
        raise NotTradable("no limits, so risk denies everything: set [desk] limits to their file")
    made: Logic[object] = strategy(settings).logic
    assert isinstance(made, StrategyLogic)
    if not any(one.execution for one in settings.strategy.signals):
        raise NotTradable("no strategy trades: give a signal an `execution` table")
    limits = load_limits(settings.desk.limits, 1, WHO, "as configured", 0)
    return Setting(
        made,
        limits,
        load_caps(settings.gateway.caps),
        order_port(settings.gateway.venue),
        instruments_of(limits),
        settings.desk.balances,
        assumed.model(),
        log_id,
        settings.environment,
    )
