"""How many requests a second may go out: cancels first, orders with what cancels leave.

Exact over any second, not per calendar second. A share stays free for cancels: orders alone never
use it up, so the last cancel is never late because of the last order.
"""

from __future__ import annotations

from collections import deque

SECOND_NS = 1_000_000_000


class Budget:
    """`per_second` requests in any second, of which `for_cancels` only for cancels. Times are
    monotonic nanoseconds and never step back.
    """

    def __init__(self, per_second: int, for_cancels: int) -> None:
        if not 0 < for_cancels < per_second:
            raise ValueError(f"{for_cancels} of {per_second} requests kept for cancels")
        self._per_second, self._for_cancels = per_second, for_cancels
        self._taken_ns: deque[int] = deque()
        self._orders_ns: deque[int] = deque()

    def take_order(self, at_ns: int) -> bool:
        """Counts an order's request; False, and nothing counted, where none is left."""
        self._forget(at_ns)
        room = self._per_second - self._for_cancels
        if len(self._taken_ns) >= self._per_second or len(self._orders_ns) >= room:
            return False
        self._taken_ns.append(at_ns)
        self._orders_ns.append(at_ns)
        return True

    def take_cancel(self, at_ns: int) -> bool:
        """Counts a cancel's request; False where the whole second is used up."""
        self._forget(at_ns)
        if len(self._taken_ns) >= self._per_second:
            return False
        self._taken_ns.append(at_ns)
        return True

    def wait_ns(self, at_ns: int) -> int:
        """How long until a cancel may go; 0 if it may now."""
        self._forget(at_ns)
        if len(self._taken_ns) < self._per_second:
            return 0
        return self._taken_ns[0] + SECOND_NS - at_ns

    def _forget(self, at_ns: int) -> None:
        for taken in (self._taken_ns, self._orders_ns):
            while taken and taken[0] + SECOND_NS <= at_ns:
                taken.popleft()
