"""An aggressive order against the displayed depth and the orders that rest: what it would trade.

Nothing changes here. At each price a resting order's turn comes after the displayed volume ahead of
it; the rest of the displayed volume follows the last of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from pipelines.exact import ZERO
from pipelines.matching.amounts import lots_for, whole_lots
from pipelines.matching.model import OTHER_SIDE, Order, PlaceOrder, SelfTradePrevention, Side
from pipelines.matching.state import Book


class Step(NamedTuple):
    """One trade with the depth (`maker` None) or with a resting order, or, with `prevented`, the
    trade with an order of the same account that is not made.
    """

    px: Decimal
    qty: Decimal
    maker: Order | None = None
    prevented: SelfTradePrevention | None = None


@dataclass
class Walk:
    """`steps` in the order they happen. `stopped`: self-trade prevention ended the order.
    `missing`: what was still wanted at the last price.
    """

    steps: list[Step] = field(default_factory=list)
    qty: Decimal = ZERO
    cost: Decimal = ZERO
    missing: Decimal = ZERO
    stopped: bool = False

    def add(self, step: Step) -> None:
        self.steps.append(step)
        if step.prevented is None:
            self.qty += step.qty
            self.cost += step.qty * step.px


def walk(book: Book, order: PlaceOrder) -> Walk:
    """What an order would trade at once."""
    done = Walk()
    for px in _prices(book, order.side, order.price or None):
        for step in _at(book, order, px, done):
            done.add(step)
        done.missing = _wanted(book, order, px, done)
        if done.stopped or not done.missing:
            break
    return done


def would_take(book: Book, order: PlaceOrder) -> bool:
    """Whether any of a limit order would trade at once."""
    return next(_prices(book, order.side, order.price), None) is not None


def _wanted(book: Book, order: PlaceOrder, px: Decimal, done: Walk) -> Decimal:
    """Whole lots still to be traded at a price."""
    if order.quote_order_qty:
        return lots_for(order.quote_order_qty - done.cost, px, book.instrument.lot)
    return order.order_qty - done.qty


def _at(book: Book, order: PlaceOrder, px: Decimal, done: Walk) -> Iterator[Step]:
    side, lot = OTHER_SIDE[order.side], book.instrument.lot
    depth, passed = whole_lots(book.depth.sides[side].left(px), lot), ZERO
    for maker in book.queues[side].at(px):
        ahead = whole_lots(min(depth, max(ZERO, (maker.ahead_qty or ZERO) - passed)), lot)
        qty = min(ahead, _wanted(book, order, px, done))
        if qty:
            yield Step(px, qty)
            depth, passed = depth - qty, passed + qty
        wanted = _wanted(book, order, px, done)
        if not wanted:
            return
        yield from _meet(order, maker, min(wanted, maker.leaves_qty), done)
        if done.stopped:
            return
    qty = min(depth, _wanted(book, order, px, done))
    if qty:
        yield Step(px, qty)


def _meet(order: PlaceOrder, maker: Order, qty: Decimal, done: Walk) -> Iterator[Step]:
    mode = order.self_trade_prevention
    if maker.account != order.account or mode == "NONE":
        yield Step(maker.price, qty, maker)
        return
    yield Step(maker.price, qty, maker, mode)
    done.stopped = mode != "EXPIRE_MAKER"


def _prices(book: Book, side: Side, limit: Decimal | None) -> Iterator[Decimal]:
    """Prices at which something is left, best first, as far as the limit allows."""
    levels, queue = book.depth.sides[OTHER_SIDE[side]], book.queues[OTHER_SIDE[side]]
    shown = (px for px in levels.prices() if levels.left(px))
    resting = queue.prices()
    a, b = next(shown, None), next(resting, None)
    while a is not None or b is not None:
        px = a if b is None or (a is not None and levels.is_behind(b, a)) else b
        assert px is not None
        if limit is not None and levels.is_behind(px, limit):
            return
        yield px
        a = next(shown, None) if a == px else a
        b = next(resting, None) if b == px else b
