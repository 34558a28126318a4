"""How orders follow approvals and order events.

An approval counts at once, with all of its quantity; a fill counts once, by the venue's ids of
order and trade. An order in doubt keeps its whole rest reserved.
"""

from __future__ import annotations

from collections import deque
from decimal import Decimal
from typing import Any, Final

from pipelines.exact import ZERO
from pipelines.orders.order import Order, Refusal, TradeKey, follow
from pipelines.risk.asked import Asked, Request, Worth
from pipelines.risk.checks import worth_of
from pipelines.risk.positions import fill
from pipelines.risk.room import MINUTE_NS
from pipelines.risk.state import Cell, RiskState, Working, cell_of
from schemas.events import OrderApproved, OrderFilled

_NO_TRADES: Final[frozenset[TradeKey]] = frozenset()
_new: Final[Any] = tuple.__new__  # a NamedTuple's own constructor costs three times this


def approve(state: RiskState, event: OrderApproved) -> None:
    """An approved order is open from now on, and all of it is reserved."""
    cell = cell_of(state, event.account, event.strategy, event.instrument)
    admit(state, cell, event[:15], worth_of(cell, event), event.correlation_id)


def admit(state: RiskState, cell: Cell, asked: Asked, worth: Worth, correlation_id: str) -> None:
    """The same where what is reserved is known."""
    alike, px, notional = worth
    _, _, _, side, price, qty = alike
    is_buy = side == "BUY"
    order = _new(Order, (qty, "APPROVED", ZERO, None, _NO_TRADES))
    working = Working(order, cell, is_buy, px, price, asked[3], correlation_id)
    state.orders[asked[5]] = working
    _reserve(cell, is_buy, qty, notional, 1)
    if price is not None:
        (cell.resting.buys if is_buy else cell.resting.sells).add(price)
    now_ns = state.now_ns
    minute_ns = now_ns - MINUTE_NS
    for level in cell.levels:
        times = level.approved_ns
        times.append(now_ns)
        if times[0] <= minute_ns:
            _prune(times, minute_ns)
    if state.table.duplicate_ns_max:
        _remember(state, alike, now_ns)


def _prune(times: deque[int], until_ns: int) -> None:
    while times and times[0] <= until_ns:
        times.popleft()


def enter(working: Working) -> None:
    """Adds an order to the sums."""
    cell, is_buy, order = working.cell, working.is_buy, working.order
    qty = order.reserved_qty if order.cum_qty or order.final_qty is not None else order.order_qty
    _reserve(cell, is_buy, qty, qty * working.px, 1)
    if working.price is not None:
        cell.resting.side(is_buy).add(working.price)


def _remember(state: RiskState, request: Request, now_ns: int) -> None:
    """For the check of duplicates; what is older than every window is forgotten."""
    recent, newest = state.recent, state.recent_ns
    recent.append((now_ns, request))
    newest[request] = now_ns
    since_ns = now_ns - state.table.duplicate_ns_max
    while recent and recent[0][0] <= since_ns:
        at_ns, old = recent.popleft()
        if newest.get(old) == at_ns:
            del newest[old]


def _reserve(cell: Cell, is_buy: bool, qty: Decimal, notional: Decimal, orders: int) -> None:
    """Reserves more, or less where `qty` is below zero, for so many orders more or less."""
    if is_buy:
        for level, net in cell.sums:
            level.open_orders += orders
            level.exposure += notional
            net.long_qty += qty
        cell.open_buy += qty
        if cell.quote is not None:
            cell.quote.reserved += notional
    else:
        for level in cell.levels:
            level.open_orders += orders
        cell.open_sell += qty
        if cell.base is not None:
            cell.base.reserved += qty


# ---- order events --------------------------------------------------------------------------------


def follow_order(state: RiskState, event: Any) -> None:
    """What became of an order. A fill of an order that is not ours counts as well."""
    working = state.orders.get(event.cl_ord_id)
    if working is None or not _is_of(working.cell, event):
        if isinstance(event, OrderFilled):
            _foreign(state, event)
        return
    before = working.order
    after = follow(before, event)
    if isinstance(after, Refusal):
        if not isinstance(event, OrderFilled) or after.reason == "FILL_REPEATED":
            return
        # The venue says that it traded: the position follows, whatever the order's state is.
        key = event.order_id, event.trade_id
        after = before._replace(trades=before.trades | {key})
    _settle(state, working, after)
    if isinstance(event, OrderFilled):
        if not before.trades:
            _executed(state, working.cell)
        fill(state, working.cell, event)


def _is_of(cell: Cell, event: Any) -> bool:
    return bool(cell.account == event.account and cell.instrument == event.instrument)


def _settle(state: RiskState, working: Working, after: Order) -> None:
    """The order's new rest, and its end."""
    freed = after.reserved_qty - working.order.reserved_qty
    ends = after.ended and working.ended_day is None
    working.order = after
    if freed or ends:
        notional = freed * working.px
        _reserve(working.cell, working.is_buy, freed, notional, -1 if ends else 0)
    if ends:
        working.ended_day = state.day
        if working.price is not None:
            working.cell.resting.side(working.is_buy).remove(working.price)


def _executed(state: RiskState, cell: Cell) -> None:
    times, rules = cell.executions_ns, cell.rules
    if rules.executions_max is not None:
        times.append(state.now_ns)
        _prune(times, state.now_ns - rules.executions_ns)


def _foreign(state: RiskState, event: OrderFilled) -> None:
    identity = (event.venue, event.account, event.instrument, event.order_id, event.trade_id)
    if identity not in state.foreign:
        state.foreign[identity] = state.day
        fill(state, cell_of(state, event.account, event.strategy, event.instrument), event)
