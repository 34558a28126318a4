"""What an order came of: the tick, the wanted position that followed it, and beside them what else
its request came of.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from connectors.control import TOPIC as CONTROL
from pipelines.execution.requests import TARGETS
from pipelines.ids import position_id
from pipelines.logic import Position
from replay.explain.found import Found, Past
from replay.explain.steps import Explained, Step, step_of
from schemas.events import OrderRequested, TargetChanged

MADE_AT: Final = "made_at"
PRICED_ON: Final = "priced_on"


class _Sought(NamedTuple):
    """`what` a person calls it, the name it is known by, and the record, unless it is gone."""

    what: str
    name: str
    found: Found | None


def above(past: Past, request: Step, result: Explained) -> list[Step]:
    """The steps that lead to a request, and its other causes, which are put on it."""
    trunk = list(_trunk(past, request.found.event))
    beside = _beside(past, request.found.event)
    result.tick_ns = _tick_ns(request.found.event, trunk)
    for what, name, found in (*trunk, *beside.values()):
        if found is None:
            result.notes.append(f"its {what} {name} is gone")
    request.causes = {how: step_of(past, one.found) for how, one in beside.items() if one.found}
    return [step_of(past, one.found) for one in trunk if one.found]


def _trunk(past: Past, event: OrderRequested) -> Iterator[_Sought]:
    """The wanted position is the event by which the desk closes positions, or a signal's: that is
    below the record that it followed.
    """
    origin = _origin(event)
    if origin and origin.topic != CONTROL:
        yield _Sought("tick", position_id(origin), past.at(position_id(origin)))
        yield _Sought("wanted position", event.parent_id, _signal(past, event, origin))
    else:
        found = past.at(position_id(origin)) if origin else None
        yield _Sought("wanted position", event.parent_id, found)


def _beside(past: Past, event: OrderRequested) -> dict[str, _Sought]:
    """What a request was made at, if not at its signal, and the tick of its price, if that is a
    later one than its signal's.
    """
    origin = _origin(event)
    known = {position_id(origin)} if origin else set()
    causes = {
        MADE_AT: ("cause", event.causation_id),
        PRICED_ON: ("price's tick", event.correlation_id),
    }
    return {
        how: _Sought(what, name, past.at(name))
        for how, (what, name) in causes.items()
        if name.count("/") == 2 and name not in known  # a signal is named by its id
    }


def _tick_ns(event: OrderRequested, trunk: list[_Sought]) -> int | None:
    """The tick tells its time itself, and so does every event that it led to."""
    tick = trunk[0].name
    told = [*(one.found.event for one in trunk if one.found), event]
    of_tick = (e for e in told if getattr(e, "correlation_id", tick) == tick)
    return next((e.ts_recv_ns for e in of_tick if hasattr(e, "ts_recv_ns")), None)


def _origin(event: OrderRequested) -> Position | None:
    """The record that the wanted position followed: `parent_id` names it."""
    head = f"{event.strategy}/{event.instrument}/"
    parts = event.parent_id.removeprefix(head).split("/")
    if not event.parent_id.startswith(head) or len(parts) != 4:
        return None
    return Position(parts[0], int(parts[1]), int(parts[2]))


def _signal(past: Past, event: OrderRequested, origin: Position) -> Found | None:
    """The wanted position that a request is a slice of."""
    outputs = past.output("strategy", origin, TARGETS, event.instrument)
    wanted = (o for o in outputs if isinstance(o.event, TargetChanged))
    return next((o for o in wanted if o.event.strategy == event.strategy), None)
