"""What each pipeline is made of: its logic, what its version covers, what may be asked of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from pipelines.market.logic import MarketLogic
from pipelines.strategy.loading import load_signals

from connectors.venues import VENUES
from ops.processes.version import version_of
from ops.settings import Settings
from pipelines.logic import Logic
from pipelines.strategy.logic import StrategyLogic
from schemas.errors import TapeError


class Pipeline(NamedTuple):
    """A pipeline ready to run."""

    name: str
    logic: Logic[Any]
    version: str
    rebuildable: bool = True


class NoSuchPipeline(TapeError):
    """No pipeline has that name."""


def market(settings: Settings) -> Pipeline:
    parsers = {code: venue.parse for code, venue in VENUES.items()}
    patterns = ("pipelines/market/*.py", "connectors/venues/*/parse.py")
    version = version_of(patterns, settings.market.model_dump(mode="json"))
    return Pipeline("market", MarketLogic(parsers, settings.market.logic()), version)


def strategy(settings: Settings) -> Pipeline:
    signals = load_signals(settings.strategy.signals)
    patterns = ("pipelines/strategy/*.py",)
    digests = [signal.digest for signal in signals]
    version = version_of(patterns, settings.strategy.model_dump(mode="json"), digests)
    return Pipeline("strategy", StrategyLogic(signals, settings.strategy.logic()), version)


PIPELINES: dict[str, Callable[[Settings], Pipeline]] = {"market": market, "strategy": strategy}


def pipeline(name: str, settings: Settings) -> Pipeline:
    """Raises `NoSuchPipeline`, and whatever is wrong with its settings."""
    if name not in PIPELINES:
        raise NoSuchPipeline(f"no pipeline {name}: there are {', '.join(PIPELINES)}")
    return PIPELINES[name](settings)
