"""A signal run row by row: the specification."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from pipelines.strategy.changes import Change, Tick, change_of, exact_target
from pipelines.strategy.signal import ClockedSignal, LoadedSignal
from pipelines.strategy.state import Held, check_state
from schemas.events import ClockTick

NOTHING = Decimal(0)


class Reaction(NamedTuple):
    """What a signal makes of one event for one instrument."""

    instrument: str
    state: Any
    target: Decimal


class Run(NamedTuple):
    """One signal over one batch: its changes in order, and what it then holds where it looked."""

    changes: list[Change]
    held: dict[str, Held]


def react(loaded: LoadedSignal, held: Mapping[str, Held], event: Any) -> Iterator[Reaction]:
    """One reaction to an event of its kind; to a clock tick one per known instrument, by name.
    A snapshot of other settings may know more than the signal follows.
    """
    signal = loaded.signal
    if isinstance(event, ClockTick):
        if isinstance(signal, ClockedSignal):
            for instrument in filter(loaded.follows, sorted(held)):
                yield Reaction(instrument, *signal.tick(held[instrument].state, event))
    elif isinstance(event, signal.reads) and loaded.follows(event.instrument):
        before = held.get(event.instrument)
        state = signal.initial() if before is None else before.state
        yield Reaction(event.instrument, *signal.row(state, event))


def run_rows(loaded: LoadedSignal, held: dict[str, Held], ticks: Iterable[Tick]) -> Run:
    """Folds `react` over the ticks. Does not change `held`."""
    after: dict[str, Held] = {}
    known = ChainMap(after, held)
    changes: list[Change] = []
    for tick in ticks:
        for instrument, state, target in list(react(loaded, known, tick.event)):
            before = known.get(instrument)
            previous = before.target if before else None
            if target != (previous or NOTHING):
                wanted = exact_target(loaded, instrument, target)
                changes.append(change_of(tick, instrument, wanted, previous))
                previous = wanted
            after[instrument] = Held(state, previous)
    made = type(loaded.signal.initial())
    for now in after.values():
        check_state(loaded.name, made, now.state)
    return Run(changes, after)
