"""How much of each limit is used, from positions, marks and orders on the log.

Risk alone decides, on its own state (`trading_limit_use_ratio` in docs/metrics.md shows that);
this is the same sum over what a page knows. Loss limits are shown unused: what was gained before
midnight is in risk's state alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final, NamedTuple

from ops.console.standing import scope_name
from ops.console.state import State
from pipelines.exact import EXACTLY, ZERO, plain, total
from pipelines.gateway.scopes import Scope, within
from pipelines.risk.limits import POSITION
from replay.ratio import ratio
from schemas.events import Limit

MINUTE_MS: Final = 60_000
SECOND_MS: Final = 1_000


class Held(NamedTuple):
    """A position, or what an open buy may add to one."""

    scope: Scope
    quantity: Decimal
    price: Decimal


def limits(state: State, at_ms: int) -> list[dict[str, Any]]:
    """One row per limit on a sum, the most used first."""
    table = state.desk.limits
    if table is None:
        return []
    held, working = list(_positions(state)), list(_working(state))
    rows = []
    for limit in table.limits:
        scope = (limit.account, limit.strategy, limit.instrument)
        used = _used(state, limit, scope, held, working, at_ms)
        if used is not None and limit.value > 0:
            share = ratio(used, limit.value)
            rows.append((share, _row(limit, scope, used, share)))
    return [row for _, row in sorted(rows, key=lambda one: (-one[0], one[1]["name"]))]


def _row(limit: Limit, scope: Scope, used: Decimal, share: Decimal) -> dict[str, Any]:
    return {
        "name": limit.kind,
        "scope": scope_name(scope),
        "used": plain(used),
        "limit": plain(limit.value),
        "share": plain(share),
    }


def _used(
    state: State,
    limit: Limit,
    scope: Scope,
    held: list[Held],
    working: list[tuple[Scope, Held | None]],
    at_ms: int,
) -> Decimal | None:
    """None where the limit is not one on a sum."""
    mine = [one for one in held if within(scope, one.scope)]
    buys = [one for where, one in working if one is not None and within(scope, where)]
    if limit.kind == POSITION:
        return max(total(one.quantity for one in [*mine, *buys]), ZERO)
    if limit.kind == "EXPOSURE_GROSS_MAX":
        return total(EXACTLY.multiply(abs(one.quantity), one.price) for one in [*mine, *buys])
    if limit.kind == "ORDERS_OPEN_MAX":
        return Decimal(sum(within(scope, where) for where, _ in working))
    if limit.kind in ("ORDERS_PER_SECOND_MAX", "ORDERS_PER_MINUTE_MAX"):
        width_ms = SECOND_MS if limit.kind == "ORDERS_PER_SECOND_MAX" else MINUTE_MS
        recent = state.trading.approvals.since(at_ms - width_ms + 1)
        return Decimal(sum(within(scope, _scope_of(event)) for _, event in recent))
    return None


def _scope_of(event: Any) -> Scope:
    return event.account, event.strategy, event.instrument


def _positions(state: State) -> Iterator[Held]:
    for scope, (_, event) in state.desk.cells.items():
        yield Held(scope, event.position_qty, _mark(state, scope[2]) or event.avg_px or ZERO)


def _working(state: State) -> Iterator[tuple[Scope, Held | None]]:
    """Orders that may still be filled; a sale adds nothing."""
    for known in state.trading.orders.values():
        asked = known.asked
        if asked is None or not known.works:
            continue
        scope = _scope_of(asked)
        left = EXACTLY.subtract(asked.order_qty, known.filled)
        price = asked.price or _mark(state, asked.instrument) or ZERO
        yield scope, Held(scope, left, price) if asked.side == "BUY" else None


def _mark(state: State, instrument: str | None) -> Decimal | None:
    found = state.market.instruments.get(instrument or "")
    return None if found is None else found.mark_px
