"""A step of the chain: one record, when it was, by whose clock, and what decided it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from replay.explain.found import Found, Past
from schemas.events import EpochCommitted

_MS: Final = 1_000_000
_AT_SOCKET: Final = frozenset(
    {
        *("TradePrinted", "QuoteChanged", "BookChanged", "OrderAccepted", "OrderRejected"),
        *("OrderFilled", "OrderPendingCancel", "OrderCanceled", "OrderCancelRejected"),
        *("OrderExpired", "OrderOutcomeUnknown", "OrderResolved"),
    }
)
_BY_GATEWAY: Final = frozenset({"OrderSubmitting", "DecisionExpired", "OrderTransitionRefused"})


@dataclass
class Step:
    """One record of the chain. `clock`: "socket" and "gateway" are wall clocks of ours, "log" is
    the log time that a record takes over from its cause. `versions`: what decided it. `causes`:
    what it also came of, by how, beside the step above.
    """

    found: Found
    at_ns: int
    clock: str
    versions: dict[str, Any] = field(default_factory=dict)
    children: list[Step] = field(default_factory=list)
    causes: dict[str, Step] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return type(self.found.event).__name__

    def walk(self) -> Iterator[Step]:
        """Itself and all below it."""
        yield self
        for child in self.children:
            yield from child.walk()


@dataclass
class Explained:
    """One order. `roots`: the tree; more than one where something between them is gone. `tick_ns`:
    when the tick that its signal followed reached us; None where there is none.
    """

    cl_ord_id: str
    tick_ns: int | None
    roots: list[Step]
    notes: list[str] = field(default_factory=list)


def step_of(past: Past, one: Found) -> Step:
    """The record with its clock and the epoch that wrote it."""
    name = type(one.event).__name__
    step = Step(one, one.timestamp_ms * _MS, "gateway" if name in _BY_GATEWAY else "log")
    if name in _AT_SOCKET:
        step.at_ns, step.clock = one.event.ts_recv_ns, "socket"
    epoch = past.epoch(one)
    if epoch is not None:
        step.versions = _of_epoch(epoch)
    return step


def _of_epoch(epoch: EpochCommitted) -> dict[str, Any]:
    return {
        "pipeline": f"{epoch.pipeline}-{epoch.shard}",
        "epoch": epoch.sequence,
        "version": epoch.version,
    }
