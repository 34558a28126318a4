"""Every order of an account as the fold of decisions and order events, and what counts against the
caps: kept as running sums, so that a decision costs the same with one order or ten thousand.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final, NamedTuple

from pipelines.exact import EXACTLY, ZERO
from pipelines.gateway.caps import Usage, notional
from pipelines.gateway.holdings import Holdings, charge
from pipelines.orders.order import Order, Refusal, follow
from schemas.events import (
    CancelReason,
    OrderApproved,
    OrderFilled,
    OrderPendingCancel,
    OrderSubmitting,
    Side,
)

SECOND_MS, DAY_MS = 1_000, 86_400_000
_UNSENT = ("APPROVED", "DROPPED")


class Entry(NamedTuple):
    """One approved order. `venue_cum_qty`: the most the venue said was filled, which may be more
    than its fills showed; `cancel` why it is to be canceled, and `cancels` how often it was asked
    to be. `ended_ns`: when the last word of it came.
    """

    approved: OrderApproved
    order: Order
    order_id: str | None = None
    recv_window_ms: int = 0
    venue_cum_qty: Decimal = ZERO
    cancel: CancelReason | None = None
    cancels: int = 0
    ended_ns: int | None = None

    def ended_before(self, at_ns: int) -> bool:
        """Nothing more can be said of it, for that long."""
        return self.ended_ns is not None and self.ended_ns < at_ns

    @property
    def sent(self) -> bool:
        return self.order.state not in _UNSENT

    @property
    def live(self) -> bool:
        """Sent, and not known to have ended at the venue."""
        return self.sent and self.order.final_qty is None

    @property
    def fills_missing(self) -> bool:
        """The venue counts more than the fills that were seen."""
        final = self.order.final_qty or ZERO
        return max(self.venue_cum_qty, final) > self.order.cum_qty


class _Share(NamedTuple):
    """What an order adds to the sums."""

    open: int = 0
    working: Decimal = ZERO
    filled: Decimal = ZERO


class Today(NamedTuple):
    """What was stamped on one UTC day by the venue's clock, counted in days since 1970."""

    day: int = 0
    orders: int = 0
    notional: Decimal = ZERO


class Book:
    """See the module. Quantities in base units; times in milliseconds by the venue's clock."""

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}
        self.by_order_id: dict[tuple[str, str], str] = {}  # instrument, the venue's id: ours
        self.live: dict[str, None] = {}
        self.missing: dict[str, None] = {}  # orders with fewer fills seen than the venue counts
        self.positions: defaultdict[str, Decimal] = defaultdict(lambda: ZERO)
        self.parents: defaultdict[str, Decimal] = defaultdict(lambda: ZERO)
        self.stamps_ms: deque[int] = deque()  # of the last second before the newest
        self.today = Today()
        self.holdings = Holdings()
        self.recv_window_ms_max = 0
        self.last_trade_ns = 0  # by the venue's clock
        self._working: defaultdict[tuple[str, Side], Decimal] = defaultdict(lambda: ZERO)

    def approve(self, approved: OrderApproved) -> bool:
        """Adds an order; False, and nothing changed, for an id that is known."""
        if approved.cl_ord_id in self.entries:
            return False
        self.entries[approved.cl_ord_id] = Entry(approved, Order(approved.order_qty))
        return True

    def want_cancel(self, cl_ord_id: str, reason: CancelReason) -> None:
        """Notes that an order is to be canceled; the first reason stays."""
        entry = self.entries.get(cl_ord_id)
        if entry is not None and entry.cancel is None:
            self.entries[cl_ord_id] = entry._replace(cancel=reason)

    def hear(self, cl_ord_id: str, cum_qty: Decimal) -> None:
        """Notes what the venue counts as filled."""
        entry = self.entries[cl_ord_id]
        if cum_qty > entry.venue_cum_qty:
            self._keep(entry._replace(venue_cum_qty=cum_qty))

    def evolve(self, event: Any) -> Refusal | None:
        """Follows an order event; gives why it is illegal, and changes nothing, where it is."""
        entry = self.entries.get(event.cl_ord_id)
        if entry is None:
            return Refusal("ORDER_UNKNOWN", f"no approved order {event.cl_ord_id}")
        order = follow(entry.order, event)
        if isinstance(order, Refusal):
            return order
        self._shift(entry, _told(entry, order, event))
        if isinstance(event, OrderSubmitting):
            self._count(event, entry.approved)
        elif isinstance(event, OrderFilled):
            self.last_trade_ns = max(self.last_trade_ns, event.ts_event_ns or 0)
            self.holdings = charge(self.holdings, event)
        return None

    def usage(self, order: OrderApproved, venue_ts_ms: int) -> Usage:
        """What counts against the caps when this order is decided on. It changes nothing: a replay
        asks only about orders that were sent.
        """
        day = venue_ts_ms // DAY_MS
        today = self.today if self.today.day == day else Today(day)
        beside = self.holdings.of(order.instrument)
        held = EXACTLY.add(self.positions[order.instrument], beside)
        working = self._working[order.instrument, order.side]
        bought = order.side == "BUY"
        return Usage(
            sum(ms > venue_ts_ms - SECOND_MS for ms in self.stamps_ms),
            today.orders,
            today.notional,
            len(self.live),
            EXACTLY.add(held, working) if bought else EXACTLY.subtract(held, working),
            self.parents[order.parent_id],
        )

    def position(self, instrument: str) -> Decimal:
        """Bought less sold, as the fills say."""
        return self.positions[instrument]

    def restore(self, entries: Mapping[str, Entry], live: Iterable[str]) -> None:
        """Takes up orders as they were; what was filled is in `positions` and `parents` already."""
        for entry in entries.values():
            self._keep(entry)
            self._name(entry)
            key = entry.approved.instrument, entry.approved.side
            self._working[key] = EXACTLY.add(self._working[key], _share(entry).working)
        self.live = dict.fromkeys(live)

    def forget(self, before_ns: int) -> None:
        """Drops the orders that ended before, and parents of which none is left."""
        gone = [name for name, entry in self.entries.items() if entry.ended_before(before_ns)]
        for name in gone:
            entry = self.entries.pop(name)
            self.by_order_id.pop((entry.approved.instrument, entry.order_id or ""), None)
        left = {entry.approved.parent_id for entry in self.entries.values()} if gone else set()
        for parent_id in [name for name in self.parents if gone and name not in left]:
            del self.parents[parent_id]

    def _shift(self, before: Entry, after: Entry) -> None:
        approved, old, new = after.approved, _share(before), _share(after)
        if old != new or not before.sent:
            self._add(approved, old, new)
        self._keep(after)
        self._name(after)
        if new.open:
            self.live[approved.cl_ord_id] = None
        else:
            self.live.pop(approved.cl_ord_id, None)

    def _name(self, entry: Entry) -> None:
        if entry.order_id is not None:
            one = entry.approved
            self.by_order_id[one.instrument, entry.order_id] = one.cl_ord_id

    def _add(self, approved: OrderApproved, old: _Share, new: _Share) -> None:
        """What an order adds to the sums now, in place of what it did."""
        name, side = approved.instrument, approved.side
        filled = EXACTLY.subtract(new.filled, old.filled)
        working = EXACTLY.subtract(new.working, old.working)
        signed = filled if side == "BUY" else EXACTLY.minus(filled)
        self.positions[name] = EXACTLY.add(self.positions[name], signed)
        self._working[name, side] = EXACTLY.add(self._working[name, side], working)
        used = EXACTLY.add(filled, working)
        self.parents[approved.parent_id] = EXACTLY.add(self.parents[approved.parent_id], used)

    def _keep(self, entry: Entry) -> None:
        cl_ord_id = entry.approved.cl_ord_id
        self.entries[cl_ord_id] = entry
        if entry.fills_missing:
            self.missing[cl_ord_id] = None
        else:
            self.missing.pop(cl_ord_id, None)

    def _count(self, event: OrderSubmitting, approved: OrderApproved) -> None:
        """Counted when stamped, whatever becomes of it."""
        self.recv_window_ms_max = max(self.recv_window_ms_max, event.recv_window_ms)
        day = event.venue_ts_ms // DAY_MS
        today = self.today if self.today.day == day else Today(day)
        while self.stamps_ms and self.stamps_ms[0] <= event.venue_ts_ms - SECOND_MS:
            self.stamps_ms.popleft()
        self.stamps_ms.append(event.venue_ts_ms)
        value = EXACTLY.add(today.notional, notional(approved))
        self.today = Today(day, today.orders + 1, value)


def _told(entry: Entry, order: Order, event: Any) -> Entry:
    """The entry after an event that its order has followed; made in one go, for `_replace` costs
    three times a constructor.
    """
    approved, _, order_id, window_ms, venue_cum_qty, cancel, cancels, ended_ns = entry
    if isinstance(event, OrderSubmitting):
        window_ms = event.recv_window_ms
    if isinstance(event, OrderPendingCancel):
        # By the request's word: what was only noted before is not on the log.
        cancel = cancel if event.reason == "UNKNOWN" else event.reason
        cancels = event.attempt
    if (told := getattr(event, "order_id", None)) is not None:
        order_id = told
    if ended_ns is None and (order.ended or order.state == "DROPPED"):
        ended_ns = event.ts_recv_ns
    return Entry(approved, order, order_id, window_ms, venue_cum_qty, cancel, cancels, ended_ns)


_NOTHING: Final = _Share()


def _share(entry: Entry) -> _Share:
    order = entry.order
    if order.state in _UNSENT:
        return _NOTHING
    return _Share(int(order.final_qty is None), order.reserved_qty, order.cum_qty)
