"""Trading states by scope: the strictest one that covers an order decides. Latched until resumed.

REDUCING is risk's to enforce, which knows positions over all strategies; the gateway keeps what is
HALTED or PAUSED from being sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple

from schemas.events import (
    OrderApproved,
    TradingFlattened,
    TradingHalted,
    TradingPaused,
    TradingReduced,
    TradingResumed,
)

Scope = tuple[str | None, str | None, str | None]
REDUCING, PAUSED, HALTED = 1, 2, 3
_STRICTNESS: Final[dict[type, int]] = {
    TradingReduced: REDUCING,
    TradingFlattened: REDUCING,
    TradingPaused: PAUSED,
    TradingHalted: HALTED,
}
Latched = Literal["STATE_PAUSED", "STATE_HALTED", "STATE_UNREADABLE"]
_REASONS: Final[dict[int, Latched]] = {PAUSED: "STATE_PAUSED", HALTED: "STATE_HALTED"}


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
    return merged(states, States({_scope(event): strictness}))


def merged(states: States, more: States) -> States:
    """Both together: the stricter one where they name the same scope."""
    strictest = {s: max(n, states.latched.get(s, 0)) for s, n in more.latched.items()}
    return States({**states.latched, **strictest})


def refusal(states: States, order: OrderApproved) -> Latched | None:
    """Why an order may not be sent; None if it may. PAUSED stops entries: what sells, leaves."""
    wanted = (order.account, order.strategy, order.instrument)
    strictest = max((n for s, n in states.latched.items() if within(s, wanted)), default=0)
    if strictest == PAUSED and order.side == "SELL":
        return None
    return _REASONS.get(strictest)


def covers(event: TradingHalted, account: str, strategy: str, instrument: str) -> bool:
    """Whether an order lies in the scope of an event."""
    return within(_scope(event), (account, strategy, instrument))


def _scope(event: Any) -> Scope:
    return event.account, event.strategy, event.instrument


def within(scope: Scope, other: Scope) -> bool:
    """Whether a scope covers another."""
    return all(mine is None or mine == theirs for mine, theirs in zip(scope, other, strict=True))
