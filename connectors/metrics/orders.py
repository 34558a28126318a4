"""Figures of events: what signals ask for, risk decides, the venue answers, feeds lack.

Called with what was committed, never with what is re-run: a restart must not count a fill twice.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from itertools import product
from typing import Any, Final, get_args

from prometheus_client import Histogram

from connectors.metrics import declared
from schemas.events import (
    DeadLettered,
    DecisionExpired,
    FeedDiverged,
    FeedFailedOver,
    FeedGapped,
    FeedWentStale,
    LastLiquidity,
    OrderAccepted,
    OrderAction,
    OrderApproved,
    OrderDenied,
    OrderFilled,
    OrderOutcomeUnknown,
    OrderRejected,
    OrderRequested,
    OrderSubmitting,
    TargetChanged,
    VenueRequestFailed,
    VenueRequestSent,
    VenueResponseReceived,
    VenueStreamClosed,
)

FAILED: Final = "FAILED"
OUTCOMES: Final = ("2xx", "4xx", "5xx", FAILED)
SIDES: Final = ("BUY", "SELL")
SENT_MAX: Final = 10_000
NS: Final = 1e9


class Sent:
    """When orders left, as long as somebody may ask: the newest `SENT_MAX`."""

    def __init__(self) -> None:
        self._at_ns: OrderedDict[str, int] = OrderedDict()

    def note(self, cl_ord_id: str, at_ns: int) -> None:
        self._at_ns[cl_ord_id] = at_ns
        while len(self._at_ns) > SENT_MAX:
            self._at_ns.popitem(last=False)

    def at_ns(self, cl_ord_id: str) -> int | None:
        """None where the order is not known: it was sent before this process began."""
        return self._at_ns.get(cl_ord_id)


class Figures:
    """Counts events; the rest of them pass."""

    def __init__(self) -> None:
        self._sent = Sent()
        self._handlers: dict[type, Callable[[Any], None]] = {
            DeadLettered: _dead_lettered,
            DecisionExpired: lambda e: declared.EXPIRED.labels(e.account, e.reason).inc(),
            FeedDiverged: lambda e: declared.FEED_DIVERGENCES.labels(e.venue).inc(),
            FeedFailedOver: lambda e: declared.FEED_FAILOVERS.labels(e.venue, e.reason).inc(),
            FeedGapped: lambda e: declared.FEED_GAPS.labels(e.venue, e.line).inc(),
            FeedWentStale: lambda e: declared.FEED_STALE.labels(e.venue, e.line).inc(),
            OrderAccepted: self._accepted,
            OrderApproved: lambda e: declared.APPROVALS.labels(e.strategy, e.instrument).inc(),
            OrderDenied: lambda e: declared.DENIALS.labels(e.strategy, e.reason).inc(),
            OrderFilled: self._filled,
            OrderOutcomeUnknown: lambda e: declared.UNKNOWNS.labels(e.account, e.action).inc(),
            OrderRejected: lambda e: declared.REJECTIONS.labels(e.account, e.reason).inc(),
            OrderRequested: _requested,
            OrderSubmitting: self._submitting,
            TargetChanged: _wanted,
            VenueRequestFailed: lambda e: declared.VENUE_ANSWERS.labels(e.account, FAILED).inc(),
            VenueRequestSent: self._request_sent,
            VenueResponseReceived: _answered,
            VenueStreamClosed: lambda e: declared.STREAM_ENDS.labels(e.account, e.reason).inc(),
        }

    def count(self, events: Iterable[Any]) -> None:
        handlers = self._handlers
        for event in events:
            handle = handlers.get(event.__class__)
            if handle is not None:
                handle(event)

    def _request_sent(self, event: VenueRequestSent) -> None:
        if event.cl_ord_id is not None and event.method == "POST":
            self._sent.note(event.cl_ord_id, event.ts_ns)

    def _submitting(self, event: OrderSubmitting) -> None:
        """Follows its request in the same transaction; `ts_recv_ns` is the root tick's."""
        declared.ORDERS_SENT.labels(event.account, event.instrument, event.side).inc()
        sent_ns = self._sent.at_ns(event.cl_ord_id)
        if sent_ns is not None:
            _observe(
                declared.TICK_TO_ORDER_SECONDS.labels(event.account), event.ts_recv_ns, sent_ns
            )

    def _accepted(self, event: OrderAccepted) -> None:
        declared.ORDERS_ACCEPTED.labels(event.account, event.instrument).inc()
        sent_ns = self._sent.at_ns(event.cl_ord_id)
        if sent_ns is not None:
            _observe(declared.ACCEPT_SECONDS.labels(event.account), sent_ns, event.ts_recv_ns)

    def _filled(self, event: OrderFilled) -> None:
        about = event.account, event.instrument, event.side, event.last_liquidity
        declared.FILLS.labels(*about).inc()
        declared.FILL_PRICE.note(about[:3], event.last_px)
        sent_ns = self._sent.at_ns(event.cl_ord_id)
        if sent_ns is not None:
            found = declared.FILL_SECONDS.labels(event.account, event.last_liquidity)
            _observe(found, sent_ns, event.ts_recv_ns)


def begin(account: str, instruments: Iterable[str]) -> None:
    """Shows from zero on what an account may count: no increase is seen in what is born at 1."""
    for action in get_args(OrderAction):
        declared.UNKNOWNS.labels(account, action)
    for outcome in OUTCOMES:
        declared.VENUE_ANSWERS.labels(account, outcome)
    for about in product(instruments, SIDES, get_args(LastLiquidity)):
        declared.FILLS.labels(account, *about)


def _observe(histogram: Histogram, from_ns: int, to_ns: int) -> None:
    histogram.observe(max(0, to_ns - from_ns) / NS)


def _dead_lettered(event: DeadLettered) -> None:
    declared.DEAD_LETTERS.labels(event.pipeline, event.topic, event.reason).inc()


def _wanted(event: TargetChanged) -> None:
    declared.TARGETS.labels(event.strategy, event.instrument).inc()
    declared.TARGET.note((event.strategy, event.instrument), event.target_qty)


def _requested(event: OrderRequested) -> None:
    declared.REQUESTS.labels(event.strategy, event.instrument, event.side).inc()


def _answered(event: VenueResponseReceived) -> None:
    declared.VENUE_ANSWERS.labels(event.account, f"{event.status // 100}xx").inc()
