"""A signal run over whole batches: all instruments at once, a handful of polars calls.

One frame holds, per instrument, a row with its state before and then its events; `over` keeps
instruments apart and the rows of each in order, so the result does not depend on threads.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from types import NoneType, UnionType
from typing import Any, Final, NamedTuple, Union, get_args, get_origin, get_type_hints

import polars as pl

from pipelines.logic import Position
from pipelines.strategy.rows import NOTHING, Change, Run, Tick, exact_target
from pipelines.strategy.signal import QUANTITY, Columns, LoadedSignal
from pipelines.strategy.state import Held
from schemas.errors import TapeError
from schemas.numbers import SCALE

DTYPES: Final[dict[Any, pl.DataType]] = {
    float: pl.Float64(),
    int: pl.Int64(),
    bool: pl.Boolean(),
    str: pl.String(),
    Decimal: pl.Decimal(38, SCALE),
}
GROUP: Final = "_group"  # number of the instrument within the batch
ROW: Final = "_row"  # row of the batch's frame; null in the rows that hold the states before
TARGET: Final = "_target"


class BadColumns(TapeError):
    """A signal's columnar form does not fit its state or the events it reads."""


class Grouped(NamedTuple):
    """A batch's frame of one event, each row with the number of its instrument."""

    frame: pl.DataFrame
    instruments: list[str]


def group(frame: pl.DataFrame, only: frozenset[str]) -> Grouped:
    """Numbers the instruments in order of appearance, after dropping those not followed."""
    if only:
        frame = frame.filter(pl.col("instrument").is_in(sorted(only)))
    instruments = frame["instrument"].unique(maintain_order=True).to_list()
    numbered = pl.col("instrument").cast(pl.Enum(instruments)).to_physical()
    return Grouped(frame.with_columns(numbered.alias(GROUP)), instruments)


class Plan:
    """A columnar signal, checked and ready to run. Raises `BadColumns` if its forms do not fit."""

    def __init__(self, loaded: LoadedSignal, columns: Columns) -> None:
        self._loaded = loaded
        self._columns = columns
        self._make = type(loaded.signal.initial())
        self._schema = self._state_schema()
        event = event_schema(loaded.signal.reads)
        if clash := self._schema.keys() & event.keys():
            raise self._bad(f"state fields {sorted(clash)} are also columns of the event")
        used = {name for expression in self._expressions() for name in expression.meta.root_names()}
        self._reads = [name for name in event if name in used]
        self._check(event)

    def run(self, grouped: Grouped, held: dict[str, Held]) -> Run:
        """The same as `run_rows` over the rows of `grouped`. Does not change `held`."""
        known = [held.get(name) or self._unknown() for name in grouped.instruments]
        events = grouped.frame.select(GROUP, *self._reads)
        after = self._after(self._before(known), events)
        changed = after.filter(pl.col(ROW).is_not_null() & _differs())
        changes = self._changes(grouped, changed[ROW], changed[TARGET].to_list(), held)
        targets = {change.instrument: change.target for change in changes}
        ends = after.filter(pl.col(GROUP).is_last_distinct()).select(GROUP, *self._schema)
        states = {}
        for number, *values in ends.iter_rows():
            name = grouped.instruments[number]
            states[name] = Held(self._make(*values), targets.get(name, known[number].target))
        return Run(changes, states)

    def _unknown(self) -> Held:
        return Held(self._loaded.signal.initial(), None)

    def _before(self, known: Sequence[Held]) -> pl.DataFrame:
        columns: dict[str, list[Any]] = {
            name: [getattr(held.state, name) for held in known] for name in self._schema
        }
        columns[TARGET] = [held.target or NOTHING for held in known]
        return pl.DataFrame(columns, {**self._schema, TARGET: QUANTITY}).with_row_index(GROUP)

    def _after(self, before: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
        both = pl.concat([before, events.with_row_index(ROW)], how="diagonal")
        states = self._columns.state
        after = both.with_columns(states[name].over(GROUP).alias(name) for name in self._schema)
        target = self._columns.target.over(GROUP)
        return after.with_columns(pl.coalesce(TARGET, target).alias(TARGET))

    def _changes(
        self,
        grouped: Grouped,
        rows: pl.Series,
        targets: list[Decimal],
        held: dict[str, Held],
    ) -> list[Change]:
        previous = {name: held[name].target for name in grouped.instruments if name in held}
        changes = []
        ticks = ticks_of(grouped.frame[rows], self._loaded.signal.reads)
        for tick, target in zip(ticks, targets, strict=True):
            name = tick.event.instrument
            wanted = exact_target(self._loaded, name, target)
            changes.append(Change(tick, name, wanted, previous.get(name)))
            previous[name] = wanted
        return changes

    def _expressions(self) -> list[pl.Expr]:
        return [*self._columns.state.values(), self._columns.target]

    def _state_schema(self) -> dict[str, pl.DataType]:
        if self._columns.state.keys() != set(self._make._fields):
            raise self._bad(f"columns() must give {sorted(self._make._fields)}")
        hints = get_type_hints(self._make)
        if odd := [name for name, hint in hints.items() if _plain_type(hint) not in DTYPES]:
            raise self._bad(f"state fields {odd} are not float, int, bool, str or Decimal")
        return {name: DTYPES[_plain_type(hint)] for name, hint in hints.items()}

    def _check(self, event: dict[str, pl.DataType]) -> None:
        """Runs on no rows, so that wrong names and types show when the signal is loaded."""
        reads = {GROUP: pl.UInt32(), **{name: event[name] for name in self._reads}}
        expected = {**self._schema, TARGET: QUANTITY}
        try:
            found = self._after(self._before([]), pl.DataFrame(schema=reads)).schema
        except pl.exceptions.PolarsError as error:
            raise self._bad(str(error).splitlines()[0]) from None
        for name, dtype in expected.items():
            if found[name] != dtype:
                raise self._bad(f"columns() give {name} as {found[name]}, not {dtype}")

    def _bad(self, what: str) -> BadColumns:
        return BadColumns(f"signal {self._loaded.name}: {what}")


def _differs() -> pl.Expr:
    """True where the target is not the one before; a null target shows, to be refused."""
    return pl.col(TARGET).ne_missing(pl.col(TARGET).shift(1).over(GROUP))


def ticks_of(frame: pl.DataFrame, event: Any) -> list[Tick]:
    """The rows of a batch's frame as ticks."""
    columns = ("_index", "_topic", "_partition", "_offset", "_timestamp_ms", *event._fields)
    return [
        Tick(index, Position(topic, partition, offset), timestamp_ms, event._make(fields))
        for index, topic, partition, offset, timestamp_ms, *fields in frame.select(
            columns
        ).iter_rows()
    ]


def event_schema(event: Any) -> dict[str, pl.DataType]:
    """The columns of an event's frame: as in `Batch.tables`."""
    hints = get_type_hints(event)
    return {
        name: QUANTITY
        if _plain_type(hint) is Decimal
        else DTYPES.get(_plain_type(hint), pl.String())
        for name, hint in hints.items()
    }


def _plain_type(hint: Any) -> Any:
    """`X` for `X | None`."""
    if get_origin(hint) in {Union, UnionType}:
        rest = [item for item in get_args(hint) if item is not NoneType]
        return rest[0] if len(rest) == 1 else hint
    return hint
