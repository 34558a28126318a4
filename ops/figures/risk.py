"""Figures of risk's state: positions, exposure, profit and loss, limits, trading states."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal

from connectors.metrics import declared
from connectors.metrics.kinds import Rows
from pipelines.exact import ZERO
from pipelines.risk.limits import COUNTLESS
from pipelines.risk.state import STRICTNESS, Level, RiskState
from pipelines.risk.used import of_level

Labels = tuple[str, ...]
Reading = Callable[[], RiskState | None]


def show(state: Reading) -> None:
    """Reads the state at every scrape from here on; nothing before the first epoch."""

    def shown(rows: Callable[[RiskState], Rows]) -> Callable[[], Rows]:
        def read() -> Rows:
            held = state()
            return {} if held is None else rows(held)

        return read

    declared.POSITION.read = shown(positions)
    declared.EXPOSURE.read = shown(lambda held: by_level(held, lambda one: one.exposure))
    declared.PNL.read = shown(lambda held: by_level(held, lambda one: one.pnl - one.day_pnl))
    declared.FEES_UNPRICED.read = shown(fees_unpriced)
    declared.OPEN_ORDERS.read = shown(lambda held: by_level(held, lambda one: one.open_orders))
    declared.LIMIT_USE.read = shown(limit_use)
    declared.LIMITS_VERSION.read = shown(lambda held: {(): held.table.version})
    declared.TRADING_STATE.read = shown(trading_states)


def positions(state: RiskState) -> Rows:
    return {key: cell.position for key, cell in list(state.cells.items())}


def by_level(state: RiskState, value: Callable[[Level], Decimal | int]) -> Rows:
    return {_named(level): value(level) for level in list(state.levels.values())}


def _named(level: Level) -> Labels:
    """Account and strategy; `*` is all of them."""
    account, strategy, _ = level.scope
    return account or "*", strategy or "*"


def fees_unpriced(state: RiskState) -> Rows:
    """What waits for a mark of its asset, over all instruments."""
    found: dict[Labels, Decimal] = {}
    for fee, qty in list(state.unpriced.items()):
        key = fee.account, fee.strategy, fee.asset
        found[key] = found.get(key, ZERO) + qty
    return found


def limit_use(state: RiskState) -> Rows:
    """The sums' limits and the positions', where there are any."""
    rows = {
        (limit, *_named(level), "*"): share
        for level in list(state.levels.values())
        for limit, share in _of_level(level, state.now_ns)
    }
    for (scope, instrument), net in list(state.nets.items()):
        if net.max_qty:
            account, strategy, _ = scope
            labels = "POSITION_QTY_MAX", account or "*", strategy or "*", instrument
            rows[labels] = float(net.long_qty / net.max_qty)
    return rows


def _of_level(level: Level, now_ns: int) -> Iterator[tuple[str, float]]:
    """A second is shorter than what lies between two scrapes: its limit is left out."""
    bounds = level.bounds
    most_of: dict[str, Decimal | int] = {
        "EXPOSURE_GROSS_MAX": bounds.exposure_max,
        "ORDERS_OPEN_MAX": bounds.open_max,
        "ORDERS_PER_MINUTE_MAX": bounds.per_minute_max,
        "LOSS_DAILY_MAX": bounds.loss_max,
        "LOSS_DRAWDOWN_MAX": bounds.drawdown_max,
    }
    for limit, value in of_level(level, now_ns):
        most = most_of.get(limit, ZERO)
        limited = most < COUNTLESS if isinstance(most, int) else most.is_finite()
        if limited and most > 0:
            yield limit, float(value) / float(most)


def trading_states(state: RiskState) -> Rows:
    """Of every cell, and of every scope that something is latched for: a cell may be under more."""
    found = {key: cell.state for key, cell in list(state.cells.items())}
    for scope, latched in list(state.control.items()):
        account, strategy, instrument = (part or "*" for part in scope)
        key = account, strategy, instrument
        found[key] = max(found.get(key, latched), latched, key=STRICTNESS.index)
    return {
        (*labels, name): int(name == held) for labels, held in found.items() for name in STRICTNESS
    }
