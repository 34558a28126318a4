"""The strategy pipeline: trades and quotes to wanted positions, written only when they change.

Order inside an epoch: decoding errors first, then by (index of the causing record, order of the
signals, instrument). Long only is execution's business: a target may be negative. With execution
configured, a record's requests follow its targets; then the epoch is also read row by row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Final, NamedTuple

import polars as pl

from pipelines.dead_letters import DeadLetterLimit, count, count_all, refuse_unreadable
from pipelines.execution.executor import INPUTS as TRADING_INPUTS
from pipelines.execution.executor import Executor
from pipelines.execution.requests import REQUESTS
from pipelines.execution.settings import BadExecution
from pipelines.execution.state import ExecutionState
from pipelines.logic import (
    ROWS_MAX,
    Batch,
    Input,
    InputTopic,
    Output,
    Position,
    StateVersionError,
)
from pipelines.strategy.changes import TARGETS, Tick, output_of
from pipelines.strategy.columnar import Grouped, Plan, group, plan_of, ticks_of
from pipelines.strategy.rows import Run, react, run_rows
from pipelines.strategy.signal import ClockedSignal, ColumnarSignal, LoadedSignal
from pipelines.strategy.state import Held, StrategyState, check_first, dump, load
from schemas.errors import TapeError
from schemas.events import (
    CLASSES,
    ClockTick,
    DeadLettered,
    QuoteChanged,
    TargetChanged,
    TradePrinted,
)


class StrategySettings(NamedTuple):
    """Batches with fewer rows of an event than `columnar_from` run row by row: faster there."""

    dead_letters: DeadLetterLimit = DeadLetterLimit()
    columnar_from: int = ROWS_MAX


DEFAULTS: Final = StrategySettings()
Check = Callable[[], None]
EXECUTING: Final = 3  # state version with execution
UNREADABLE_HALTS: Final = frozenset(each.topic for each in TRADING_INPUTS)


class NoSuchEvent(TapeError):
    """A signal reads an event that the strategy pipeline does not deliver."""


class InColumns(NamedTuple):
    """A signal over the columns of a batch; `held`: what it knew before."""

    name: str
    plan: Plan
    grouped: Grouped
    held: dict[str, Held]


class StrategyLogic:
    """See `pipelines.logic.Logic`."""

    name = "strategy"
    inputs: tuple[InputTopic, ...] = (
        InputTopic("md.trade.v1"),
        InputTopic("md.quote.v1"),
        InputTopic("ops.clock.v1", broadcast=True),
    )
    outputs: tuple[str, ...] = (TARGETS, "md.trade.v1.dlq", "md.quote.v1.dlq")
    state_version = 1

    def __init__(
        self,
        signals: Sequence[LoadedSignal],
        settings: StrategySettings = DEFAULTS,
        executor: Executor | None = None,
    ) -> None:
        """Without `executor` the pipeline asks for no orders and reads nothing about them."""
        _check_signals(signals)
        self._executor = executor
        if executor is not None:
            _check_followed(signals, executor)
            self.inputs = (*self.inputs, *TRADING_INPUTS)
            self.outputs = (*self.outputs, REQUESTS)
            self.state_version = EXECUTING
        self._signals = {loaded.name: loaded for loaded in signals}
        self._settings = settings
        self._plans = {
            loaded.name: plan_of(loaded)
            for loaded in signals
            if isinstance(loaded.signal, ColumnarSignal)
            and not isinstance(loaded.signal, ClockedSignal)
        }

    def initial(self) -> StrategyState:
        execution = ExecutionState() if self._executor else None
        return StrategyState({name: {} for name in self._signals}, {}, execution)

    def decide(self, state: StrategyState, item: Input) -> list[Output]:
        tick = Tick(0, item.position, item.timestamp_ms, item.event)
        runs = ((loaded, run_rows(loaded, state.held[loaded.name], [tick])) for loaded in self._all)
        targets = [output_of(loaded, change) for loaded, run in runs for change in run.changes]
        if self._executor is None or state.execution is None:
            return targets
        return [*targets, *self._executor.decide(state.execution, item, targets)]

    def evolve(self, state: StrategyState, fact: Input | Output) -> StrategyState:
        if isinstance(fact, Input):
            for loaded in self._all:
                held = state.held[loaded.name]
                for instrument, after, _ in list(react(loaded, held, fact.event)):
                    before = held.get(instrument)
                    held[instrument] = Held(after, before.target if before else None)
            if self._executor and state.execution:
                self._executor.follow(state.execution, fact)
            return state
        if self._executor and state.execution:
            self._executor.evolve(state.execution, fact)
        if isinstance(fact.event, TargetChanged):
            self._follow(state, fact.event)
        elif isinstance(fact.event, DeadLettered):
            count(state.dead_letters, fact.position, self._settings.dead_letters)
        return state

    def step(self, state: StrategyState, batch: Batch) -> tuple[StrategyState, list[Output]]:
        """Changes `state` only once everything is decided: a signal that raises leaves it whole."""
        targets = self.advance(state, batch)
        if self._executor and state.execution:
            targets = _executed(self._executor, state.execution, batch, targets)
        return state, [*batch.errors, *targets]

    def in_columns(self, state: StrategyState, batch: Batch) -> Iterator[InColumns]:
        """The signals that `advance` runs over the columns of a batch."""
        if batch.count < self._settings.columnar_from:
            return
        view = _View(batch, 0)
        for name, plan in self._plans.items():
            loaded = self._signals[name]
            if view.count(loaded) >= self._settings.columnar_from:
                yield InColumns(name, plan, view.grouped(loaded), state.held[name])

    def advance(
        self, state: StrategyState, batch: Batch, check: Check = lambda: None
    ) -> list[Output]:
        """The same, and the signals' state follows: the first half of `step`. A backtest takes both
        halves, because what execution asks for changes the records that come after it. `check` is
        called before the state follows.
        """
        runs = self._runs(state, batch)
        targets = _in_order(runs)
        check()
        limit = self._settings.dead_letters
        refuse_unreadable([e for e in batch.errors if e.position.topic in UNREADABLE_HALTS])
        count_all(state.dead_letters, batch.errors, limit)
        for loaded, run in runs:
            state.held[loaded.name].update(run.held)
        return targets

    def execute(self, state: StrategyState, item: Input, targets: Sequence[Output]) -> list[Output]:
        """What execution asks for after one record and its targets: the second half of `step`."""
        if self._executor is None or state.execution is None:
            return []
        return self._executor.step(state.execution, item, targets)

    def dump(self, state: StrategyState) -> bytes:
        return dump(state)

    def load(self, body: bytes, version: int) -> StrategyState:
        if version not in {1, 2, EXECUTING}:
            raise StateVersionError(f"strategy state version {version}, not {self.state_version}")
        traded = self._executor.traded if self._executor else None
        return load(body, self._signals, traded)

    @property
    def _all(self) -> Iterable[LoadedSignal]:
        return self._signals.values()

    def _runs(self, state: StrategyState, batch: Batch) -> list[tuple[LoadedSignal, Run]]:
        view = _View(batch, min(ROWS_MAX, self._settings.columnar_from))
        return [(loaded, self._run(loaded, state.held[loaded.name], view)) for loaded in self._all]

    def _run(self, loaded: LoadedSignal, held: dict[str, Held], view: _View) -> Run:
        plan = self._plans.get(loaded.name)
        if plan and view.count(loaded) >= self._settings.columnar_from:
            return plan.run(view.grouped(loaded), held)
        return run_rows(loaded, held, view.ticks(loaded))

    def _follow(self, state: StrategyState, event: TargetChanged) -> None:
        """The target as written, also where other code would have decided otherwise."""
        loaded = self._signals.get(event.strategy)
        if loaded is None:
            return
        held = state.held[event.strategy]
        before = held.get(event.instrument) or Held(loaded.signal.initial(), None)
        held[event.instrument] = before._replace(target=event.target_qty)


class _View:
    """One batch as its signals want it; forms that several want are made once."""

    def __init__(self, batch: Batch, tables_from: int) -> None:
        self._ticks: dict[str, list[Tick]] = {}
        self._groups: dict[tuple[str, frozenset[str]], Grouped] = {}
        few = batch.count < tables_from
        self._tables: Mapping[str, pl.DataFrame] = {} if few else batch.tables
        for place, row in enumerate(batch.rows() if few else ()):
            tick = Tick(place, row.position, row.timestamp_ms, row.event)
            self._ticks.setdefault(type(row.event).__name__, []).append(tick)

    def count(self, loaded: LoadedSignal) -> int:
        name = loaded.signal.reads.__name__
        return self._tables[name].height if name in self._tables else len(self._of(name))

    def grouped(self, loaded: LoadedSignal) -> Grouped:
        key = loaded.signal.reads.__name__, loaded.instruments
        if key not in self._groups:
            self._groups[key] = group(self._tables[key[0]], loaded.instruments)
        return self._groups[key]

    def ticks(self, loaded: LoadedSignal) -> list[Tick]:
        """The signal's events in order, and those of the clock for one that follows it."""
        ticks = self._of(loaded.signal.reads.__name__)
        clock = self._of(ClockTick.__name__)
        # Looking at a protocol costs a fraction of a millisecond: only where a tick is there.
        if clock and isinstance(loaded.signal, ClockedSignal):
            return sorted([*ticks, *clock], key=lambda tick: tick.place)
        return ticks

    def _of(self, name: str) -> list[Tick]:
        if name not in self._ticks:
            table = self._tables.get(name)
            self._ticks[name] = [] if table is None else ticks_of(table, CLASSES[name])
        return self._ticks[name]


def _executed(
    executor: Executor, state: ExecutionState, batch: Batch, targets: Sequence[Output]
) -> list[Output]:
    """The targets of a batch with what execution asks for, record after record."""
    by_cause: dict[Position, list[Output]] = {}
    for target in targets:
        by_cause.setdefault(target.position, []).append(target)
    outputs: list[Output] = []
    for item in batch.rows():
        caused = by_cause.get(item.position, ())
        outputs += (*caused, *executor.step(state, item, caused))
    return outputs


def _in_order(runs: Sequence[tuple[LoadedSignal, Run]]) -> list[Output]:
    if len(runs) == 1:
        return [output_of(runs[0][0], change) for change in runs[0][1].changes]
    decided = [
        ((change.place, order, change.instrument), loaded, change)
        for order, (loaded, run) in enumerate(runs)
        for change in run.changes
    ]
    decided.sort(key=itemgetter(0))
    return [output_of(loaded, change) for _, loaded, change in decided]


def _check_signals(signals: Sequence[LoadedSignal]) -> None:
    names = [loaded.name for loaded in signals]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise TapeError(f"two signals are named {twice[0]}: give each its own name")
    for loaded in signals:
        if loaded.signal.reads not in {TradePrinted, QuoteChanged}:
            raise NoSuchEvent(
                f"signal {loaded.name} reads {loaded.signal.reads!r}; "
                "the strategy pipeline delivers TradePrinted and QuoteChanged"
            )
        check_first(loaded)


def _check_followed(signals: Sequence[LoadedSignal], executor: Executor) -> None:
    """A position in an instrument that its signal does not follow would be held for ever."""
    named = {loaded.name: loaded for loaded in signals}
    for strategy, instrument in sorted(executor.traded):
        if not named[strategy].follows(instrument):
            raise BadExecution(
                f"signal {strategy}: execution: {instrument} is none of the instruments that it "
                "follows"
            )
