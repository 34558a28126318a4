"""A line after one input: an order event, a denial, a fill booked later, a correction by hand.

A fill counts once, by the venue's ids of order and trade. What the venue says it traded counts also
where the order's state does not allow it: the position is what is held.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from pipelines.exact import EXACTLY
from pipelines.execution.line import Done, Ended, Line, Pause, Working
from pipelines.execution.settings import Execution, Terms
from pipelines.orders.order import Order, Refusal, TradeKey, follow
from schemas.events import OrderDenied, OrderFilled, PositionAdjusted, Side

FORGET_MS: Final = 3_600_000  # how long an order that ended is remembered
OURS: Final = ("UNKNOWN", "TARGET_CHANGED", "PRICE_MOVED", "ORDER_TIMED_OUT", "MARKET_STALE")


def follow_order(line: Line, event: Any, now_ms: int, execution: Execution, terms: Terms) -> Line:
    """The line after an event about one of its orders; the line itself where it is none of its."""
    working = line.working
    if working is None or working.cl_ord_id != event.cl_ord_id:
        return _late(line, event, now_ms, terms) if isinstance(event, OrderFilled) else line
    if isinstance(event, OrderDenied):
        return _paused(line._replace(working=None), working.side, now_ms, execution)
    order = _order_after(working.order, event)
    if order is working.order:
        return line
    if isinstance(event, OrderFilled) and order.trades != working.order.trades:
        line = _filled(line, event, terms)
    working = working._replace(order=order)
    if order.ended:
        return _ended(line, working, event, now_ms, execution)
    return line._replace(working=working)


def _order_after(order: Order, event: Any) -> Order:
    after = follow(order, event)
    if not isinstance(after, Refusal):
        return after
    if isinstance(event, OrderFilled) and _key(event) not in order.trades:
        return order._replace(trades=order.trades | {_key(event)})
    return order


def _key(event: OrderFilled) -> TradeKey:
    return event.order_id, event.trade_id


def _filled(line: Line, event: OrderFilled, terms: Terms) -> Line:
    """Position and parent after a fill of the working order; a fill ends a series of refusals."""
    position, parent, working = line.position, line.parent, line.working
    if parent is not None and working is not None and parent.parent_id == working.parent_id:
        filled = EXACTLY.add(parent.filled_qty, event.last_qty)
        parent = parent._replace(filled_qty=filled)
    position = moved(position, event, terms.base_asset)
    return line._replace(position=position, pause=None, parent=parent)


def moved(position: Decimal, event: OrderFilled, base_asset: str) -> Decimal:
    """A position after a fill; a fee in the base asset is taken off it."""
    qty = event.last_qty if event.side == "BUY" else event.last_qty.copy_negate()
    position = EXACTLY.add(position, qty)
    if event.comm_currency == base_asset:
        return EXACTLY.subtract(position, event.commission)
    return position


def _ended(line: Line, working: Working, event: Any, now_ms: int, execution: Execution) -> Line:
    """The line after the end of its working order, as that is by then."""
    before = line.done if isinstance(line.done, Ended) else Ended(line.done)
    last = Done(now_ms, working.order.trades)
    done = before.followed(working.cl_ord_id, last, now_ms - FORGET_MS)
    line = line._replace(working=None, done=done)
    if wanted_end(working, event):
        return line
    return _paused(line, working.side, now_ms, execution)


def wanted_end(working: Working, event: Any) -> bool:
    """Whether an order ended as asked: filled, or canceled by this strategy."""
    if working.order.state == "CANCELED":
        return working.cancel_ms is not None and getattr(event, "reason", OURS[0]) in OURS
    return working.order.state == "FILLED"


def _paused(line: Line, side: Side, now_ms: int, execution: Execution) -> Line:
    before = line.pause
    count = before.refusals + 1 if before is not None and before.side == side else 1
    return line._replace(pause=Pause(side, now_ms + execution.backoff(count), count))


def _late(line: Line, event: OrderFilled, now_ms: int, terms: Terms) -> Line:
    """A fill of an order that ended. One whose order is forgotten counts if reconciliation books
    it, which knows all trades; told by the stream alone it might be a repetition.
    """
    for at, (cl_ord_id, done) in enumerate(line.done):
        if cl_ord_id == event.cl_ord_id:
            if _key(event) in done.trades:
                return line
            known = (cl_ord_id, done._replace(trades=done.trades | {_key(event)}))
            after = (*line.done[:at], known, *line.done[at + 1 :])
            return line._replace(position=moved(line.position, event, terms.base_asset), done=after)
    if not event.reconciled:
        return line
    known = (event.cl_ord_id, Done(now_ms, frozenset([_key(event)])))
    return line._replace(
        position=moved(line.position, event, terms.base_asset), done=(*line.done, known)
    )


def adjusted(line: Line, event: PositionAdjusted) -> Line:
    """The line after a correction by hand; one with a known id changes nothing."""
    if event.adjustment_id in line.adjustments:
        return line
    return line._replace(
        position=EXACTLY.add(line.position, event.qty),
        adjustments=line.adjustments | {event.adjustment_id},
    )
