"""What a signal is: a pure function of market data to a wanted position, per instrument.

`row` is the specification, one event at a time. `columns` is its optional twin over a whole batch,
for throughput; both must give the same targets and states to the last bit
(`pipelines.strategy.testing.assert_twins_equal` shows it). A signal is a frozen `msgspec.Struct` or
dataclass: its fields are its settings.

Exact types wherever a threshold decides; a signal that uses floats uses sequential recurrences.
A sum, mean or other parallel reduction would depend, in its last bits, on threads and batch ends.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Context, Decimal, Inexact, InvalidOperation, Overflow
from typing import Any, Final, NamedTuple, Protocol, TypeVar, runtime_checkable

import polars as pl

from schemas.errors import NotExact
from schemas.events import ClockTick
from schemas.numbers import PRECISION, SCALE, from_unscaled, unscaled

S = TypeVar("S", bound=tuple[Any, ...])

QUANTITY: Final = pl.Decimal(PRECISION, SCALE)
EXACTLY: Final = Context(prec=76, traps=[Inexact, InvalidOperation, Overflow])
"""For all Decimal arithmetic of a signal: a result that would be rounded is an error instead."""


@runtime_checkable
class Signal(Protocol[S]):
    """A signal's row form. `S` is one instrument's state: a `NamedTuple` of values.

    A state holds None, bool, int, float, str, Decimal and tuples of them. Methods change nothing.
    """

    @property
    def reads(self) -> type[Any]:
        """`TradePrinted` or `QuoteChanged`."""
        ...

    def initial(self) -> S:
        """The state of an instrument never seen before."""
        ...

    def row(self, state: S, event: Any) -> tuple[S, Decimal]:
        """The state after `event`, and the position wanted then: base units, at most 10 decimals.

        Until a signal wants something else it wants 0. Negative is short.
        """
        ...


class Columns(NamedTuple):
    """A signal's columnar form, written as if the frame held ONE instrument.

    Row 0 of that frame is the state before: the state's fields are set, the event's columns null.
    In the rows after it, the batch's events in order, the state's fields are null. An expression of
    `state` gives a field's value after each row; `target`, which sees those values under the
    fields' names, gives the position wanted (`pl.Decimal(28, 10)`, see `quantity`) row by row.
    """

    state: Mapping[str, pl.Expr]
    target: pl.Expr


@runtime_checkable
class ColumnarSignal(Signal[S], Protocol[S]):
    """A signal with a columnar twin. Its state's fields are float, int, bool, str or Decimal."""

    def columns(self) -> Columns: ...


@runtime_checkable
class ClockedSignal(Signal[S], Protocol[S]):
    """A signal that also follows the clock of the log; it runs row by row."""

    def tick(self, state: S, clock: ClockTick) -> tuple[S, Decimal]:
        """Like `row`, once per `ClockTick` for every instrument seen before."""
        ...


class LoadedSignal(NamedTuple):
    """A signal in its place: its name, the instruments it follows (none named = all), its version.

    `digest` covers its source, name, instruments and settings.
    """

    name: str
    signal: Signal[Any]
    digest: bytes
    instruments: frozenset[str] = frozenset()

    @property
    def version(self) -> str:
        """What `TargetChanged.strategy_version` says."""
        return self.digest[:8].hex()

    def follows(self, instrument: str) -> bool:
        return not self.instruments or instrument in self.instruments


def quantity(value: Decimal) -> pl.Expr:
    """A literal target for `Columns.target`. Raises `NotExact`; polars alone would round."""
    return pl.lit(from_unscaled(unscaled(value, SCALE, PRECISION)), dtype=QUANTITY)


def check_size(size: Decimal) -> None:
    """For a signal's `__post_init__`. Raises `ValueError` unless `size` can be a target above 0."""
    try:
        units = unscaled(size, SCALE, PRECISION)
    except NotExact as error:
        raise ValueError(f"size: {error}") from None
    if units <= 0:
        raise ValueError("size must be above 0")
