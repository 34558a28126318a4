"""The orders that rest on one instrument, by price and time, and who gets what of a print.

A print's volume is handed out once. Orders at better prices come first: it went through them.
At its own price it first eats the volume ahead of each order; an order whose volume ahead is not
known waits until a print goes through it. Cancelled volume ahead of an order does not move it up:
nobody outside sees whose it was.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from pipelines.exact import ZERO
from pipelines.matching.amounts import whole_lots
from pipelines.matching.model import Order, Side
from schemas.events import TradePrinted


class Allotment(NamedTuple):
    """What a print gives: quantities by order, in the order they trade; and how much market volume
    at the print's own price was eaten.
    """

    fills: list[tuple[Order, Decimal]]
    eaten_qty: Decimal


class Queue:
    """One side's resting orders, best price first, then oldest."""

    def __init__(self, side: Side, lot: Decimal) -> None:
        self.side, self.lot = side, lot
        self._sign = -1 if side == "BUY" else 1
        self._keys: list[tuple[Decimal, int]] = []
        self._orders: dict[int, Order] = {}

    def __iter__(self) -> Iterator[Order]:
        return (self._orders[number] for _, number in self._keys)

    def __len__(self) -> int:
        return len(self._keys)

    def best(self) -> Decimal | None:
        """The best price; None where nothing rests."""
        return self._keys[0][0] * self._sign if self._keys else None

    def add(self, order: Order) -> None:
        insort(self._keys, (order.price * self._sign, order.order_id))
        self._orders[order.order_id] = order

    def remove(self, order: Order) -> None:
        del self._keys[bisect_left(self._keys, (order.price * self._sign, order.order_id))]
        del self._orders[order.order_id]

    def prices(self) -> Iterator[Decimal]:
        """Each once, best first."""
        last = None
        for key, _ in self._keys:
            if key != last:
                last = key
                yield key * self._sign

    def reached(self, px: Decimal) -> Iterator[Order]:
        """Orders at a price or better, best first."""
        limit = px * self._sign
        for key, number in self._keys:
            if key > limit:
                return
            yield self._orders[number]

    def at(self, px: Decimal) -> list[Order]:
        """Orders at one price, oldest first."""
        start = bisect_left(self._keys, (px * self._sign, 0))
        found = []
        for key, number in self._keys[start:]:
            if key != px * self._sign:
                break
            found.append(self._orders[number])
        return found

    def allot(self, event: TradePrinted) -> Allotment:
        """What a print gives to the orders here."""
        left, eaten, fills = event.last_qty, ZERO, list[tuple[Order, Decimal]]()
        for order in self.reached(event.last_px):
            if order.price == event.last_px:
                if event.aggressor_side == self.side or order.ahead_qty is None:
                    continue
                passed = min(left, max(ZERO, order.ahead_qty - eaten))
                left, eaten = left - passed, eaten + passed
            qty = whole_lots(min(left, order.leaves_qty), self.lot)
            if qty:
                fills.append((order, qty))
                left -= qty
            if not left:
                break
        return Allotment(fills, eaten)

    def follow(self, event: TradePrinted, eaten_qty: Decimal) -> None:
        """Moves the orders up that a print reached."""
        for order in self.reached(event.last_px):
            if order.price != event.last_px:
                order.ahead_qty = ZERO
            elif order.ahead_qty is not None:
                order.ahead_qty = max(ZERO, order.ahead_qty - eaten_qty)
