"""Differences between our orders and fills and those that the venue lists."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from pipelines.exact import plain
from pipelines.reconciliation.book import fill_of, settled
from pipelines.reconciliation.state import Account, Finding, Known, TradeId
from schemas.events import BreakKind, OpenOrdersObserved, TradesObserved

SURE_OPEN = ("ACCEPTED", "PENDING_CANCEL")  # in the other states nobody claims that it is open
SET_BACK_NS = 60 * 10**9
ABOUT_ORDERS: tuple[BreakKind, ...] = ("ORDER_FOREIGN", "ORDER_UNKNOWN", "ORDER_STATE_MISMATCH")
ABOUT_FILLS: tuple[BreakKind, ...] = (
    "FILL_MISSING",
    "FILL_FOREIGN",
    "FILL_DUPLICATE",
    "FEE_MISMATCH",
)


def order_findings(account: Account, seen: OpenOrdersObserved) -> Iterator[Finding]:
    """All that the venue's list of open orders contradicts."""
    listed = set()
    for item in seen.orders:
        name = account.names.get((item.instrument, item.order_id), item.cl_ord_id)
        listed.add(name)
        known = account.orders.get(name)
        if known is None:
            yield _foreign(seen, item)
        elif _differs_by_now(known, item.cum_qty, seen):
            yield _mismatch(seen, item, name, known)
    for name, known in account.orders.items():
        sure = known.order.state in SURE_OPEN and _before(known, seen)
        if sure and name not in listed:
            yield _unknown(seen, name, known)


def _differs_by_now(known: Known, cum_qty: Decimal, seen: OpenOrdersObserved) -> bool:
    """What the log learned since the venue was asked is no difference."""
    if cum_qty > known.order.cum_qty:
        return True
    over = cum_qty < known.order.cum_qty or known.order.final_qty is not None
    return over and _before(known, seen)


def _before(known: Known, seen: OpenOrdersObserved) -> bool:
    """Whether the order's newest event is from before the venue was asked: also one far ahead, of a
    clock that was set back since.
    """
    return not seen.ts_sent_ns <= known.changed_ns < seen.ts_recv_ns + SET_BACK_NS


def _foreign(seen: OpenOrdersObserved, item: Any) -> Finding:
    return Finding(
        f"ORDER_FOREIGN/{item.instrument}/{item.order_id}",
        "ORDER_FOREIGN",
        seen.venue,
        f"{item.side} {plain(item.order_qty)} is open and not on the log",
        seen.snapshot_id,
        item.instrument,
        cl_ord_id=item.cl_ord_id,
        order_id=item.order_id,
        venue_qty=item.order_qty,
    )


def _mismatch(seen: OpenOrdersObserved, item: Any, name: str, known: Known) -> Finding:
    return Finding(
        f"ORDER_STATE_MISMATCH/{name}",
        "ORDER_STATE_MISMATCH",
        seen.venue,
        f"open at the venue with {plain(item.cum_qty)} filled; {known.order.state} on the log with "
        f"{plain(known.order.cum_qty)}",
        seen.snapshot_id,
        known.instrument,
        cl_ord_id=name,
        order_id=item.order_id,
        log_qty=known.order.cum_qty,
        venue_qty=item.cum_qty,
    )


def _unknown(seen: OpenOrdersObserved, name: str, known: Known) -> Finding:
    return Finding(
        f"ORDER_UNKNOWN/{name}",
        "ORDER_UNKNOWN",
        seen.venue,
        f"{known.order.state} on the log and not open at the venue",
        seen.snapshot_id,
        known.instrument,
        cl_ord_id=name,
        order_id=known.order_id,
        log_qty=known.order.reserved_qty,
    )


def trade_findings(
    account: Account, seen: TradesObserved
) -> Iterator[tuple[TradeId, Any, Finding]]:
    """Trades of the venue that the log has not, or has otherwise."""
    for trade in seen.trades:
        key = (trade.instrument, trade.order_id, trade.trade_id)
        ours = account.fills.get(key)
        if ours is None:
            mine = (trade.instrument, trade.order_id) in account.names
            found = _missing(account, seen, trade, mine)
            if not settled(account, *key[:2], trade.ts_event_ns) or _is_open(account, found):
                yield key, trade, found
        elif ours[:5] != fill_of(trade)[:5]:
            yield key, None, _differs(account, seen, trade, key)


def _is_open(account: Account, found: Finding) -> bool:
    return found.break_id in account.broken or found.break_id in account.suspected


def _missing(account: Account, seen: TradesObserved, trade: Any, mine: bool) -> Finding:
    kind: BreakKind = "FILL_MISSING" if mine else "FILL_FOREIGN"
    what = f"{trade.side} {plain(trade.last_qty)} at {plain(trade.last_px)}"
    detail = f"{what} is not on the log" if mine else f"{what} is of no order on the log"
    found = about_trade(account, kind, (trade.instrument, trade.order_id, trade.trade_id))
    return found._replace(
        venue=seen.venue, detail=detail, snapshot_id=seen.snapshot_id, venue_qty=trade.last_qty
    )


def _differs(account: Account, seen: TradesObserved, trade: Any, key: TradeId) -> Finding:
    """The same trade with another fee, or with other terms: then one of the two is another one."""
    ours = account.fills[key]
    theirs = fill_of(trade)
    fee_only = ours[:3] == theirs[:3]
    kind: BreakKind = "FEE_MISMATCH" if fee_only else "FILL_DUPLICATE"
    at = slice(3, 5) if fee_only else slice(0, 3)
    both = [" ".join(map(_text, tuple(each)[at])) for each in (ours, theirs)]
    detail = f"the log has {both[0]}, the venue {both[1]}"
    found = about_trade(account, kind, key)
    return found._replace(
        venue=seen.venue,
        detail=detail,
        snapshot_id=seen.snapshot_id,
        log_qty=ours.commission if fee_only else ours.last_qty,
        venue_qty=theirs.commission if fee_only else theirs.last_qty,
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else plain(value)


def about_trade(account: Account, kind: BreakKind, key: TradeId) -> Finding:
    """A finding with the names of one trade."""
    instrument, order_id, trade_id = key
    return Finding(
        f"{kind}/{instrument}/{order_id}/{trade_id}",
        kind,
        account.venue,
        "",
        "",
        instrument,
        cl_ord_id=account.names.get((instrument, order_id)),
        order_id=order_id,
        trade_id=trade_id,
    )
