"""How much of each limit on a sum is used, from risk's own state."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from pipelines.exact import EXACTLY, ZERO
from pipelines.risk.limits import POSITION, REPEATED, Scope
from pipelines.risk.room import MINUTE_NS, SECOND_NS
from pipelines.risk.state import Level, RiskState
from schemas.events import LimitKind

Used = dict[tuple[LimitKind, Scope], Decimal]
"""By kind and scope, in the limit's own unit, whether or not there is such a limit. Executions are
those of one strategy in one instrument on one account, wherever their limit is given."""

RATES_NS: Final[dict[LimitKind, int]] = {
    "ORDERS_PER_SECOND_MAX": SECOND_NS,
    "ORDERS_PER_MINUTE_MAX": MINUTE_NS,
}


def used(state: RiskState) -> Used:
    """Of every desk, account, strategy and position that risk knows; elsewhere nothing is used."""
    levels = list(state.levels.values())
    found = {(k, one.scope): v for one in levels for k, v in of_level(one, state.now_ns)}
    for ((account, strategy, _), instrument), net in list(state.nets.items()):
        found[POSITION, (account, strategy, instrument)] = max(ZERO, net.long_qty)
    for key, cell in list(state.cells.items()):
        since_ns = state.now_ns - cell.rules.executions_ns
        found[REPEATED, key] = Decimal(sum(at > since_ns for at in list(cell.executions_ns)))
    return found


def of_level(level: Level, now_ns: int) -> Iterator[tuple[LimitKind, Decimal]]:
    """Of a desk, an account or a strategy; what was gained uses nothing of a loss limit."""
    yield "EXPOSURE_GROSS_MAX", level.exposure
    yield "ORDERS_OPEN_MAX", Decimal(level.open_orders)
    times = list(level.approved_ns)
    for kind, width_ns in RATES_NS.items():
        yield kind, Decimal(sum(at > now_ns - width_ns for at in times))
    for kind, begin in _begins(level):
        yield kind, max(ZERO, EXACTLY.subtract(begin, level.pnl))


def _begins(level: Level) -> Iterator[tuple[LimitKind, Decimal]]:
    yield "LOSS_DAILY_MAX", level.day_pnl
    yield "LOSS_DRAWDOWN_MAX", level.peak_pnl
