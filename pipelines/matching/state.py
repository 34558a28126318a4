"""The state of an exchange and how events change it: `evolve`. Only events and the market do.

Fold the events from the first on and every order, balance and number is back; the displayed market
is not, and what was ahead of a resting order is then unknown until its depth is seen again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from copy import copy
from decimal import Decimal

from pipelines.exact import ZERO
from pipelines.matching.depth import Depth
from pipelines.matching.model import (
    OTHER_SIDE,
    Balance,
    Event,
    Fees,
    Instrument,
    Order,
    OrderAdded,
    OrderEnded,
    OrderTraded,
    Side,
)
from pipelines.matching.resting import Queue
from schemas.events import BookChanged, QuoteChanged, TradePrinted

Market = BookChanged | QuoteChanged | TradePrinted


class Book:
    """One instrument: what is displayed and what rests."""

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        self.depth = Depth()
        self.queues: dict[Side, Queue] = {
            "BUY": Queue("BUY", instrument.lot),
            "SELL": Queue("SELL", instrument.lot),
        }
        self.unplaced: list[Order] = []  # resting, and what is ahead of them is not known
        self.next_trade_id = 1


class Exchange:
    """`orders`: all there ever were, by id; `open_ids`: the open ones by account and client id."""

    def __init__(self, instruments: Iterable[Instrument], fees: Fees = Fees()) -> None:  # noqa: B008
        self.fees = fees
        self.books = {one.symbol: Book(one) for one in instruments}
        self.orders: dict[int, Order] = {}
        self.open_ids: dict[str, dict[str, int]] = defaultdict(dict)
        self.balances: dict[str, dict[str, Balance]] = defaultdict(lambda: defaultdict(Balance))
        self.next_order_id = 1

    def open_orders(self, account: str, symbol: str | None = None) -> list[Order]:
        """Oldest first."""
        found = (self.orders[number] for number in self.open_ids[account].values())
        return sorted(
            (one for one in found if symbol is None or one.symbol == symbol),
            key=lambda one: one.order_id,
        )


def evolve(exchange: Exchange, event: Event) -> None:
    """Applies one event."""
    if isinstance(event, OrderAdded):
        _added(exchange, copy(event.order))
    elif isinstance(event, OrderTraded):
        _traded(exchange, event)
    elif isinstance(event, OrderEnded):
        _ended(exchange, event)
    else:
        exchange.balances[event.account][event.asset].free += event.amount


def paid_asset(exchange: Exchange, order: Order) -> str:
    """The asset an order gives: quote for BUY, base for SELL."""
    instrument = exchange.books[order.symbol].instrument
    return instrument.quote if order.side == "BUY" else instrument.base


def got_asset(exchange: Exchange, order: Order) -> str:
    """The asset an order receives."""
    instrument = exchange.books[order.symbol].instrument
    return instrument.base if order.side == "BUY" else instrument.quote


def _added(exchange: Exchange, order: Order) -> None:
    exchange.next_order_id = order.order_id + 1
    exchange.orders[order.order_id] = order
    exchange.open_ids[order.account][order.cl_ord_id] = order.order_id
    balance = exchange.balances[order.account][paid_asset(exchange, order)]
    balance.free -= order.reserved
    balance.locked += order.reserved


def _traded(exchange: Exchange, event: OrderTraded) -> None:
    order, book = exchange.orders[event.order_id], exchange.books[event.symbol]
    book.next_trade_id = max(book.next_trade_id, event.trade_id + 1)
    _settle(exchange, order, event)
    order.cum_qty += event.last_qty
    order.cum_quote += event.last_px * event.last_qty
    order.status = "PARTIALLY_FILLED" if order.leaves_qty else "FILLED"
    order.update_ns = event.ts_ns
    if event.from_depth:
        book.depth.sides[OTHER_SIDE[order.side]].take(event.last_px, event.last_qty)
        for one in book.queues[OTHER_SIDE[order.side]].at(event.last_px):
            if one.ahead_qty:
                one.ahead_qty = max(ZERO, one.ahead_qty - event.last_qty)
    if not order.leaves_qty:
        _close(exchange, order)


def _settle(exchange: Exchange, order: Order, event: OrderTraded) -> None:
    cost = event.last_px * event.last_qty
    paid, got = (cost, event.last_qty) if order.side == "BUY" else (event.last_qty, cost)
    limit = order.price if order.side == "BUY" and order.price else event.last_px
    freed = limit * event.last_qty if order.side == "BUY" else event.last_qty
    mine = exchange.balances[order.account]
    out = mine[paid_asset(exchange, order)]
    out.locked -= freed
    out.free += freed - paid
    order.reserved -= freed
    mine[got_asset(exchange, order)].free += got
    mine[event.commission_asset].free -= event.commission


def _ended(exchange: Exchange, event: OrderEnded) -> None:
    order = exchange.orders[event.order_id]
    order.status = event.status
    order.update_ns = event.ts_ns
    order.prevented_qty += event.prevented_qty
    _close(exchange, order)


def _close(exchange: Exchange, order: Order) -> None:
    balance = exchange.balances[order.account][paid_asset(exchange, order)]
    balance.locked -= order.reserved
    balance.free += order.reserved
    order.reserved = ZERO
    exchange.open_ids[order.account].pop(order.cl_ord_id, None)
    if order.working:
        exchange.books[order.symbol].queues[order.side].remove(order)
        order.working = False


def rest(exchange: Exchange, order: Order) -> None:
    """Puts an open order into its queue, behind what is displayed there."""
    book = exchange.books[order.symbol]
    book.queues[order.side].add(order)
    order.working = True
    order.ahead_qty = _ahead(book, order)
    if order.ahead_qty is None:
        book.unplaced.append(order)


def _ahead(book: Book, order: Order) -> Decimal | None:
    known = book.depth.knows(order.side, order.price)
    return book.depth.sides[order.side].shown(order.price) if known else None


def follow(exchange: Exchange, event: Market, symbol: str) -> None:
    """The displayed market, and the places of the orders that rest, after a market event."""
    book = exchange.books[symbol]
    book.depth.follow(event)
    if isinstance(event, TradePrinted):
        return
    if book.unplaced:
        waiting = [one for one in book.unplaced if one.ahead_qty is None and one.open]
        for order in waiting:
            order.ahead_qty = _ahead(book, order)
        book.unplaced = [one for one in waiting if one.ahead_qty is None]


def reopen(exchange: Exchange) -> None:
    """After the events of before: open orders rest again, what is ahead of them unknown."""
    numbers = (number for ids in exchange.open_ids.values() for number in ids.values())
    for number in sorted(numbers):
        rest(exchange, exchange.orders[number])
