"""Every limit that risk holds orders to, and how much of it is used.

Limits on a sum (positions, exposure, open orders, rates, losses, executions) have a use; those on
each order (collar, ages, notional) are met or not, order by order, and have none.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from ops.console.standing import scope_name
from ops.console.state import State
from pipelines.exact import EXACTLY, ZERO, money, plain
from pipelines.gateway.scopes import Scope, within
from pipelines.risk.limits import ORDER_KINDS, REPEATED
from pipelines.risk.used import Used
from replay.ratio import PLACES
from schemas.events import Limit

ALL: Final = Decimal(1)
EACH_ORDER: Final = frozenset(ORDER_KINDS) - {REPEATED}


def limits(state: State, _: int) -> list[dict[str, Any]]:
    """One row per limit: the most used first, those on each order last."""
    table = state.desk.limits
    rows = [_row(limit, state.used) for limit in (table.limits if table else ())]
    return sorted(rows, key=_order)


def _order(row: dict[str, Any]) -> Any:
    share = ZERO if row["share"] is None else Decimal(row["share"])
    return row["each_order"], -share, row["name"], row["scope"]


def _row(limit: Limit, known: Used | None) -> dict[str, Any]:
    used, scope = None, (limit.account, limit.strategy, limit.instrument)
    each_order = limit.kind in EACH_ORDER
    if known is not None and not each_order:
        used = _used(known, limit, scope)
    return {
        "name": limit.kind,
        "scope": scope_name(scope),
        "used": None if used is None else plain(money(used)),
        "limit": plain(limit.value),
        "share": None if used is None else plain(_share(used, limit.value)),
        "each_order": each_order,
    }


def _used(known: Used, limit: Limit, scope: Scope) -> Decimal:
    """Of executions the most in any place that the limit holds for."""
    if limit.kind != REPEATED:
        return known.get((limit.kind, scope), ZERO)
    return max(
        (n for (kind, at), n in known.items() if kind == REPEATED and within(scope, at)),
        default=ZERO,
    )


def _share(used: Decimal, most: Decimal) -> Decimal:
    """Cut: a limit that has room left is not full. Of a limit of nothing anything is all."""
    if not most:
        return ALL if used else ZERO
    steps = Fraction(used) / Fraction(most) * 10**PLACES
    return EXACTLY.scaleb(Decimal(int(steps)), -PLACES)
