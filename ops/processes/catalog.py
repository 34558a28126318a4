"""What each pipeline is made of: its logic, what its version covers, what may be asked of it.

Each loads its own logic alone: a start of risk waits for no other pipeline's libraries.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from connectors.log.interface import Log
from ops.processes.sealing import Seal, signing
from ops.processes.version import version_of
from ops.settings import Settings, config_file
from pipelines.dead_letters import DeadLetterLimit
from pipelines.logic import Logic
from schemas.codec import Codec
from schemas.errors import TapeError

if TYPE_CHECKING:
    from pipelines.execution.settings import Execution
    from pipelines.market.settings import MarketSettings
    from pipelines.strategy.signal import LoadedSignal


class Pipeline(NamedTuple):
    """A pipeline ready to run. `seal` adds to what it writes what only a live process can."""

    name: str
    logic: Logic[Any]
    version: str
    rebuildable: bool = True
    one_shard: bool = False
    seal: Callable[[Settings, Log, Codec], Seal] | None = None


class NoSuchPipeline(TapeError):
    """No pipeline has that name."""


def market(settings: Settings) -> Pipeline:
    import connectors.epochs.tables  # noqa: F401  # not amid the first burst of frames
    from connectors.venues import FOLDERS, venue
    from pipelines.market.logic import MarketLogic

    parsers = {code: venue(code).parse() for code in FOLDERS}
    patterns = (
        "pipelines/market/*.py",
        "connectors/venues/*_parse.py",
        "connectors/venues/*/parse.py",
    )
    version = version_of(patterns, settings.market.model_dump(mode="json"))
    return Pipeline("market", MarketLogic(parsers, market_settings(settings)), version)


def market_settings(settings: Settings) -> MarketSettings:
    """Those of the `market` pipeline, for whoever judges a feed as it does."""
    from pipelines.market.settings import MarketSettings

    chosen = settings.market
    return MarketSettings(
        frame_bytes_max=chosen.frame_bytes_max,
        frame_bytes_max_of=chosen.frame_bytes_max_of,
        stale_ms=chosen.stale_ms,
        stale_ms_of=chosen.stale_ms_of,
        mark_interval_ms=chosen.mark_interval_ms,
        dead_letters=DeadLetterLimit(**chosen.dead_letters.model_dump()),
    )


def strategy(settings: Settings, file: Path | None = None) -> Pipeline:
    """`file`: where the settings come from, if it is not the one in force; code that they name lies
    relative to it.
    """
    from pipelines.execution.executor import Executor
    from pipelines.execution.settings import execution_of
    from pipelines.strategy.loading import load_signal
    from pipelines.strategy.logic import StrategyLogic, StrategySettings

    chosen = settings.strategy
    file = file or config_file()
    folder = file.parent if file else None
    executions = {s.name: execution_of(s.name, s.execution) for s in chosen.signals if s.execution}
    signals = [
        executed(load_signal(s.name, s.uses, s.options, s.instruments, folder), executions)
        for s in chosen.signals
    ]
    logic = StrategySettings(DeadLetterLimit(**chosen.dead_letters.model_dump()))
    versions = {signal.name: signal.version for signal in signals}
    executor = Executor("strategy", executions, versions) if executions else None
    # A signal's digest covers its code, name, instruments and options; where it lies is no version.
    digests = [signal.digest for signal in signals]
    decisive = chosen.model_dump(mode="json", exclude={"signals"})
    patterns = ("pipelines/strategy/*.py", "pipelines/execution/*.py", "pipelines/orders/*.py")
    version = version_of(patterns, decisive, digests)
    pure = StrategyLogic(signals, logic, executor)
    return Pipeline("strategy", pure, version, rebuildable=executor is None)


def executed(signal: LoadedSignal, executions: Mapping[str, Execution]) -> LoadedSignal:
    """The signal under the version of the whole strategy: its own, and how it trades."""
    execution = executions.get(signal.name)
    if execution is None:
        return signal
    return signal._replace(digest=sha256(signal.digest + execution.digest).digest())


def risk(settings: Settings) -> Pipeline:
    """One shard: a desk's limits are sums over all of it. State depends on own outputs."""
    from pipelines.risk.logic import RiskLogic

    patterns = ("pipelines/risk/*.py", "pipelines/orders/*.py")
    version = version_of(patterns, {})
    return Pipeline("risk", RiskLogic(), version, rebuildable=False, one_shard=True, seal=signing)


def reconciliation(settings: Settings) -> Pipeline:
    """State depends on own outputs: fills it booked, breaks it found."""
    from pipelines.reconciliation.logic import ReconciliationLogic
    from pipelines.reconciliation.settings import ReconciliationSettings

    chosen = settings.reconciliation
    patterns = ("pipelines/reconciliation/*.py", "pipelines/orders/*.py")
    version = version_of(patterns, chosen.model_dump(mode="json"))
    logic = ReconciliationLogic(ReconciliationSettings(**chosen.model_dump()))
    return Pipeline("reconciliation", logic, version, rebuildable=False)


PIPELINES: dict[str, Callable[[Settings], Pipeline]] = {
    "market": market,
    "strategy": strategy,
    "risk": risk,
    "reconciliation": reconciliation,
}


def pipeline(name: str, settings: Settings) -> Pipeline:
    """Raises `NoSuchPipeline`, and whatever is wrong with its settings."""
    if name not in PIPELINES:
        raise NoSuchPipeline(f"no pipeline {name}: there are {', '.join(PIPELINES)}")
    return PIPELINES[name](settings)
