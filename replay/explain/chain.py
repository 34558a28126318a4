"""The tree: tick, signal, request, decision, sending, what the venue said, fills, position.

A parent is the record that `causation_id` names; where it names a frame of the venue's, it is the
step of the order that the frame answers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from connectors.control import TOPIC as CONTROL
from connectors.gateway.ledger import EVENTS
from pipelines.execution.requests import TARGETS
from pipelines.logic import Position
from replay.explain.found import Found, Past, order_of
from schemas.events import (
    EpochCommitted,
    GatewayReady,
    LimitsChanged,
    OrderFilled,
    OrderRequested,
    PositionChanged,
)

_MS: Final = 1_000_000
_AT_SOCKET: Final = frozenset(
    {
        *("TradePrinted", "QuoteChanged", "BookChanged", "OrderAccepted", "OrderRejected"),
        *("OrderFilled", "OrderPendingCancel", "OrderCanceled", "OrderCancelRejected"),
        *("OrderExpired", "OrderOutcomeUnknown", "OrderResolved"),
    }
)
_BY_GATEWAY: Final = frozenset({"OrderSubmitting", "DecisionExpired", "OrderTransitionRefused"})
_ANSWERS: Final = {
    "OrderApproved": ("OrderRequested",),
    "OrderDenied": ("OrderRequested",),
    "OrderSubmitting": ("OrderApproved",),
    "DecisionExpired": ("OrderSubmitting", "OrderApproved"),
    "CancelRequested": ("OrderAccepted", "OrderSubmitting", "OrderApproved"),
    "CancelApproved": ("CancelRequested", "OrderSubmitting", "OrderApproved"),
    "OrderPendingCancel": ("CancelApproved", "OrderSubmitting"),
    "OrderCanceled": ("OrderPendingCancel", "OrderSubmitting"),
    "OrderCancelRejected": ("OrderPendingCancel", "OrderSubmitting"),
    "OrderResolved": ("OrderOutcomeUnknown", "OrderSubmitting"),
}
_OTHERWISE: Final = ("OrderSubmitting", "OrderApproved", "OrderRequested")
"""What the rest answers: acknowledgements, refusals, fills, doubts."""


@dataclass
class Step:
    """One record of the chain. `clock`: "socket" and "gateway" are wall clocks of ours, "log" is
    the log time that a record takes over from its cause. `versions`: what decided it.
    """

    found: Found
    at_ns: int
    clock: str
    versions: dict[str, Any] = field(default_factory=dict)
    children: list[Step] = field(default_factory=list)

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
    when the tick that started it reached us.
    """

    cl_ord_id: str
    tick_ns: int | None
    roots: list[Step]
    notes: list[str] = field(default_factory=list)


def explain(past: Past, prefix: str) -> Explained:
    """The tree of one order. Raises `OrderNotFound`."""
    found = past.about(prefix)
    own = [_step(past, one) for one in found if order_of(one)]
    own.sort(key=lambda step: (step.at_ns, _RANK[step.found.position.topic], step.found.position))
    asked = next((s.found.event for s in own if isinstance(s.found.event, OrderRequested)), None)
    result = Explained(order_of(own[0].found), None if asked is None else asked.ts_recv_ns, [])
    above = _causes(past, own, result)
    steps = [*above, *own, *_positions(past, found, own)]
    _decided_by(past, steps)
    for number, step in enumerate(steps):
        parent = _parent(step, steps[:number], len(above) - number)
        (result.roots if parent is None else parent.children).append(step)
    return result


_RANK: Final = {t: n for n, t in enumerate((
    "oms.order-request.v1", "risk.decision.v1", EVENTS, "recon.position.v1"
))}  # fmt: skip


def _step(past: Past, one: Found) -> Step:
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


# ---- what is above the request -------------------------------------------------------------------


def _causes(past: Past, own: Sequence[Step], result: Explained) -> list[Step]:
    """The tick, the wanted position, and the record at which the request was made, if that is
    another one.
    """
    request = next((s.found for s in own if isinstance(s.found.event, OrderRequested)), None)
    if request is None:
        result.notes.append("its request is gone: the chain begins with what is left")
        return []
    event: OrderRequested = request.event
    found = [
        ("tick", past.at(event.correlation_id), event.correlation_id),
        ("wanted position", _signal(past, event), event.parent_id),
    ]
    trigger = past.at(event.causation_id)
    if trigger is not None and trigger.place != event.correlation_id:
        found.append(("cause", trigger, trigger.place))
    result.notes += [f"its {what} {name} is gone" for what, one, name in found if one is None]
    return [_step(past, one) for _, one, _ in found if one is not None]


def _signal(past: Past, event: OrderRequested) -> Found | None:
    """The wanted position that a request is a slice of: `parent_id` names it by its cause."""
    head = f"{event.strategy}/{event.instrument}/"
    parts = event.parent_id.removeprefix(head).split("/")
    if not event.parent_id.startswith(head) or len(parts) != 4:
        return None
    cause = Position(parts[0], int(parts[1]), int(parts[2]))
    outputs = past.output("strategy", cause, TARGETS, event.instrument)
    wanted = (o for o in outputs if o.event.strategy == event.strategy)
    return next(wanted, None) or past.at("/".join(parts[:3]))


def _positions(past: Past, found: Sequence[Found], own: Sequence[Step]) -> list[Step]:
    """The changes that this order's fills made."""
    fills = [s.found for s in own if isinstance(s.found.event, OrderFilled)]
    places = {one.place for one in fills}
    booked = {one.event.causation_id for one in fills if one.event.reconciled}
    changes = [
        one
        for one in found
        if isinstance(one.event, PositionChanged)
        and (
            one.event.causation_id in places
            or (one.event.causation_id in booked and _same_line(one, fills[0]))
        )
    ]
    return [_step(past, one) for one in changes]


def _same_line(one: Found, fill: Found) -> bool:
    names = ("account", "strategy", "instrument", "correlation_id")
    return all(getattr(one.event, name) == getattr(fill.event, name) for name in names)


# ---- the tree ------------------------------------------------------------------------------------


def _parent(step: Step, before: Sequence[Step], above: int) -> Step | None:
    """The newest earlier step that this one follows from; `above` > 0: one above the request."""
    if above > 0 or step.name == "OrderRequested":
        return before[-1] if before else None
    if isinstance(step.found.event, PositionChanged):
        return _filled(step, before)
    for name in _ANSWERS.get(step.name, _OTHERWISE):
        for other in reversed(before):
            if other.name == name and order_of(other.found) == order_of(step.found):
                return other
    return None


def _filled(step: Step, before: Sequence[Step]) -> Step | None:
    cause = step.found.event.causation_id
    fills = [s for s in before if isinstance(s.found.event, OrderFilled)]
    return next((s for s in fills if cause in (s.found.place, s.found.event.causation_id)), None)


def _decided_by(past: Past, steps: Sequence[Step]) -> None:
    """Names the limits that risk decided under and the caps that the gateway sent under."""
    limits = {version for s in steps if (version := getattr(s.found.event, "limits_version", 0))}
    instances = {n for s in steps if (n := getattr(s.found.event, "instance", ""))}
    control = past.topic(CONTROL) if limits else iter(())
    by_version = {o.event.limits_version: o for o in control if isinstance(o.event, LimitsChanged)}
    told = past.topic(EVENTS) if instances else iter(())
    ready = {o.event.instance: o.event for o in told if isinstance(o.event, GatewayReady)}
    for step in steps:
        event = step.found.event
        if hasattr(event, "strategy_version"):
            step.versions["strategy_version"] = event.strategy_version
        if version := getattr(event, "limits_version", 0):
            step.versions |= {"limits_version": version, **_person(by_version.get(version))}
        if caps := ready.get(getattr(event, "instance", "")):
            step.versions |= {"gateway": caps.instance, "caps_version": caps.caps_version}


def _person(limits: Found | None) -> dict[str, Any]:
    if limits is None:
        return {}
    return {"limits_by": limits.event.person, "limits_reason": limits.event.reason}
