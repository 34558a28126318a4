"""Orders, fills and positions as the log tells them. A fill counts once, by its identity."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation, Overflow
from typing import Any, Final

from pipelines.exact import EXACTLY, ZERO, money
from pipelines.orders.order import Order, Refusal, follow
from pipelines.reconciliation.state import Account, Asset, Fill, Finding, Holding, Known, Recent
from schemas.events import OrderApproved, OrderFilled, PositionAdjusted, TransferAnnounced

DAY_NS: Final = 86_400 * 10**9
_DIVIDE: Final = Context(prec=76, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation, Overflow])


def follow_order(account: Account, event: Any) -> None:
    """The order after one of its events; its fills are `book`'s."""
    known = account.orders.get(event.cl_ord_id)
    if known is None:
        known = _begun(event)
        if known is None:
            return
    elif not isinstance(event, OrderApproved):
        after = follow(known.order, event)
        if not isinstance(after, Refusal):
            known = known._replace(order=after)
        elif isinstance(event, OrderFilled):  # what traded is held, whatever the order's state
            trades = known.order.trades | {(event.order_id, event.trade_id)}
            known = known._replace(order=known.order._replace(trades=trades))
    order_id = getattr(event, "order_id", None) or known.order_id
    changed_ns = max(known.changed_ns, event.ts_recv_ns)
    account.orders[event.cl_ord_id] = known._replace(order_id=order_id, changed_ns=changed_ns)
    if order_id is not None:
        account.names[known.instrument, order_id] = event.cl_ord_id


def _begun(event: Any) -> Known | None:
    """An order's first event: the approval, or the write-ahead where this shard began later."""
    if type(event).__name__ not in {"OrderApproved", "OrderSubmitting"}:
        return None
    submitted = not isinstance(event, OrderApproved)
    order = Order(event.order_qty, "SUBMITTING" if submitted else "APPROVED")
    names = (event.strategy, event.instrument, event.side, event.correlation_id)
    return Known(*names, order, None, event.ts_recv_ns)


def forget(account: Account, now_ns: int) -> None:
    """Once a day, orders that ended two days ago and more, with their fills: those that a round has
    confirmed since, and of which no difference is open.
    """
    day = now_ns // DAY_NS
    if day <= account.day:
        return
    account.day = day
    before_ns = min(now_ns - 2 * DAY_NS, account.agreed_ns)
    doubted = {finding.cl_ord_id for finding in _open_findings(account)}
    for name, known in list(account.orders.items()):
        if known.order.ended and known.changed_ns < before_ns and name not in doubted:
            del account.orders[name]
            account.names.pop((known.instrument, known.order_id or ""), None)
            _forget_fills(account, known)


def _open_findings(account: Account) -> list[Finding]:
    return [*account.broken.values(), *(one.finding for one in account.suspected.values())]


def _forget_fills(account: Account, known: Known) -> None:
    """A fill whose time the venue does not tell stays: nothing would show that it is old."""
    for order_id, trade_id in known.order.trades:
        key = known.instrument, order_id, trade_id
        fill = account.fills.get(key)
        if fill is not None and fill.ts_event_ns is not None:
            del account.fills[key]
            account.settled_ns = max(account.settled_ns, fill.ts_event_ns)


def settled(account: Account, instrument: str, order_id: str, ts_event_ns: int | None) -> bool:
    """Whether a trade of an order that is not known is as old as what was confirmed and forgotten:
    it was counted then.
    """
    known = (instrument, order_id) in account.names
    return not known and ts_event_ns is not None and ts_event_ns <= account.settled_ns


def identity(event: OrderFilled) -> tuple[str, str, str]:
    return event.instrument, event.order_id, event.trade_id


def fill_of(event: Any, *, reconciled: bool = False) -> Fill:
    """Of an OrderFilled, or of a trade as the venue lists it."""
    fee = (event.commission, event.comm_currency)
    return Fill(event.side, event.last_px, event.last_qty, *fee, reconciled, event.ts_event_ns)


def book(account: Account, event: OrderFilled, assets: Mapping[str, Asset]) -> None:
    """Counts a fill that was not counted before."""
    account.fills[identity(event)] = fill_of(event, reconciled=event.reconciled)
    key = event.strategy, event.instrument
    account.holdings[key] = filled(account.holdings.get(key, Holding()), event, assets)
    qty = signed(event)
    move(account, event.instrument, qty, event.last_px)
    add(account, event.comm_currency, event.commission.copy_negate())
    account.recent.append(Recent(event.ts_recv_ns, event.instrument, qty))


def signed(event: Any) -> Decimal:
    qty: Decimal = event.last_qty
    return qty if event.side == "BUY" else qty.copy_negate()


def move(account: Account, instrument: str, qty: Decimal, px: Decimal | None) -> None:
    """Adds a signed quantity, and what was paid for it where something was."""
    base, quote = account.moved.get(instrument, (ZERO, ZERO))
    paid = ZERO if px is None else EXACTLY.multiply(qty, px)
    account.moved[instrument] = EXACTLY.add(base, qty), EXACTLY.subtract(quote, paid)


def add(account: Account, asset: str, qty: Decimal) -> None:
    if qty:
        account.other[asset] = EXACTLY.add(account.other.get(asset, ZERO), qty)


def filled(holding: Holding, event: OrderFilled, assets: Mapping[str, Asset]) -> Holding:
    """A holding after a fill; a fee in the base asset is taken off the quantity."""
    after = traded(holding, signed(event), event.last_px)
    asset = assets.get(event.instrument)
    if asset is not None and event.comm_currency == asset.base:
        after = after._replace(qty=EXACTLY.subtract(after.qty, event.commission))
    return after


def traded(holding: Holding, qty: Decimal, px: Decimal | None) -> Holding:
    """A holding after buying (above zero) or selling. Without a price no money moves, and what
    was paid stays.
    """
    after = EXACTLY.add(holding.qty, qty)
    if px is None:
        return holding._replace(qty=after, cost=holding.cost if after else ZERO)
    if not holding.qty or (holding.qty > 0) is (qty > 0):
        cost = money(EXACTLY.add(holding.cost, EXACTLY.multiply(qty, px)))
        return holding._replace(qty=after, cost=cost)
    return _closed(holding, qty, px, after)


def _closed(holding: Holding, qty: Decimal, px: Decimal, after: Decimal) -> Holding:
    """Sells what was bought, or buys back; beyond zero the rest opens at `px`."""
    whole = qty.copy_abs() >= holding.qty.copy_abs()
    closed = holding.qty.copy_negate() if whole else qty
    share = _DIVIDE.divide(closed, holding.qty).copy_negate()
    part = holding.cost if whole else money(_DIVIDE.multiply(holding.cost, share))
    gained = money(_DIVIDE.subtract(EXACTLY.multiply(closed.copy_negate(), px), part))
    left = money(EXACTLY.multiply(after, px)) if whole else EXACTLY.subtract(holding.cost, part)
    return Holding(after, left, EXACTLY.add(holding.realized_pnl, gained))


def avg_px(holding: Holding) -> Decimal | None:
    """Average price paid; None when flat."""
    return money(_DIVIDE.divide(holding.cost, holding.qty)) if holding.qty else None


def adjust(account: Account, event: PositionAdjusted) -> bool:
    """A correction by hand; False where it is known already."""
    if event.adjustment_id in account.applied:
        return False
    account.applied.add(event.adjustment_id)
    key = event.strategy, event.instrument
    account.holdings[key] = traded(account.holdings.get(key, Holding()), event.qty, event.price)
    move(account, event.instrument, event.qty, event.price)
    return True


def transfer(account: Account, event: TransferAnnounced) -> None:
    if event.transfer_id not in account.applied:
        account.applied.add(event.transfer_id)
        add(account, event.asset, event.qty)
