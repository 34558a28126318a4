"""Own resting prices of one account in one instrument: would an order meet one of ours?

Two heaps with the number of orders at each price. Prices without orders are left in the heap until
they surface or outnumber the others, so that adding and taking away cost the same at any depth.
"""

from __future__ import annotations

from decimal import Decimal
from heapq import heapify, heappop, heappush

SPARE = 16


class Side:
    """One side's prices, the best first; keys are prices for sells and negated prices for buys."""

    __slots__ = ("counts", "heap", "live")

    def __init__(self) -> None:
        self.heap: list[Decimal] = []
        self.counts: dict[Decimal, list[int]] = {}  # of one number: found once, changed in place
        self.live = 0

    def add(self, key: Decimal) -> None:
        count = self.counts.get(key)
        if count is None:
            heappush(self.heap, key)
            self.counts[key] = [1]
        else:
            count[0] += 1
        self.live += 1

    def remove(self, key: Decimal) -> None:
        self.counts[key][0] -= 1
        self.live -= 1
        while self.heap and not self.counts[self.heap[0]][0]:
            del self.counts[heappop(self.heap)]
        if len(self.heap) > 2 * self.live + SPARE:
            self.counts = {key: count for key, count in self.counts.items() if count[0]}
            self.heap = list(self.counts)
            heapify(self.heap)


class Resting:
    """`crosses` tells whether an order would trade with one of the account's own."""

    __slots__ = ("buys", "sells")

    def __init__(self) -> None:
        self.buys, self.sells = Side(), Side()

    def add(self, is_buy: bool, price: Decimal) -> None:
        if is_buy:
            self.buys.add(-price)
        else:
            self.sells.add(price)

    def remove(self, is_buy: bool, price: Decimal) -> None:
        if is_buy:
            self.buys.remove(-price)
        else:
            self.sells.remove(price)

    def crossed(self, is_buy: bool, price: Decimal | None) -> Decimal | None:
        """The own price that an order at `price` (None: at any) would meet, or None."""
        heap = self.sells.heap if is_buy else self.buys.heap
        if not heap:
            return None
        if is_buy:
            best = heap[0]
            return best if price is None or price >= best else None
        best = -heap[0]
        return best if price is None or price <= best else None
