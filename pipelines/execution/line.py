"""What execution knows of one strategy in one instrument: a line.

A line is a value. It has at most one working order, so that position and working quantity can
never exceed the target's side by more than that order.
"""

from __future__ import annotations

from bisect import bisect_right
from decimal import Decimal
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

from pipelines.exact import ZERO
from pipelines.orders.order import Order, TradeKey
from schemas.events import Side


class Root(NamedTuple):
    """The tick that started something; its receive time is the basis of its age."""

    correlation_id: str
    ts_event_ns: int | None
    ts_recv_ns: int


class Touch(NamedTuple):
    """Best prices of an instrument, the tick that told them, and the log time of its record."""

    bid_px: Decimal
    ask_px: Decimal
    root: Root
    timestamp_ms: int


class Target(NamedTuple):
    """The position wanted, zero or above; `parents` counts the orders sliced for it so far."""

    qty: Decimal
    target_id: str
    parents: int = 0


class Parent(NamedTuple):
    """A whole order that is sent in slices; what is filled and open of it never exceeds `qty`."""

    parent_id: str
    qty: Decimal
    side: Side
    filled_qty: Decimal = ZERO
    children: int = 0


class Working(NamedTuple):
    """The order asked for, from the request on until nothing can follow.

    `cancel_ms`: log time of the newest request to cancel it.
    """

    cl_ord_id: str
    order: Order
    side: Side
    price: Decimal
    requested_ms: int
    parent_id: str
    root: Root
    cancel_ms: int | None = None


class Pause(NamedTuple):
    """After `refusals` in a row nothing is asked for on that side until `until_ms`."""

    side: Side
    until_ms: int
    refusals: int


class Done(NamedTuple):
    """An order that ended, and its trades: one of them told again is known."""

    ended_ms: int
    trades: frozenset[TradeKey]


class Ended(tuple[tuple[str, Done], ...]):
    """Orders that ended. One that ends follows the others without a look at each of them, of which
    there may be thousands, as long as their ends rise.
    """

    @cached_property
    def rising(self) -> bool:
        """Whether no end lies before that of an order before it."""
        return all(a.ended_ms <= b.ended_ms for (_, a), (_, b) in pairwise(self))

    def _first_after(self, since_ms: int) -> int:
        """Where the ends after a time begin, if they rise. Mostly none is to be forgotten."""
        if not self or self[0][1].ended_ms > since_ms:
            return 0
        return bisect_right(self, since_ms, key=lambda entry: entry[1].ended_ms)

    def followed(self, name: str, done: Done, since_ms: int) -> Ended:
        """With one more; those that ended by `since_ms` are forgotten."""
        if not self.rising:
            kept = [entry for entry in self if entry[1].ended_ms > since_ms]
            return Ended((*kept, (name, done)))
        found = Ended((*self[self._first_after(since_ms) :], (name, done)))
        found.rising = not self or self[-1][1].ended_ms <= done.ended_ms
        return found


class Line(NamedTuple):
    """`position`: base units, fills and fees in the base asset. `done` by cl_ord_id, oldest first.

    `adjustments`: ids of the corrections by hand that are in the position. `flat`: while the desk
    closes positions, a target of zero that goes before the wanted one.
    """

    account: str
    position: Decimal = ZERO
    target: Target | None = None
    working: Working | None = None
    parent: Parent | None = None
    pause: Pause | None = None
    done: tuple[tuple[str, Done], ...] = ()
    adjustments: frozenset[str] = frozenset()
    flat: Target | None = None

    @property
    def aim(self) -> Target | None:
        """What the line is led to; None while nobody said."""
        return self.flat or self.target
