"""Sections of what is traded: signals, orders, fills, denials; and the pipelines' epochs."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from ops.console.instants import ORDERS_MS, market_since, seconds
from ops.console.newest import LISTED, Place
from ops.console.state import State
from ops.console.trading import Asked, Known
from ops.replays import Replayed
from pipelines.exact import plain
from replay.times import text_of
from schemas.events import Boundary

ORDERS: Final = 100


def signals(state: State, at_ms: int) -> list[dict[str, Any]]:
    rows = []
    for place, (event,) in state.trading.signals.since(at_ms - ORDERS_MS):
        clipped = getattr(event, "clipped_qty", None)
        before = getattr(event, "previous_target_qty", None)
        why = "clipped" if clipped is not None else f"was {_number(before) or 'nothing'}"
        target = event.target_qty if clipped is None else clipped
        rows.append({
            "time": text_of(place.at_ms),
            "strategy": event.strategy,
            "instrument": event.instrument,
            "target": plain(target),
            "reason": why,
        })  # fmt: skip
    return rows


def fills(state: State, at_ms: int) -> list[dict[str, Any]]:
    """A fill that was told twice counts once, by its first telling."""
    found = state.trading.fills.since(at_ms - ORDERS_MS)
    first = {fill.identity: (place, fill.event) for place, fill in found}
    newest = sorted(first.values(), key=lambda one: one[0], reverse=True)[:LISTED]
    return [
        {
            "time": text_of(place.at_ms),
            "instrument": event.instrument,
            "side": event.side,
            "price": plain(event.last_px),
            "quantity": plain(event.last_qty),
            "cl_ord_id": event.cl_ord_id,
        }
        for place, event in newest
    ]


def orders(state: State, at_ms: int) -> list[dict[str, Any]]:
    known = state.trading.orders
    since_ms = at_ms - ORDERS_MS
    shown = [
        (one.since, name, one)
        for name, one in known.items()
        if one.asked and (one.since.at_ms >= since_ms or one.works)
    ]
    shown.sort(key=lambda one: one[:2], reverse=True)
    return [_order(name, one, one.asked) for _, name, one in shown[:ORDERS] if one.asked]


def _order(name: str, one: Known, asked: Asked) -> dict[str, Any]:
    return {
        "cl_ord_id": name,
        "time": text_of(one.since.at_ms),
        "strategy": asked.strategy,
        "instrument": asked.instrument,
        "side": asked.side,
        "type": asked.ord_type,
        "quantity": plain(asked.order_qty),
        "price": _number(asked.price),
        "state": one.state,
        "filled": plain(one.filled),
        "reason": one.reason,
    }


def denials(state: State, at_ms: int) -> list[dict[str, Any]]:
    return [
        {
            "time": text_of(place.at_ms),
            "instrument": event.instrument,
            "strategy": event.strategy,
            "reason": event.reason,
            "detail": ", ".join(f"{fact.name} {fact.value}" for fact in event.facts),
        }
        for place, event in state.trading.denials.since(at_ms - ORDERS_MS)
    ]


def epochs(state: State, at_ms: int) -> list[dict[str, Any]]:
    return [
        {
            "pipeline": pipeline,
            "shard": shard,
            "epoch": event.sequence,
            "time": text_of(place.at_ms),
            "events": sum(one.count for one in event.inputs),
            "age_s": seconds(max(at_ms - place.at_ms, 0)),
        }
        for (pipeline, shard), (place, event) in sorted(state.desk.epochs.items())
    ]


def replays(state: State, at_ms: int) -> list[dict[str, Any]]:
    """Runs compared: recorded epochs again, as the run folder keeps it; of the log, new code over
    recorded epochs and divergences that a person accepted.
    """
    rows = [_replayed(one) for one in state.replays if one.at_ms <= at_ms]
    rows += (
        _boundary(place, *found)
        for place, found in state.desk.boundaries.since(market_since(at_ms))
    )
    return sorted(rows, key=lambda row: row["time"], reverse=True)[:LISTED]


def _replayed(found: Replayed) -> dict[str, Any]:
    return {
        "time": text_of(found.at_ms),
        "pipeline": found.shard,
        "verdict": "EQUAL" if found.equal else "DIFFERS",
        "epochs": found.epochs,
        "detail": found.detail,
    }


def _boundary(place: Place, pipeline: str, found: Boundary) -> dict[str, Any]:
    differs = found.outputs_added or found.outputs_removed
    return {
        "time": text_of(place.at_ms),
        "pipeline": pipeline,
        "verdict": "DIFFERS" if differs or found.kind == "ACCEPT_DIVERGENCE" else "EQUAL",
        "epochs": found.epochs_compared,
        "detail": " ".join(part for part in (found.kind, found.subject, found.reason) if part),
    }


def accounts(state: State, _: int) -> list[str]:
    """Whatever a kill may be for."""
    desk = state.desk
    return sorted({*desk.ready, *desk.balances} | {cell[0] for cell in desk.cells})


def _number(value: Decimal | None) -> str | None:
    return None if value is None else plain(value)
