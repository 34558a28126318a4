"""A changed target and what its event says of the cause."""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple

from pipelines.logic import Output, Position
from pipelines.strategy.signal import LoadedSignal
from schemas.errors import NotExact, TapeError
from schemas.events import ClockTick, QuoteChanged, TargetChanged, TradePrinted
from schemas.numbers import PRECISION, SCALE, from_unscaled, unscaled

TARGETS = "signal.target.v1"


class TargetNotExact(TapeError):
    """A signal wants a position that decimal(28,10) cannot hold."""


class Change(NamedTuple):
    """A target that differs from the one before, and what it takes from the record that caused it.

    `place` orders an epoch's records; `previous` is None the first time.
    """

    place: int
    position: Position
    timestamp_ms: int
    venue: str
    instrument: str
    target: Decimal
    previous: Decimal | None
    reference_px: Decimal | None
    ts_event_ns: int | None
    ts_recv_ns: int


class Tick(NamedTuple):
    """One input of a batch; `place` is where it stands in the merged order."""

    place: int
    position: Position
    timestamp_ms: int
    event: Any


def exact_target(loaded: LoadedSignal, instrument: str, target: Decimal) -> Decimal:
    """The target as a decimal(28,10). Raises `TargetNotExact` where it does not fit."""
    try:
        return _exact(target)
    except NotExact as error:
        raise TargetNotExact(f"signal {loaded.name}, target of {instrument}: {error}") from None


@lru_cache(maxsize=4096, typed=True)  # signals want few different quantities
def _exact(target: Decimal) -> Decimal:
    return from_unscaled(unscaled(target, SCALE, PRECISION))


def change_of(tick: Tick, instrument: str, target: Decimal, previous: Decimal | None) -> Change:
    """A clock tick knows no venue and no price."""
    event = tick.event
    if isinstance(event, ClockTick):
        venue, px = instrument.rpartition(".")[2], None
        ts_event_ns, ts_recv_ns = None, event.ts_ns
    else:
        venue, px = event.venue, reference_px(event)
        ts_event_ns, ts_recv_ns = event.ts_event_ns, event.ts_recv_ns
    what = (instrument, target, previous, px, ts_event_ns, ts_recv_ns)
    return Change(tick.place, tick.position, tick.timestamp_ms, venue, *what)


def reference_px(event: TradePrinted | QuoteChanged) -> Decimal:
    """The price that decided: of the trade, or the middle of the quote."""
    if isinstance(event, QuoteChanged):
        return middle(units(event.bid_px) + units(event.ask_px))
    return event.last_px


def units(px: Decimal) -> int:
    """A price in units of 10**-10."""
    return unscaled(px, SCALE, PRECISION)


def middle(both: int) -> Decimal:
    """Half the sum of bid and ask, given in units of 10**-10; rounded once, half to even."""
    half, odd = divmod(both, 2)
    return from_unscaled(half + (half & odd))


def output_of(loaded: LoadedSignal, change: Change) -> Output:
    """The event to write; the record that caused it is its root and its parent."""
    topic, partition, offset = change.position
    tick = f"{topic}/{partition}/{offset}"
    event = TargetChanged(
        loaded.name,
        loaded.version,
        change.venue,
        change.instrument,
        change.target,
        change.previous,
        change.reference_px,
        tick,
        tick,
        change.ts_event_ns,
        change.ts_recv_ns,
    )
    return Output(change.position, change.timestamp_ms, TARGETS, change.instrument, event)
