"""Own resting prices of one account in one instrument: would an order meet one of ours?

Two heaps with the number of orders at each price. Prices without orders are left in the heap until
they surface or outnumber the others, so that adding and taking away cost the same at any depth.
"""

from __future__ import annotations

from decimal import Decimal
from heapq import heapify, heappop, heappush

SPARE = 16


class Side:
    """One side's prices, the best first: `sign` is 1 for sells, -1 for buys.

    A price is looked up as it came, never negated: a Decimal keeps its hash once asked for it, and
    that of a new one costs as much as three checks.
    """

    __slots__ = ("counts", "heap", "live", "sign")

    def __init__(self, sign: int) -> None:
        self.sign = sign
        self.heap: list[tuple[Decimal, Decimal]] = []  # signed price, which sorts, and price
        self.counts: dict[Decimal, list[int]] = {}  # of one number: found once, changed in place
        self.live = 0

    def add(self, price: Decimal) -> None:
        count = self.counts.get(price)
        if count is None:
            heappush(self.heap, self._entry(price))
            self.counts[price] = [1]
        else:
            count[0] += 1
        self.live += 1

    def remove(self, price: Decimal) -> None:
        self.counts[price][0] -= 1
        self.live -= 1
        while self.heap and not self.counts[self.heap[0][1]][0]:
            del self.counts[heappop(self.heap)[1]]
        if len(self.heap) > 2 * self.live + SPARE:
            self.counts = {price: count for price, count in self.counts.items() if count[0]}
            self.heap = list(map(self._entry, self.counts))
            heapify(self.heap)

    def _entry(self, price: Decimal) -> tuple[Decimal, Decimal]:
        return price * self.sign, price


class Resting:
    """`crossed` tells whether an order would trade with one of the account's own."""

    __slots__ = ("buys", "sells")

    def __init__(self) -> None:
        self.buys, self.sells = Side(-1), Side(1)

    def side(self, is_buy: bool) -> Side:
        return self.buys if is_buy else self.sells

    def crossed(self, is_buy: bool, price: Decimal | None) -> Decimal | None:
        """The own price that an order at `price` (None: at any) would meet, or None."""
        heap = self.sells.heap if is_buy else self.buys.heap
        if not heap:
            return None
        best = heap[0][1]
        if price is None:
            return best
        return best if (price >= best if is_buy else price <= best) else None
