"""The checks of an order request, in order; the first that fails names the denial.

Every check only looks. A denial carries the numbers it looked at.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from pipelines.exact import ZERO, money
from pipelines.risk.denial import Denial, deny
from pipelines.risk.limits import Rules
from pipelines.risk.room import SECOND_NS, capacity, raises, reached
from pipelines.risk.state import Cell, Request, RiskState
from schemas.events import DenialReason, InstrumentTerms, OrderApproved, OrderRequested, Side

CLOCK_AGE_MAX_NS: Final = 3 * SECOND_NS
"""A clock silent for longer than this stops all approvals."""

GATEWAY_AGE_MAX_NS: Final = 6 * SECOND_NS
"""A gateway says that it is ready every two seconds; one that does not is taken for gone."""

_SHAPES: Final = frozenset(
    (side, kind, tif, post_only)
    for side in ("BUY", "SELL")
    for kind, tif, post_only in (
        ("LIMIT", "GTC", False),
        ("LIMIT", "GTC", True),
        ("LIMIT", "IOC", False),
        ("LIMIT", "FOK", False),
        ("MARKET", "IOC", False),
        ("MARKET", "GTC", False),
    )
)


def refusal(state: RiskState, cell: Cell, request: OrderRequested, now_ns: int) -> Denial | None:
    """None where the order may pass."""
    denial = (
        _admission(state, cell, request, now_ns)
        or _numbers(cell.rules.terms, request)
        or _market(cell, request, now_ns)
    )
    if denial is not None:
        return denial
    px = reserve_px(cell.rules, request.side, request.price, cell.mark.px)
    notional = px * request.order_qty
    return (
        _notional(cell, notional)
        or _repeats(state, cell, request, now_ns)
        or capacity(cell, request, notional, now_ns)
    )


def reserve_px(rules: Rules, side: Side, price: Decimal | None, mark_px: Decimal | None) -> Decimal:
    """The price an order's value is reserved at: its limit; the collar's edge for a market buy."""
    if price is not None:
        return price
    assert mark_px is not None
    return mark_px * rules.collar_high if side == "BUY" else mark_px


# ---- may anything be asked at all? ---------------------------------------------------------------


def _admission(state: RiskState, cell: Cell, request: OrderRequested, now_ns: int) -> Denial | None:
    if request.cl_ord_id in state.orders:
        return deny("ORDER_ID_REPEATED", cl_ord_id=request.cl_ord_id)
    if _malformed(request):
        return deny("ORDER_MALFORMED", side=request.side, ord_type=request.ord_type)
    if state.limits is None:
        return deny("LIMITS_MISSING")
    if now_ns - state.clock_ns > CLOCK_AGE_MAX_NS:
        return deny("CLOCK_MISSING", age_ms=(now_ns - state.clock_ns) // 1_000_000)
    ready_ns = state.ready.get(request.account)
    if ready_ns is None:
        return deny("GATEWAY_NOT_READY", account=request.account)
    if now_ns - ready_ns > GATEWAY_AGE_MAX_NS:
        age_ms = (now_ns - ready_ns) // 1_000_000
        return deny("GATEWAY_NOT_READY", account=request.account, age_ms=age_ms)
    if cell.state != "ACTIVE" and (denial := _latched(cell, request)):
        return denial
    return _instrument(cell, request)


def _malformed(request: OrderRequested) -> bool:
    shape = (request.side, request.ord_type, request.time_in_force, request.post_only)
    return (
        shape not in _SHAPES
        or (request.price is None) is not (request.ord_type == "MARKET")
        or not ZERO < request.order_qty <= request.parent_qty
        or not (request.cl_ord_id and request.account and request.strategy)
    )


def _latched(cell: Cell, request: OrderRequested) -> Denial | None:
    if cell.state == "HALTED":
        return deny("STATE_HALTED")
    if not raises(cell, request):
        return None
    side = cell.open_buy if request.side == "BUY" else cell.open_sell
    reason: DenialReason = "STATE_PAUSED" if cell.state == "PAUSED" else "STATE_REDUCING"
    return deny(reason, position=cell.position, open_qty=side, order_qty=request.order_qty)


def _instrument(cell: Cell, request: OrderRequested) -> Denial | None:
    terms, missing = cell.rules.terms, cell.rules.missing
    if terms is None or terms.venue != request.venue:
        return deny("INSTRUMENT_UNKNOWN", instrument=request.instrument, venue=request.venue)
    if terms.restricted:
        return deny("INSTRUMENT_RESTRICTED", instrument=request.instrument)
    return deny("LIMITS_INCOMPLETE", missing=",".join(missing)) if missing else None


# ---- numbers and market --------------------------------------------------------------------------


def _numbers(terms: InstrumentTerms | None, request: OrderRequested) -> Denial | None:
    assert terms is not None, "asked for before"
    price, qty = request.price, request.order_qty
    if price is not None:
        if not terms.price_min <= price <= terms.price_max:
            low, high = terms.price_min, terms.price_max
            return deny("PRICE_BOUNDS", price=price, price_min=low, price_max=high)
        if price % terms.tick_size:
            return deny("PRICE_PRECISION", price=price, tick_size=terms.tick_size)
    if not terms.qty_min <= qty <= terms.qty_max:
        return deny("QTY_BOUNDS", order_qty=qty, qty_min=terms.qty_min, qty_max=terms.qty_max)
    if qty % terms.lot_size:
        return deny("QTY_PRECISION", order_qty=qty, lot_size=terms.lot_size)
    return None


def _market(cell: Cell, request: OrderRequested, now_ns: int) -> Denial | None:
    mark, rules = cell.mark, cell.rules
    if mark.px is None:
        return deny("MARK_MISSING", instrument=cell.instrument)
    if now_ns - mark.ts_recv_ns > rules.mark_age_max_ns:
        return _stale("MARK_STALE", now_ns - mark.ts_recv_ns, rules.mark_age_max_ns)
    if rules.tick_age_max_ns is not None and now_ns - request.ts_recv_ns > rules.tick_age_max_ns:
        return _stale("TICK_STALE", now_ns - request.ts_recv_ns, rules.tick_age_max_ns)
    if rules.band is not None and cell.band_mark is not None:
        denial = _band(cell, mark.px, now_ns)
        if denial is not None:
            return denial
    low, price = mark.px * rules.collar_low, request.price
    if price is not None and not low <= price <= mark.px * rules.collar_high:
        high = mark.px * rules.collar_high
        return deny("PRICE_COLLAR", price=price, mark_px=mark.px, low=low, high=high)
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


def _notional(cell: Cell, notional: Decimal) -> Denial | None:
    terms, most = cell.rules.terms, cell.rules.notional_max
    assert terms is not None
    if notional < terms.notional_min:
        return deny("NOTIONAL_BELOW_MIN", notional=money(notional), min=terms.notional_min)
    if notional > most:
        return deny("NOTIONAL_ABOVE_MAX", notional=money(notional), max=most)
    return None


def _repeats(state: RiskState, cell: Cell, request: OrderRequested, now_ns: int) -> Denial | None:
    rules = cell.rules
    if rules.duplicate_ns:
        last = state.recent_ns.get(alike(request))
        if last is not None and now_ns - last < rules.duplicate_ns:
            age_ms, window_ms = (now_ns - last) // 1_000_000, rules.duplicate_ns // 1_000_000
            return deny("ORDER_DUPLICATE", age_ms=age_ms, window_ms=window_ms)
    most, times = rules.executions_max, cell.executions_ns
    tripped = most is not None and reached(times, most, now_ns - rules.executions_ns)
    if tripped and raises(cell, request):
        return deny("EXECUTION_REPEATED", executions=len(times), max=most)
    own = cell.resting.crossed(request.side == "BUY", request.price)
    if own is not None:
        return deny("SELF_MATCH", price=request.price, own_price=own)
    return None


def alike(request: OrderRequested | OrderApproved) -> Request:
    """What two requests must differ in, not to be duplicates."""
    return (
        request.account,
        request.strategy,
        request.instrument,
        request.side,
        request.price,
        request.order_qty,
    )
