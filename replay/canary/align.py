"""Decisions of two versions side by side, aligned by cause, and how they differ."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, NamedTuple

from replay.canary.decisions import Turn
from schemas.errors import TapeError

VERSIONS = frozenset({"strategy_version"})  # says who decided, not what
SIZES = frozenset(
    {"target_qty", "previous_target_qty", "order_qty", "parent_qty", "clipped_qty"}
    | {"last_qty", "bid_qty", "ask_qty"}
)
RESERVED = frozenset({"reserved_notional"})  # follows from quantity and price, or mark
PRICES = frozenset({"price", "last_px", "bid_px", "ask_px", "mark_px", "reference_px"})
SIDES = frozenset({"side", "aggressor_side"})
REASONS = frozenset({"event", "reason", "facts", "limits_version"})


class NotTheSame(TapeError):
    """The two sides did not run over the same epochs."""


class Kind(enum.StrEnum):
    """How a decision differs; of several, the first of this order."""

    ADDED = "added"
    REMOVED = "removed"
    REASON = "reason"
    SIDE = "side"
    SIZE = "size"
    PRICE = "price"
    OTHER = "other"


GROUPS = (
    *((Kind.REASON, REASONS), (Kind.SIDE, SIDES), (Kind.SIZE, SIZES), (Kind.PRICE, PRICES)),
    (Kind.SIZE, RESERVED),
)


class Change(NamedTuple):
    """A decision that differs; None on the side that did not take it."""

    kind: Kind
    shard: int
    sequence: int
    cause: str
    topic: str
    key: str
    baseline: dict[str, Any] | None
    candidate: dict[str, Any] | None


def changes(baseline: Turn, candidate: Turn) -> Iterator[Change]:
    """The decisions of one epoch that differ, in the candidate's order, those removed last.

    Raises `NotTheSame`.
    """
    if baseline[:1] + baseline[2:5] != candidate[:1] + candidate[2:5]:
        raise NotTheSame(
            f"epoch {baseline.sequence} of shard {baseline.shard} and epoch {candidate.sequence} "
            f"of shard {candidate.shard} are not the same input"
        )
    was, now = _placed(baseline), _placed(candidate)
    for place in [*now, *(place for place in was if place not in now)]:
        before, after = was.get(place), now.get(place)
        kind = kind_of(before, after)
        if kind is not None:
            yield Change(kind, baseline.shard, baseline.sequence, *place[:3], before, after)


def _placed(turn: Turn) -> dict[tuple[str, str, str, int], dict[str, Any]]:
    return {(d.cause, d.topic, d.key, d.number): d.event for d in turn.decisions}


def kind_of(before: dict[str, Any] | None, after: dict[str, Any] | None) -> Kind | None:
    """None where both decide the same."""
    if before is None or after is None:
        return Kind.ADDED if before is None else Kind.REMOVED
    names = {n for n in before.keys() | after.keys() if before.get(n) != after.get(n)} - VERSIONS
    if not names:
        return None
    if "event" in names:
        return Kind.REASON  # approved by one, denied by the other
    if not names & REASONS and _turned(before, after):
        return Kind.SIDE
    return next((kind for kind, group in GROUPS if names & group), Kind.OTHER)


def _turned(before: dict[str, Any], after: dict[str, Any]) -> bool:
    """Whether long became short or short became long; flat is neither."""
    was, now = (Decimal(event.get("target_qty") or 0) for event in (before, after))
    return was * now < 0


def decision_count(baseline: Turn, candidate: Turn) -> int:
    """How many decisions either took."""
    return len(_placed(baseline).keys() | _placed(candidate).keys())
