"""A signal run over whole batches: all instruments at once, a handful of polars calls.

One frame holds, per instrument, a row with its state before and then its events; grouping keeps
instruments apart and the rows of each in order, so the result does not depend on threads.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from types import NoneType, UnionType
from typing import Any, Final, NamedTuple, Union, cast, get_args, get_origin, get_type_hints

import polars as pl

from pipelines.logic import Position
from pipelines.strategy.changes import Change, TargetNotExact, Tick, middle
from pipelines.strategy.rows import NOTHING, Run
from pipelines.strategy.signal import QUANTITY, ColumnarSignal, Columns, LoadedSignal
from pipelines.strategy.state import Held
from schemas.errors import TapeError
from schemas.numbers import SCALE, from_units, from_unscaled

DTYPES: Final[dict[Any, pl.DataType]] = {
    float: pl.Float64(),
    int: pl.Int64(),
    bool: pl.Boolean(),
    str: pl.String(),
    Decimal: pl.Decimal(38, SCALE),
}
EMPTY: Final[dict[pl.DataType, Any]] = {
    pl.Int64(): 0,
    pl.String(): "",
    QUANTITY: Decimal(1),
}
PLACE: Final = ("_index", "_topic", "_partition", "_offset", "_timestamp_ms")
ORIGIN: Final = ("venue", "ts_event_ns", "ts_recv_ns")
GROUP: Final = "_group"  # number of the instrument within the batch
ROW: Final = "_row"  # row of the batch's frame; null in the rows that hold the states before
TARGET: Final = "_target"
CHANGED: Final = "_changed"
LAST: Final = "_last"

# Rows lie instrument by instrument, each begun by its state before. A null target is a change.
CHANGES: Final = pl.col(ROW).is_not_null() & pl.col(TARGET).ne_missing(pl.col(TARGET).shift(1))
ENDS: Final = pl.col(ROW).shift(-1).is_null()
AS_WRITTEN: Final = pl.QueryOptFlags.none()


class BadColumns(TapeError):
    """A signal's columnar form does not fit its state or the events it reads."""


class Grouped(NamedTuple):
    """A batch's frame of one event, each row with its number and that of its instrument."""

    frame: pl.DataFrame
    instruments: list[str]


def group(frame: pl.DataFrame, only: frozenset[str]) -> Grouped:
    """Numbers the instruments in order of appearance, after dropping those not followed."""
    if only:
        frame = frame.filter(pl.col("instrument").is_in(sorted(only)))
    instruments = frame["instrument"].unique(maintain_order=True).to_list()
    numbered = pl.col("instrument").cast(pl.Enum(instruments)).to_physical().cast(pl.UInt32)
    frame = frame.with_columns(numbered.alias(GROUP)).with_row_index(ROW)
    return Grouped(frame, instruments)


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
        used = {name for each in columns.state.values() for name in each.meta.root_names()}
        self._target_reads = [name for name in event if name in columns.target.meta.root_names()]
        self._reads = [name for name in event if name in used or name in self._target_reads]
        self._check(event)

    def run(self, grouped: Grouped, held: dict[str, Held]) -> Run:
        """The same as `run_rows` over the rows of `grouped`. Does not change `held`."""
        known = self._known(grouped, held)
        after = self._after(self._before(known), grouped.frame)
        changed = after.filter(CHANGED).sort(ROW)
        changes = self._changes(grouped, changed, held)
        targets = {change.instrument: change.target for change in changes}
        ends = after.filter(LAST).select(GROUP, *self._schema)
        make, states = self._make._make, {}
        for number, *values in ends.iter_rows():
            name = grouped.instruments[number]
            states[name] = Held(make(values), targets.get(name, known[number].target))
        return Run(changes, states)

    def states(self, grouped: Grouped, held: dict[str, Held], also: pl.Series) -> pl.DataFrame:
        """Target and state after each row where the target changed, each instrument's last row and
        those of `also`.
        """
        return self._after(self._before(self._known(grouped, held)), grouped.frame, also)

    def cut(self, grouped: Grouped, held: dict[str, Held], ends: pl.DataFrame) -> pl.DataFrame:
        """The same of a batch cut into pieces after the rows of `ends`, some of `states` with all
        the last ones. A piece begins with what the one before it is said to end with, and sees
        nothing of what comes after it.
        """
        values = (TARGET, *self._schema)
        before = self._before(self._known(grouped, held))
        known = pl.concat([before, ends.select(GROUP, ROW, *values)], how="diagonal")
        known = known.sort(GROUP, ROW).with_columns(pl.col(values).shift(1)).drop_nulls(ROW)
        begins = known.select(pl.col(ROW).alias(GROUP), *values)
        end = pl.when(pl.col(ROW).is_in(ends[ROW].implode())).then(ROW)
        pieces = grouped.frame.with_columns(end.backward_fill().over(GROUP).alias(GROUP))
        return self._after(begins, pieces)

    def _known(self, grouped: Grouped, held: dict[str, Held]) -> list[Held]:
        return [held.get(name) or self._unknown() for name in grouped.instruments]

    def _unknown(self) -> Held:
        return Held(self._loaded.signal.initial(), None)

    def _before(self, known: Sequence[Held]) -> pl.DataFrame:
        """One row per instrument: its state and target before the batch."""
        columns: dict[str, list[Any]] = {
            name: [getattr(held.state, name) for held in known] for name in self._schema
        }
        columns[TARGET] = [held.target or NOTHING for held in known]
        return pl.DataFrame(columns, {**self._schema, TARGET: QUANTITY}).with_row_index(GROUP)

    def _after(
        self, before: pl.DataFrame, events: pl.DataFrame, also: pl.Series | None = None
    ) -> pl.DataFrame:
        """The rows where a target changed and the last ones, instrument by instrument.

        Grouping once and exploding takes half the time of one `over` per expression.
        """
        events = events.select(GROUP, ROW, *self._reads)
        kept = [ROW, TARGET, *self._target_reads]
        target = pl.coalesce(TARGET, self._columns.target)
        frame = pl.concat([before, events], how="diagonal").lazy()
        frame = frame.group_by(GROUP, maintain_order=True).agg(pl.col(kept), **self._columns.state)
        frame = frame.explode(*kept, *self._schema).with_columns(target.alias(TARGET))
        frame = frame.with_columns(CHANGES.alias(CHANGED), ENDS.alias(LAST))
        wanted = pl.col(CHANGED) | pl.col(LAST)
        if also is not None:
            wanted |= pl.col(ROW).is_in(also.implode())
        return frame.filter(wanted).collect(optimizations=AS_WRITTEN)

    def _changes(
        self, grouped: Grouped, changed: pl.DataFrame, held: dict[str, Held]
    ) -> list[Change]:
        last = {name: held[name].target for name in grouped.instruments if name in held}
        frame = grouped.frame[changed[ROW]]
        instruments = frame["instrument"].to_list()
        targets, previous = [], []
        for name, units in zip(instruments, changed[TARGET].to_physical().to_list(), strict=True):
            if units is None:
                raise TargetNotExact(f"signal {self._loaded.name}, target of {name}: null")
            previous.append(last.get(name))
            last[name] = target = from_units(units)
            targets.append(target)
        columns = {name: frame[name].to_list() for name in (*PLACE, *ORIGIN)}
        place, *position, timestamp_ms, venue, ts_event_ns, ts_recv_ns = columns.values()
        at = (place, map(Position, *position), timestamp_ms, venue)
        what = (instruments, targets, previous, reference_prices(frame))
        return list(map(Change, *at, *what, ts_event_ns, ts_recv_ns))

    def _state_schema(self) -> dict[str, pl.DataType]:
        if self._columns.state.keys() != set(self._make._fields):
            raise self._bad(f"columns() must give {sorted(self._make._fields)}")
        hints = get_type_hints(self._make)
        if odd := [name for name, hint in hints.items() if _plain_type(hint) not in DTYPES]:
            raise self._bad(f"state fields {odd} are not float, int, bool, str or Decimal")
        return {name: DTYPES[_plain_type(hint)] for name, hint in hints.items()}

    def _check(self, event: dict[str, pl.DataType]) -> None:
        """Runs on one empty event, so that wrong names and types show when a signal is loaded."""
        if not row_by_row(self._columns.target):
            raise self._bad("target must follow from its row alone: keep the rest in the state")
        frame = pl.DataFrame({name: [EMPTY[dtype]] for name, dtype in event.items()}, event)
        frame = frame.with_columns(pl.lit(0, pl.UInt32).alias(GROUP)).with_row_index(ROW)
        try:
            found = self._after(self._before([self._unknown()]), frame).schema
        except pl.exceptions.PolarsError as error:
            raise self._bad(str(error).splitlines()[0]) from None
        for name, dtype in {**self._schema, TARGET: QUANTITY}.items():
            if found[name] != dtype:
                raise self._bad(f"columns() give {name} as {found[name]}, not {dtype}")

    def _bad(self, what: str) -> BadColumns:
        return BadColumns(f"signal {self._loaded.name}: {what}")


def plan_of(loaded: LoadedSignal) -> Plan:
    """The plan of a signal with a columnar form. Raises `BadColumns`, whatever its code raises."""
    try:
        return Plan(loaded, cast(ColumnarSignal[Any], loaded.signal).columns())
    except TapeError:
        raise
    except Exception as error:
        what = f"columns(): {type(error).__name__}: {error}"
        raise BadColumns(f"signal {loaded.name}: {what}") from None


def reference_prices(frame: pl.DataFrame) -> Iterator[Decimal]:
    """`reference_px` of the rows of a frame of trades or quotes."""
    if "last_px" in frame.columns:
        return map(from_unscaled, frame["last_px"].to_physical().to_list())
    both = frame["bid_px"].to_physical() + frame["ask_px"].to_physical()
    return map(middle, both.to_list())


def row_by_row(expression: pl.Expr) -> bool:
    """Whether an expression looks at nothing but its own row. (polars tells of the root alone.)"""
    try:
        meta = expression.meta
        return meta.is_row_separable() and all(row_by_row(part) for part in meta.pop())
    except pl.exceptions.PolarsError:  # a Python function: nobody can tell
        return False


def ticks_of(frame: pl.DataFrame, event: Any) -> list[Tick]:
    """The rows of a batch's frame as ticks."""
    rows = frame.select(*PLACE, *event._fields).iter_rows()
    return [
        Tick(place, Position(topic, partition, offset), timestamp_ms, event._make(fields))
        for place, topic, partition, offset, timestamp_ms, *fields in rows
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
