"""What a line asks for now: an order, a cancel, or nothing.

Cancel, wait for the end with its final quantity, ask for the rest; never amend. While an order
works nothing else is asked for, whatever is known of it: one in doubt may have filled in full.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final, NamedTuple

from pipelines.ages import younger
from pipelines.exact import EXACTLY, ZERO
from pipelines.execution.line import Line, Touch, Working
from pipelines.execution.settings import Execution, Terms
from schemas.events import CancelReason, OrderState, Side

CANCELABLE: Final[tuple[OrderState, ...]] = ("SUBMITTING", "ACCEPTED")


class Wanted(NamedTuple):
    """An order to ask for; `need_qty`: how much the line is short of its target on that side."""

    side: Side
    price: Decimal
    qty: Decimal
    need_qty: Decimal


def wanted(
    line: Line, touch: Touch | None, now_ms: int, execution: Execution, terms: Terms
) -> Wanted | CancelReason | None:
    """The line's next request, if there is one. A line without a target has no opinion."""
    if line.aim is None:
        return None
    if line.working is not None and line.working.order.state not in CANCELABLE:
        return None
    if line.flat is not None:
        execution = execution.leaving
    need = terms.in_lots(EXACTLY.subtract(line.aim.qty, line.position))
    fresh = touch if touch and _is_fresh(touch, now_ms, execution) else None
    if line.working is not None:
        return _cancel(line.working, need, fresh, now_ms, execution, terms)
    side: Side = "BUY" if need > 0 else "SELL"
    if fresh is None or not need or _paused(line, side, now_ms, execution):
        return None
    return _order(side, need.copy_abs(), limit_px(side, fresh, execution, terms), terms)


def _order(side: Side, need: Decimal, price: Decimal, terms: Terms) -> Wanted | None:
    """One child of what is needed; None for an empty book or less than the venue takes."""
    qty = min(need, terms.child_qty_max)
    if price <= 0 or EXACTLY.multiply(price, qty) < terms.notional_min:
        return None
    return Wanted(side, price, qty, need)


def _is_fresh(touch: Touch, now_ms: int, execution: Execution) -> bool:
    return younger(touch.timestamp_ms, execution.touch_age_ms_max + 1, now_ms)


def _paused(line: Line, side: Side, now_ms: int, execution: Execution) -> bool:
    pause = line.pause
    if pause is None or pause.side != side:
        return False
    wait_ms = execution.backoff(pause.refusals)
    return younger(pause.until_ms - wait_ms, wait_ms, now_ms)


def _cancel(
    working: Working,
    need: Decimal,
    touch: Touch | None,
    now_ms: int,
    execution: Execution,
    terms: Terms,
) -> CancelReason | None:
    asked_ms = working.cancel_ms
    if asked_ms is not None and younger(asked_ms, execution.cancel_retry_ms, now_ms):
        return None
    needed = need if working.side == "BUY" else need.copy_negate()
    if needed < working.order.reserved_qty:
        return "TARGET_CHANGED"
    if touch is None:
        return "MARKET_STALE"
    late = not younger(working.requested_ms, execution.order_timeout_ms, now_ms)
    moved = working.price != limit_px(working.side, touch, execution, terms)
    return "ORDER_TIMED_OUT" if late and moved else None


def limit_px(side: Side, touch: Touch, execution: Execution, terms: Terms) -> Decimal:
    """The touch as a limit price. One between two ticks becomes the tick that costs no more."""
    near = execution.touch == "near"
    px = touch.bid_px if (side == "BUY") is near else touch.ask_px
    over = EXACTLY.remainder(px, terms.tick_size)
    floor = EXACTLY.subtract(px, over)
    return floor if side == "BUY" or over == ZERO else EXACTLY.add(floor, terms.tick_size)
