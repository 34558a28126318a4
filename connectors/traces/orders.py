"""Spans of a gateway: what it wrote about orders, and its requests to the venue.

Their times are the events' own wherever an event has one: the stamp of the request, what was
received at our socket. A span is shown once its event is on the log, so none tells of an order that
was never written down.
"""

from __future__ import annotations

import time
from asyncio import Future
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final, NamedTuple

from connectors.traces.ids import ids_of, request_ids, step_ids
from connectors.traces.spans import Newest, Put, Span, facts_of
from schemas.events import (
    DecisionExpired,
    OrderSubmitting,
    VenueRequestFailed,
    VenueRequestSent,
    VenueResponseReceived,
)

ORDERS_MAX: Final = 10_000
SERVICE: Final = "gateway"


class _Asked(NamedTuple):
    """A request about an order. `left_ns`: when it could leave, being on the log."""

    sent: VenueRequestSent
    left_ns: int


class OrderSpans:
    """`told` is given what the gateway hands over to the log, and the future of its commit."""

    def __init__(self, put: Put, now_ns: Callable[[], int] = time.time_ns) -> None:
        self._put, self._now_ns = put, now_ns
        self._roots = Newest[str](ORDERS_MAX)  # correlation ids by order
        self._left_ns = Newest[int](ORDERS_MAX)  # when an order could leave
        self._asked = Newest[_Asked](ORDERS_MAX)

    def told(self, events: Sequence[Any], done: Future[None]) -> None:
        done.add_done_callback(partial(self._written, events))

    def _written(self, events: Sequence[Any], done: Future[None]) -> None:
        if not done.cancelled() and done.exception() is None:
            now_ns = self._now_ns()
            for event in events:
                self._show(event, now_ns)

    def _show(self, event: Any, now_ns: int) -> None:
        if isinstance(event, VenueRequestSent):
            self._asked.put(event.request_id, _Asked(event, now_ns))
        elif isinstance(event, VenueResponseReceived | VenueRequestFailed):
            self._answered(event)
        elif getattr(event, "correlation_id", None):
            self._step(event, now_ns)

    def _step(self, event: Any, now_ns: int) -> None:
        """Sending begins with the stamp; what the venue says, when the order left."""
        order = event.cl_ord_id or ""
        if isinstance(event, OrderSubmitting):
            self._roots.put(order, event.correlation_id)
            self._left_ns.put(order, now_ns)
            asked = self._asked.get(event.request_id)
            start_ns, end_ns = (asked.sent.ts_ns if asked else now_ns), now_ns
        elif isinstance(event, DecisionExpired):  # nothing was received: it has its tick's time
            start_ns = end_ns = now_ns
        else:
            end_ns = event.ts_recv_ns
            start_ns = self._left_ns.get(order) or end_ns
        span = Span(
            SERVICE,
            type(event).__name__,
            ids_of(event),
            min(start_ns, end_ns),
            end_ns,
            facts_of(event),
        )
        self._put(span)

    def _answered(self, event: VenueResponseReceived | VenueRequestFailed) -> None:
        asked = self._asked.pop(event.request_id)
        root = self._roots.get(event.cl_ord_id or "")
        if asked is None or root is None:
            return
        step = step_ids(root, "OrderSubmitting", event.cl_ord_id or "")
        if isinstance(event, VenueResponseReceived):
            end_ns, failed, outcome = event.ts_recv_ns, event.status >= 400, str(event.status)
        else:
            end_ns, failed, outcome = event.ts_ns, True, event.reason
        sent = asked.sent
        facts: dict[str, str | int] = {
            "http.request.method": sent.method,
            "url.path": sent.path,
            "http.request.resend_count": sent.attempt - 1,
            "tape.outcome": outcome,
            "tape.account": sent.account,
            "tape.cl_ord_id": event.cl_ord_id or "",
        }
        name, ids = f"{sent.method} {sent.path}", request_ids(step, sent.request_id)
        start_ns = min(asked.left_ns, end_ns)
        self._put(Span(SERVICE, name, ids, start_ns, end_ns, facts, client=True, failed=failed))
