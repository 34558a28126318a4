"""A desk's own configuration as a backtest: what trades live is what is tested."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from decimal import Decimal
from functools import partial
from hashlib import sha256
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final, NamedTuple

from connectors.orderport import order_port
from ops.limits import load_limits
from ops.processes.caps import load_caps
from ops.processes.catalog import strategy
from ops.processes.grid import BadGrid, Set, changed, number
from ops.processes.sources import Source, opened
from ops.processes.version import version_of
from ops.settings import Settings, load_file
from ops.stack.progress import Report, silent
from pipelines.exact import plain
from pipelines.matching.latency import Latency
from pipelines.matching.model import Fees
from pipelines.strategy.logic import StrategyLogic
from replay.backtest.exchange import instruments_of
from replay.backtest.run import backtest
from replay.backtest.setting import WHO, Model, Setting
from replay.backtest.store import Run, store
from replay.times import Span
from schemas.errors import TapeError

NS_PER_MS: Final = Decimal(1_000_000)
LEGS: Final = ("order_ms", "cancel_ms", "report_ms", "jitter_ms")
PATTERNS: Final = (
    *("pipelines/*.py", "pipelines/*/*.py", "replay/backtest/*.py", "connectors/orderport/**/*.py"),
    *(
        f"connectors/simulated/{name}.py"
        for name in ("errors", "guard", "market", "render", "server", "venue")
    ),
)


class NotTradable(TapeError):
    """A configuration without strategies that trade, or without limits."""


class BadDelay(TapeError):
    """A delay below 0, or finer than a nanosecond."""


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
        """Raises `BadDelay`."""
        order, cancel, report, jitter = map(self._ns, LEGS)
        latency = Latency(order, cancel, report, jitter, self.seed)
        return Model(latency, Fees(self.maker_fee, self.taker_fee))

    def _ns(self, leg: str) -> int:
        taken_ms = getattr(self, leg)
        taken_ns = taken_ms * NS_PER_MS
        if taken_ns < 0 or taken_ns != int(taken_ns):
            raise BadDelay(f"{leg} is {plain(taken_ms)}: at least 0, to the nanosecond at most")
        return int(taken_ns)

    def varied(self, chosen: Set) -> Assumed:
        """With what a parameter set says of it. Raises `BadGrid`."""
        own = {name: number(text, name) for name, text in chosen.items() if name in self._fields}
        seed = own.pop("seed", Decimal(self.seed))
        if seed != int(seed):
            raise BadGrid(f"seed: {plain(seed)} is no whole number")
        return Assumed(**{**self._asdict(), **own, "seed": int(seed)})


class Asked(NamedTuple):
    """One backtest to run, as it goes to another process. `folder`: where its result is kept."""

    config: Path
    span: Span
    source: Source
    folder: Path
    assumed: Assumed = Assumed()
    chosen: Set = {}  # noqa: RUF012  read only


def setting_of(settings: Settings, assumed: Assumed, file: Path | None = None) -> Setting:
    """Raises `NotTradable`, and whatever is wrong with the files that the settings name."""
    if settings.desk.limits is None:
        raise NotTradable("no limits, so risk denies everything: set [desk] limits to their file")
    if not any(one.execution for one in settings.strategy.signals):
        raise NotTradable("no strategy trades: give a signal an `execution` table")
    made = strategy(settings, file).logic
    assert isinstance(made, StrategyLogic)
    limits = load_limits(settings.desk.limits, 1, WHO, "as configured", 0)
    return Setting(
        made,
        limits,
        load_caps(settings.gateway.caps),
        order_port(settings.gateway.venue),
        instruments_of(limits),
        settings.desk.balances,
        assumed.model(),
        environment=settings.environment,
    )


def prepared(asked: Asked) -> tuple[Assumed, Settings, Setting]:
    """What one backtest is run with. Raises `TapeError` for whatever is wrong in it."""
    assumed = asked.assumed.varied(asked.chosen)
    rest = {name: text for name, text in asked.chosen.items() if name not in Assumed._fields}
    desk = load_file(asked.config)
    desk = load_file(asked.config, **changed(desk, rest)) if rest else desk
    return assumed, desk, setting_of(desk, assumed, asked.config.absolute())


def run_one(asked: Asked, own: Settings, report: Report = silent) -> Run:
    """One backtest, its result kept in a folder of its own. `own` names the log and the archive.
    Raises `TapeError`.
    """
    assumed, desk, setting = prepared(asked)
    log, codec = opened(own, asked.source)
    try:
        done = backtest(log, codec, setting, asked.span, partial(report, "backtest"))
    finally:
        log.close()
    facts = {
        "configuration": asked.config.name,
        "configuration_sha256": _configuration(desk, setting),
        "code_version": version_of(PATTERNS, {}),
        "strategy_version": strategy(desk, asked.config.absolute()).version,
        "parameters": dict(asked.chosen),
        "assumed": {name: str(value) for name, value in assumed._asdict().items()},
        "seed": assumed.seed,
        "span": asked.span._asdict(),
    }
    return store(done, facts, asked.folder)


def _configuration(desk: Settings, setting: Setting) -> str:
    """Equal for settings that decide alike, wherever their files lie."""
    values: dict[str, Any] = {
        "strategy": desk.strategy.model_dump(mode="json"),
        "limits": setting.limits,
        "caps": setting.caps.version,
        "balances": setting.balances,
    }
    return sha256(json.dumps(values, sort_keys=True, default=str).encode()).hexdigest()


def run_all(
    asked: Asked, sets: Sequence[Set], own: Settings, workers: int, report: Report
) -> list[Run]:
    """Every set, in processes side by side; results in the order of the sets. Raises `TapeError` of
    the first that fails.
    """
    if len(sets) == 1:
        return [run_one(asked._replace(chosen=sets[0]), own, report)]
    for chosen in sets:
        prepared(asked._replace(chosen=chosen))  # a mistake shows before anything runs
    found: dict[int, Run] = {}
    report("backtests", 0, len(sets))
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        waiting = {
            pool.submit(run_one, asked._replace(chosen=chosen), own): number
            for number, chosen in enumerate(sets)
        }
        for future in as_completed(waiting):
            found[waiting[future]] = future.result()
            report("backtests", len(found), len(sets))
    return [found[number] for number in range(len(sets))]
