"""Is there room for an order: money, position, and the sums of desk, account and strategy?"""

from __future__ import annotations

from collections import deque
from decimal import Decimal
from typing import Final

from pipelines.exact import ZERO, money
from pipelines.risk.denial import Denial, deny
from pipelines.risk.state import Cell, Level
from schemas.events import DenialReason

SECOND_NS: Final = 10**9
MINUTE_NS: Final = 60 * SECOND_NS


def raises(cell: Cell, side: str, qty: Decimal) -> bool:
    """Whether the position may end farther from zero, or beyond it, with every order on this side
    filled."""
    position = cell.position
    if side == "BUY":
        return position >= ZERO or position + cell.open_buy + qty > ZERO
    return position - cell.open_sell - qty < ZERO


def reached(times: deque[int], most: int, since_ns: int) -> bool:
    """Whether `most` of the times, ascending and no fewer, lie after `since_ns`."""
    return not most or times[-most] > since_ns


def capacity(cell: Cell, side: str, qty: Decimal, notional: Decimal, now_ns: int) -> Denial | None:
    if side == "SELL":
        return _sale(cell, qty) or _levels(cell, ZERO, False, now_ns)
    quote = cell.quote
    if quote is None or quote.total - quote.reserved < notional:
        total, reserved = (quote.total, quote.reserved) if quote else (ZERO, ZERO)
        return deny("BALANCE_INSUFFICIENT", total=total, reserved=reserved, needed=money(notional))
    for net, most in cell.limited_nets:
        if net.long_qty + qty > most:
            return deny("POSITION_ABOVE_MAX", with_open=net.long_qty, qty=qty, max=most)
    return _levels(cell, notional, raises(cell, side, qty), now_ns)


def _sale(cell: Cell, qty: Decimal) -> Denial | None:
    if cell.position - cell.open_sell < qty:
        open_sell = cell.open_sell
        return deny("POSITION_BELOW_ZERO", position=cell.position, open_sell=open_sell, qty=qty)
    base = cell.base
    if base is None or base.total - base.reserved < qty:
        total, reserved = (base.total, base.reserved) if base else (ZERO, ZERO)
        return deny("BALANCE_INSUFFICIENT", total=total, reserved=reserved, needed=qty)
    return None


def _levels(cell: Cell, notional: Decimal, raising: bool, now_ns: int) -> Denial | None:
    """The sums of desk, account and strategy. Asked for every order, so without further calls."""
    for level in cell.limited_levels:
        bounds, times = level.bounds, level.approved_ns
        per_second, per_minute, count = bounds.per_second_max, bounds.per_minute_max, len(times)
        if level.open_orders >= bounds.open_max:
            return _at(level, "ORDERS_OPEN", open=level.open_orders, max=bounds.open_max)
        if count >= per_second and reached(times, per_second, now_ns - SECOND_NS):
            return _at(level, "ORDERS_PER_SECOND", max=per_second)
        if count >= per_minute and reached(times, per_minute, now_ns - MINUTE_NS):
            return _at(level, "ORDERS_PER_MINUTE", max=per_minute)
        if raising:  # money only limits what may raise exposure: the way out stays open
            if level.exposure + notional > bounds.exposure_max:
                what = {"exposure": level.exposure, "order": money(notional)}
                return _at(level, "EXPOSURE_ABOVE_MAX", **what, max=bounds.exposure_max)
            if level.pnl < level.floor_pnl:
                return _loss(level)
    return None


def _loss(level: Level) -> Denial:
    loss, most = level.day_pnl - level.pnl, level.bounds.loss_max
    if loss > most:
        return _at(level, "LOSS_DAILY", loss=money(loss), max=most)
    drawdown = money(level.peak_pnl - level.pnl)
    return _at(level, "LOSS_DRAWDOWN", drawdown=drawdown, max=level.bounds.drawdown_max)


def _at(level: Level, reason: DenialReason, **facts: object) -> Denial:
    scope = "/".join(part or "*" for part in level.scope)
    return deny(reason, scope=scope, **facts)
