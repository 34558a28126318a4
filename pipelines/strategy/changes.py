"""A changed target and what its event says of the cause."""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple

from pipelines.logic import Output, Position
from pipelines.strategy.signal import LoadedSignal
from schemas.errors import NotExact, TapeError
from schemas.events import ClockTick, QuoteChanged, TargetChanged
from schemas.numbers import PRECISION, SCALE, from_unscaled, unscaled

TARGETS = "signal.target.v1"


class TargetNotExact(TapeError):
    """A signal wants a position that decimal(28,10) cannot hold."""


class Cause(NamedTuple):
    """What a change takes from the record that caused it; `place` orders an epoch's records."""

    place: int
    position: Position
    timestamp_ms: int
    venue: str
    reference_px: Decimal | None
    ts_event_ns: int | None
    ts_recv_ns: int


class Change(NamedTuple):
    """A target that differs from the one before; `previous` is None the first time."""

    cause: Cause
    instrument: str
    target: Decimal
    previous: Decimal | None


def exact_target(loaded: LoadedSignal, instrument: str, target: Decimal) -> Decimal:
    """The target as a decimal(28,10). Raises `TargetNotExact` where it does not fit."""
    try:
        return _exact(target)
    except NotExact as error:
        raise TargetNotExact(f"signal {loaded.name}, target of {instrument}: {error}") from None


@lru_cache(maxsize=4096, typed=True)  # signals want few different quantities
def _exact(target: Decimal) -> Decimal:
    return from_unscaled(unscaled(target, SCALE, PRECISION))


def cause_of(
    place: int, position: Position, timestamp_ms: int, event: Any, instrument: str
) -> Cause:
    """The cause of a change of `instrument`; a clock tick knows no venue and no price."""
    if isinstance(event, ClockTick):
        venue = instrument.rpartition(".")[2]
        return Cause(place, position, timestamp_ms, venue, None, None, event.ts_ns)
    if isinstance(event, QuoteChanged):
        px = middle(units(event.bid_px) + units(event.ask_px))
    else:
        px = event.last_px
    return Cause(
        place, position, timestamp_ms, event.venue, px, event.ts_event_ns, event.ts_recv_ns
    )


def units(px: Decimal) -> int:
    """A price in units of 10**-10."""
    return unscaled(px, SCALE, PRECISION)


def middle(both: int) -> Decimal:
    """Half the sum of bid and ask, given in units of 10**-10; rounded once, half to even."""
    half, odd = divmod(both, 2)
    return from_unscaled(half + (half & odd))


def output_of(loaded: LoadedSignal, change: Change) -> Output:
    """The event to write; it and its tick share one root, the record that caused it."""
    cause, instrument, target, previous = change
    topic, partition, offset = cause.position
    tick = f"{topic}/{partition}/{offset}"
    event = TargetChanged(
        strategy=loaded.name,
        strategy_version=loaded.version,
        venue=cause.venue,
        instrument=instrument,
        target_qty=target,
        previous_target_qty=previous,
        reference_px=cause.reference_px,
        correlation_id=tick,
        causation_id=tick,
        ts_event_ns=cause.ts_event_ns,
        ts_recv_ns=cause.ts_recv_ns,
    )
    return Output(cause.position, cause.timestamp_ms, TARGETS, instrument, event)
