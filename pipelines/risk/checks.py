"""The checks of an order request, in order; the first that fails names the denial.

Every check only looks. A denial carries the numbers it looked at.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from pipelines.exact import ZERO, money
from pipelines.ids import is_cl_ord_id
from pipelines.risk.asked import Asked, Request, Worth
from pipelines.risk.denial import Denial, deny
from pipelines.risk.limits import Rules
from pipelines.risk.room import SECOND_NS, capacity, raises, reached
from pipelines.risk.state import Cell, RiskState
from schemas.events import DenialReason, OrderApproved, Side

CLOCK_AGE_MAX_NS: Final = 3 * SECOND_NS
"""A clock silent for longer than this stops all approvals."""

GATEWAY_AGE_MAX_NS: Final = 6 * SECOND_NS
"""A gateway says that it is ready every two seconds; one that does not is taken for gone."""

_SIDES: Final = ("BUY", "SELL")
_LIMIT_SHAPES: Final = frozenset(
    (side, "LIMIT", tif, post_only)
    for side in _SIDES
    for tif, post_only in (("GTC", False), ("GTC", True), ("IOC", False), ("FOK", False))
)
_MARKET_SHAPES: Final = frozenset(
    (s, "MARKET", tif, False) for s in _SIDES for tif in ("IOC", "GTC")
)


def judge(
    state: RiskState, cell: Cell, asked: Asked, tick_recv_ns: int, now_ns: int
) -> Denial | Worth:
    """Why the order may not pass, or what it is booked with.

    The request is taken apart once: to read its fields by name costs as much as the checks.
    """
    account, strategy, _, _, instrument, _, _, _, _, side, _, _, _, price, qty = asked
    denial = (
        _admission(state, cell, asked, now_ns)
        or _numbers(cell.rules, price, qty)
        or _market(cell, price, tick_recv_ns, now_ns)
    )
    if denial is not None:
        return denial
    px = _market_px(cell, side, cell.mark.px) if price is None else price
    notional, alike = px * qty, (account, strategy, instrument, side, price, qty)
    return (
        _notional(cell.rules, notional)
        or _repeats(state, cell, alike, now_ns)
        or capacity(cell, side, qty, notional, now_ns)
        or (alike, px, notional)
    )


def worth_of(cell: Cell, order: OrderApproved) -> Worth:
    """The same of an order that passed before."""
    account, strategy, _, _, instrument, _, _, _, _, side, _, _, _, price, qty = order[:15]
    px = _market_px(cell, side, order.mark_px) if price is None else price
    return (account, strategy, instrument, side, price, qty), px, px * qty


def _market_px(cell: Cell, side: Side, mark_px: Decimal | None) -> Decimal:
    """The price a market order's value is reserved at: for a buy the collar's edge."""
    assert mark_px is not None, "asked for before"
    return mark_px * cell.rules.collar_high if side == "BUY" else mark_px


# ---- may anything be asked at all? ---------------------------------------------------------------


def _admission(state: RiskState, cell: Cell, asked: Asked, now_ns: int) -> Denial | None:
    account, cl_ord_id = asked[0], asked[5]
    if cl_ord_id in state.orders:
        return deny("ORDER_ID_REPEATED", cl_ord_id=cl_ord_id)
    if _malformed(asked):
        return deny("ORDER_MALFORMED", side=asked[9], ord_type=asked[10])
    if state.limits is None:
        return deny("LIMITS_MISSING")
    if now_ns - state.clock_ns > CLOCK_AGE_MAX_NS:
        return deny("CLOCK_MISSING", age_ms=(now_ns - state.clock_ns) // 1_000_000)
    ready_ns = state.ready.get(account)
    if ready_ns is None:
        return deny("GATEWAY_NOT_READY", account=account)
    if now_ns - ready_ns > GATEWAY_AGE_MAX_NS:
        age_ms = (now_ns - ready_ns) // 1_000_000
        return deny("GATEWAY_NOT_READY", account=account, age_ms=age_ms)
    if cell.state != "ACTIVE" and (denial := _latched(cell, asked[9], asked[14])):
        return denial
    return _instrument(cell.rules, asked[3], asked[4])


def _malformed(asked: Asked) -> bool:
    account, strategy, _, _, _, cl_ord_id, _, whole, _, side, kind, tif, post_only, px, qty = asked
    return (
        (side, kind, tif, post_only) not in (_MARKET_SHAPES if px is None else _LIMIT_SHAPES)
        or not ZERO < qty <= whole
        or not (account and strategy and is_cl_ord_id(cl_ord_id))
    )


def _latched(cell: Cell, side: Side, qty: Decimal) -> Denial | None:
    if cell.state == "HALTED":
        return deny("STATE_HALTED")
    if not raises(cell, side, qty):
        return None
    open_qty = cell.open_buy if side == "BUY" else cell.open_sell
    reason: DenialReason = "STATE_PAUSED" if cell.state == "PAUSED" else "STATE_REDUCING"
    return deny(reason, position=cell.position, open_qty=open_qty, order_qty=qty)


def _instrument(rules: Rules, venue: str, instrument: str) -> Denial | None:
    if rules.venue != venue:
        return deny("INSTRUMENT_UNKNOWN", instrument=instrument, venue=venue)
    if rules.restricted:
        return deny("INSTRUMENT_RESTRICTED", instrument=instrument)
    return deny("LIMITS_INCOMPLETE", missing=",".join(rules.missing)) if rules.missing else None


# ---- numbers and market --------------------------------------------------------------------------


def _numbers(rules: Rules, price: Decimal | None, qty: Decimal) -> Denial | None:
    if price is not None:
        if not rules.price_min <= price <= rules.price_max:
            low, high = rules.price_min, rules.price_max
            return deny("PRICE_BOUNDS", price=price, price_min=low, price_max=high)
        if price % rules.tick_size:
            return deny("PRICE_PRECISION", price=price, tick_size=rules.tick_size)
    if not rules.qty_min <= qty <= rules.qty_max:
        return deny("QTY_BOUNDS", order_qty=qty, qty_min=rules.qty_min, qty_max=rules.qty_max)
    if qty % rules.lot_size:
        return deny("QTY_PRECISION", order_qty=qty, lot_size=rules.lot_size)
    return None


def _market(cell: Cell, price: Decimal | None, tick_recv_ns: int, now_ns: int) -> Denial | None:
    mark, rules = cell.mark, cell.rules
    px = mark.px
    if px is None:
        return deny("MARK_MISSING", instrument=cell.instrument)
    if now_ns - mark.ts_recv_ns > rules.mark_age_max_ns:
        return _stale("MARK_STALE", now_ns - mark.ts_recv_ns, rules.mark_age_max_ns)
    if rules.tick_age_max_ns is not None and now_ns - tick_recv_ns > rules.tick_age_max_ns:
        return _stale("TICK_STALE", now_ns - tick_recv_ns, rules.tick_age_max_ns)
    if rules.band is not None and cell.band_mark is not None:
        denial = _band(cell, px, now_ns)
        if denial is not None:
            return denial
    if price is not None:
        low, high = px * rules.collar_low, px * rules.collar_high
        if not low <= price <= high:
            return deny("PRICE_COLLAR", price=price, mark_px=px, low=low, high=high)
    return None


def _stale(reason: DenialReason, age_ns: int, max_ns: int) -> Denial:
    return deny(reason, age_ms=age_ns // 1_000_000, age_max_ms=max_ns // 1_000_000)


def _band(cell: Cell, px: Decimal, now_ns: int) -> Denial | None:
    other, rules = cell.band_mark, cell.rules
    assert other is not None
    assert rules.band is not None
    if other.px is None:
        return deny("MARK_MISSING", instrument=rules.band_instrument)
    if now_ns - other.ts_recv_ns > rules.mark_age_max_ns:
        return _stale("MARK_STALE", now_ns - other.ts_recv_ns, rules.mark_age_max_ns)
    if abs(px - other.px) > other.px * rules.band:
        return deny("MARK_DIVERGED", mark_px=px, other_px=other.px, band=rules.band)
    return None


# ---- this order ----------------------------------------------------------------------------------


def _notional(rules: Rules, notional: Decimal) -> Denial | None:
    if notional < rules.notional_min:
        return deny("NOTIONAL_BELOW_MIN", notional=money(notional), min=rules.notional_min)
    if notional > rules.notional_max:
        return deny("NOTIONAL_ABOVE_MAX", notional=money(notional), max=rules.notional_max)
    return None


def _repeats(state: RiskState, cell: Cell, alike: Request, now_ns: int) -> Denial | None:
    rules = cell.rules
    _, _, _, side, price, qty = alike
    if rules.duplicate_ns:
        last = state.recent_ns.get(alike)
        if last is not None and now_ns - last < rules.duplicate_ns:
            age_ms, window_ms = (now_ns - last) // 1_000_000, rules.duplicate_ns // 1_000_000
            return deny("ORDER_DUPLICATE", age_ms=age_ms, window_ms=window_ms)
    most, times = rules.executions_max, cell.executions_ns
    if (
        most is not None
        and len(times) >= most
        and reached(times, most, now_ns - rules.executions_ns)
        and raises(cell, side, qty)
    ):
        return deny("EXECUTION_REPEATED", executions=len(times), max=most)
    own = cell.resting.crossed(side == "BUY", price)
    if own is not None:
        return deny("SELF_MATCH", price=price, own_price=own)
    return None
