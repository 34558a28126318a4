"""Trading states and limits: what people and reconciliation decide, latched until resumed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pipelines.exact import ZERO
from pipelines.risk.limits import LimitTable, Scope
from pipelines.risk.positions import charge_waiting
from pipelines.risk.state import STRICTNESS, Cell, RiskState, TradingState, Working, renew, within
from schemas.events import (
    CancelReason,
    LimitsChanged,
    OrderDenied,
    TradingFlattened,
    TradingHalted,
    TradingPaused,
    TradingReduced,
    TradingResumed,
)

LATCHES: dict[type[Any], TradingState] = {
    TradingPaused: "PAUSED",
    TradingReduced: "REDUCING",
    TradingFlattened: "REDUCING",
    TradingHalted: "HALTED",
}


def latch(state: RiskState, scope: Scope, wanted: TradingState) -> None:
    """The stricter of what is latched and what is wanted: only a person's resume loosens it."""
    held = state.control.get(scope, "ACTIVE")
    state.control[scope] = max(held, wanted, key=STRICTNESS.index)
    for cell in state.cells.values():
        renew(state, cell)


def resume(state: RiskState, event: TradingResumed) -> None:
    """Ends what is latched for exactly this scope; drawdown and throttle begin anew there."""
    scope = (event.account, event.strategy, event.instrument)
    state.control.pop(scope, None)
    level = state.levels.get(scope)
    if level is not None:
        level.peak_pnl = level.pnl
        level.refloor()
    for cell in state.cells.values():
        if within(cell, scope):
            cell.executions_ns.clear()
        renew(state, cell)


def own_pause(event: Any) -> Scope | None:
    """The scope that risk pauses by a denial; no control topic has it."""
    repeated = isinstance(event, OrderDenied) and event.reason == "EXECUTION_REPEATED"
    return (None, event.strategy, None) if repeated else None


def change_limits(state: RiskState, event: LimitsChanged) -> None:
    """In force from here on. A version that is not newer is a repeated write."""
    if state.limits is not None and event.limits_version <= state.limits.limits_version:
        return
    state.limits = event
    adopt(state)
    charge_waiting(state)


def adopt(state: RiskState) -> None:
    """Everything that follows from the limits."""
    state.table = table = LimitTable(state.limits)
    for terms in state.limits.instruments if state.limits else ():
        state.assets.setdefault(terms.instrument, (terms.base_asset, terms.quote_asset))
    for scope, level in state.levels.items():
        level.bounds = table.bounds(scope)
        level.refloor()
    for (scope, instrument), net in state.nets.items():
        net.max_qty = table.position_max(scope, instrument)
    for cell in state.cells.values():
        renew(state, cell)


def cancelled_by(state: RiskState, event: Any) -> Iterator[tuple[str, Working, CancelReason]]:
    """The working orders that a control event cancels, by their ids, with the reason."""
    halted = isinstance(event, TradingHalted)
    reduced = isinstance(event, TradingReduced | TradingFlattened)
    if not (halted and event.cancel_orders) and not reduced:
        return
    scope = (event.account, event.strategy, event.instrument)
    for cl_ord_id in sorted(state.orders):
        working = state.orders[cl_ord_id]
        if working.ended_day is None and within(working.cell, scope):
            if halted:
                yield cl_ord_id, working, "STATE_HALTED"
            elif _raises(working.cell, working.is_buy):
                yield cl_ord_id, working, "STATE_REDUCING"


def _raises(cell: Cell, is_buy: bool) -> bool:
    """Whether the orders of this side, all filled, lead away from zero or beyond it."""
    if is_buy:
        return cell.position + cell.open_buy > ZERO
    return cell.position - cell.open_sell < ZERO
