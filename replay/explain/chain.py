"""The tree: tick, signal, request, decision, sending, what the venue said, fills, position.

A parent is the record that `causation_id` names; where it names a frame of the venue's, it is the
step of the order that the frame answers. A request hangs below the wanted position that it is for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from connectors.control import TOPIC as CONTROL
from connectors.gateway.ledger import EVENTS
from replay.explain.above import above
from replay.explain.found import Found, Past, order_of
from replay.explain.steps import Explained, Step, step_of
from schemas.events import (
    GatewayReady,
    LimitsChanged,
    OrderFilled,
    OrderRequested,
    PositionChanged,
)

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


def explain(past: Past, prefix: str) -> Explained:
    """The tree of one order. Raises `OrderNotFound`."""
    found = past.about(prefix)
    own = [step_of(past, one) for one in found if order_of(one)]
    own.sort(key=lambda step: (step.at_ns, _RANK[step.found.position.topic], step.found.position))
    request = next((s for s in own if isinstance(s.found.event, OrderRequested)), None)
    result = Explained(order_of(own[0].found), None, [])
    if request is None:
        result.notes.append("its request is gone: the chain begins with what is left")
    trunk = [] if request is None else above(past, request, result)
    steps = [*trunk, *own, *_positions(past, found, own)]
    _decided_by(past, [*steps, *(request.causes.values() if request else ())])
    for number, step in enumerate(steps):
        parent = _parent(step, steps[:number], len(trunk) - number)
        (result.roots if parent is None else parent.children).append(step)
    return result


_RANK: Final = {t: n for n, t in enumerate((
    "oms.order-request.v1", "risk.decision.v1", EVENTS, "recon.position.v1"
))}  # fmt: skip


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
    return [step_of(past, one) for one in changes]


def _same_line(one: Found, fill: Found) -> bool:
    names = ("account", "strategy", "instrument", "correlation_id")
    return all(getattr(one.event, name) == getattr(fill.event, name) for name in names)


# ---- the tree ------------------------------------------------------------------------------------


def _parent(step: Step, before: Sequence[Step], to_request: int) -> Step | None:
    """The newest earlier step that this one follows from; `to_request` > 0: one above it."""
    if to_request > 0 or step.name == "OrderRequested":
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
    control = [*past.whole(CONTROL)] if limits else []
    told_limits = [one for one in control if isinstance(one.event, LimitsChanged)]
    # Of two with one version the first counts.
    by_version = {one.event.limits_version: one for one in reversed(told_limits)}
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
