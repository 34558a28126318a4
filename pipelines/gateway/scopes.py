"""Trading states by scope: the strictest one that covers an order decides. Latched until resumed.

REDUCING is risk's to enforce, which knows positions over all strategies; the gateway keeps what is
HALTED or PAUSED from being sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from schemas.events import (
    DecisionExpiry,
    OrderApproved,
    TradingHalted,
    TradingPaused,
    TradingReduced,
    TradingResumed,
)

Scope = tuple[str | None, str | None, str | None]
REDUCING, PAUSED, HALTED = 1, 2, 3
_STRICTNESS: Final[dict[type, int]] = {
    TradingReduced: REDUCING,
    TradingPaused: PAUSED,
    TradingHalted: HALTED,
}
_REASONS: Final[dict[int, DecisionExpiry]] = {PAUSED: "STATE_PAUSED", HALTED: "STATE_HALTED"}


class States(NamedTuple):
    """How strict each (account, strategy, instrument) is; None in a scope stands for all."""

    latched: Mapping[Scope, int] = {}


def evolve(states: States, event: Any) -> States:
    """After a control event; others change nothing."""
    if isinstance(event, TradingResumed):
        return States({s: n for s, n in states.latched.items() if s != _scope(event)})
    strictness = _STRICTNESS.get(type(event))
    if strictness is None:
        return states
    scope = _scope(event)
    return States({**states.latched, scope: max(strictness, states.latched.get(scope, 0))})


def refusal(states: States, order: OrderApproved) -> DecisionExpiry | None:
    """Why an order may not be sent; None if it may. PAUSED stops entries: what sells, leaves."""
    wanted = (order.account, order.strategy, order.instrument)
    strictest = max((n for s, n in states.latched.items() if _covers(s, wanted)), default=0)
    if strictest == PAUSED and order.side == "SELL":
        return None
    return _REASONS.get(strictest)


def covers(event: TradingHalted, account: str, strategy: str, instrument: str) -> bool:
    """Whether an order lies in the scope of an event."""
    return _covers(_scope(event), (account, strategy, instrument))


def _scope(event: Any) -> Scope:
    return event.account, event.strategy, event.instrument


def _covers(scope: Scope, other: Scope) -> bool:
    return all(mine is None or mine == theirs for mine, theirs in zip(scope, other, strict=True))
