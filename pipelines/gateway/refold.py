"""The recorded order events beside the raw events that they were derived from.

What the gateway decided by its clock has no such cause: `GatewayReady`, and the decisions that it
did not send. These are inputs of the fold, as decisions are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from pipelines.gateway.fold import OrderFold, raw_id
from schemas import events

_OWN_REQUEST = (events.OrderSubmitting, events.OrderPendingCancel)


class Step(NamedTuple):
    """A raw event and the order events recorded with it."""

    raw: Any
    recorded: tuple[Any, ...]


class Part(NamedTuple):
    """A stretch of an account's log: `decided` without a raw cause, the others by theirs."""

    decisions: Sequence[Any]
    decided: Sequence[Any]
    steps: Sequence[Step]


def part_of(decisions: Iterable[Any], told: Iterable[Any], raw: Sequence[Any]) -> Part:
    """Pairs a stretch of order events with the raw events of the same stretch."""
    causes = {_cause_key(event) for event in raw}
    derived, decided = defaultdict[str, list[Any]](list), []
    for event in told:
        key = _caused_by(event)
        if key in causes:
            derived[key].append(event)
        else:
            decided.append(event)
    steps = [Step(one, tuple(derived.get(_cause_key(one), ()))) for one in raw]
    return Part(list(decisions), decided, steps)


def begin(fold: OrderFold, part: Part) -> None:
    """Follows the inputs of a part that are no raw events. Decisions come first: an order event
    always follows its decision, and nothing else that they change is looked at before.
    """
    for event in part.decisions:
        fold.apply(event)
    for event in part.decided:
        fold.evolve(event)


def resume(fold: OrderFold, part: Part) -> None:
    """Follows a part as it was recorded: how a gateway gets its state back."""
    begin(fold, part)
    for step in part.steps:
        fold.follow(step.raw, step.recorded)


def _cause_key(raw: Any) -> str:
    """What order events name as their cause. A request and its answer share an id."""
    if isinstance(raw, events.VenueRequestSent):
        return raw_id(raw)
    if isinstance(raw, events.VenueStreamOpened):
        return str(raw.connection)
    return str(raw.request_id) if hasattr(raw, "request_id") else raw_id(raw)


def _caused_by(event: Any) -> str:
    if isinstance(event, _OWN_REQUEST):
        return f"VenueRequestSent/{event.request_id}"
    return str(getattr(event, "causation_id", ""))
