"""Order events as the fold of decisions and of what went over the wire (`venue.raw`).

The gateway runs it live, a replay runs it again: `apply` reads no clock and asks nobody. What the
gateway decided not to send (`DecisionExpired`) depends on its clock and is an input here, as
recorded. Times are `ts_recv_ns` of the records.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from pipelines.gateway import answers, holdings
from pipelines.gateway.answers import Cause
from pipelines.gateway.book import Book, Entry
from pipelines.gateway.gate import FUTURE_STAMP_MS
from pipelines.gateway.reports import (
    DoubtReport,
    FillReport,
    Kind,
    OrderReport,
    PageReport,
    Reader,
    RefusalReport,
    Report,
)
from pipelines.gateway.resolution import ROUND, Inquiry, full, not_found, unanswered
from pipelines.orders.order import Refusal, follow, refused
from schemas import events
from schemas.events import OutcomeDoubt

ROUNDS_APART_NS = 1_000_000_000
HOUR_NS = 3_600_000_000_000
KEPT_NS = 48 * HOUR_NS  # a fill that comes later is reconciliation's
_MS = 1_000_000
_IN_DOUBT: tuple[events.RejectReason, ...] = ("ORDER_DUPLICATE",)
_DOUBTS: dict[events.RequestFailure, OutcomeDoubt] = {
    "RESPONSE_TIMED_OUT": "RESPONSE_TIMED_OUT",
    "CONNECTION_LOST": "CONNECTION_LOST",
}
_UNSENT: dict[events.RequestFailure, events.DecisionExpiry] = {
    "SEND_TOO_LATE": "SEND_TOO_LATE",
    "CIRCUIT_OPEN": "CIRCUIT_OPEN",
    "RATE_BUDGET": "RATE_BUDGET",
    "CONNECT_FAILED": "VENUE_UNREACHABLE",
    "UNKNOWN": "GATEWAY_CANCEL_ONLY",  # its write-ahead failed
    "STATE_HALTED": "STATE_HALTED",
    "STATE_PAUSED": "STATE_PAUSED",
    "STATE_UNREADABLE": "STATE_UNREADABLE",
}


class Asked(NamedTuple):
    """A request without an answer yet."""

    kind: Kind
    cl_ord_id: str | None
    ts_ns: int = 0


UNASKED: Final = Asked("OTHER", None)


def raw_id(event: Any) -> str:
    """The id of a raw event: a function of what is recorded of it."""
    if hasattr(event, "request_id"):
        return f"{type(event).__name__}/{event.request_id}"
    return f"{type(event).__name__}/{event.connection}/{event.ts_recv_ns}"


def at_ns(event: Any) -> int:
    """When a raw event was written down; 0 for any other."""
    name = type(event).__name__
    if not name.startswith("Venue"):
        return 0
    ns: int = event.ts_ns if hasattr(event, "ts_ns") else event.ts_recv_ns
    return ns


class OrderFold:
    """See the module. `inquiries`: the orders in doubt and how far asking has come; `requests` by
    id; `gapped`: the last stream ended otherwise than by us; `clock_ns`: the newest raw event.
    """

    def __init__(self, reader: Reader) -> None:
        self.book = Book()
        self.inquiries: dict[str, Inquiry] = {}
        self.requests: dict[str, Asked] = {}
        self.gapped = False
        self.clock_ns = 0
        self._reader = reader
        self._recorded: deque[Any] | None = None
        self._out: list[Any] = []

    def apply(self, event: Any) -> list[Any]:
        """The order events that follow from an input; the state has followed them."""
        self._out = []
        handle = _HANDLERS.get(type(event))
        if handle is not None:
            handle(self, event)
        self._pass_time(at_ns(event))
        return self._out

    def follow(self, raw: Any, recorded: Iterable[Any]) -> None:
        """Follows a raw event of the log and the order events that were written with it, whatever
        this code would have said: they are what happened, also after an upgrade.
        """
        self._recorded = deque(recorded)
        self.apply(raw)
        left, self._recorded = self._recorded, None
        for event in left:
            self.evolve(event)

    def _pass_time(self, now_ns: int) -> None:
        """Forgets old orders and requests, once per hour of what was recorded."""
        before_ns, self.clock_ns = self.clock_ns, max(self.clock_ns, now_ns)
        if before_ns // HOUR_NS != self.clock_ns // HOUR_NS:
            self.forget()

    def forget(self) -> None:
        """Drops what ended two days before the last full hour."""
        limit_ns = self.clock_ns // HOUR_NS * HOUR_NS - KEPT_NS
        self.book.forget(limit_ns)
        self.requests = {k: one for k, one in self.requests.items() if one.ts_ns >= limit_ns}

    def evolve(self, event: Any) -> None:
        """Follows an order event of the log, as after a restart."""
        if hasattr(event, "cl_ord_id") and not isinstance(event, events.OrderTransitionRefused):
            self.book.evolve(event)
            self._follow_doubt(event)

    def expire(self, event: events.DecisionExpired) -> list[Any]:
        """What the gateway refused to send."""
        self._out = []
        self._emit(event)
        return self._out

    def _emit(self, event: Any) -> None:
        if self._recorded is not None:
            self._emit_recorded(event)
            return
        refusal = self.book.evolve(event)
        if refusal is None:
            self._out.append(event)
            self._follow_doubt(event)
        elif refusal.reason != "FILL_REPEATED":
            entry = self.book.entries.get(event.cl_ord_id)
            order = entry.order if entry else None
            self._out.append(refused(order, event, refusal, event.causation_id))

    def _emit_recorded(self, event: Any) -> None:
        """The next recorded event instead of this one; a repeated fill was never written."""
        entry = self.book.entries.get(event.cl_ord_id)
        after = entry and follow(entry.order, event)
        if self._recorded and not (isinstance(after, Refusal) and after.reason == "FILL_REPEATED"):
            self.evolve(self._recorded.popleft())

    def _follow_doubt(self, event: Any) -> None:
        """Begins an inquiry with a doubt, ends it with the doubt's end."""
        entry = self.book.entries.get(event.cl_ord_id)
        if entry is None or entry.order.state != "OUTCOME_UNKNOWN":
            self.inquiries.pop(event.cl_ord_id, None)
        elif isinstance(event, events.OrderOutcomeUnknown):
            dead_ns = event.ts_recv_ns + (entry.recv_window_ms + FUTURE_STAMP_MS) * _MS
            begun = Inquiry(event.cl_ord_id, dead_ns, ROUNDS_APART_NS, before=self._asked())
            self.inquiries[event.cl_ord_id] = begun

    def _asked(self) -> frozenset[str]:
        """The questions under way."""
        return frozenset(name for name, one in self.requests.items() if one.kind in ROUND)

    def _approved(self, event: events.OrderApproved) -> None:
        self.book.approve(event)

    def _held(self, event: Any) -> None:
        self.book.holdings = holdings.evolve(self.book.holdings, event)

    def _cancel_approved(self, event: events.CancelApproved) -> None:
        self.book.want_cancel(event.cl_ord_id, event.reason)

    def _sent(self, event: events.VenueRequestSent) -> None:
        kind = self._reader.kind(event.method, event.path)
        self.requests[event.request_id] = Asked(kind, event.cl_ord_id, event.ts_ns)
        entry = self.book.entries.get(event.cl_ord_id or "")
        if entry is not None and kind == "SUBMIT":
            self._emit(self._submitting(entry, event))
        if entry is not None and kind == "CANCEL" and entry.live:
            self._emit(_pending_cancel(entry, event))

    def _submitting(self, entry: Entry, event: events.VenueRequestSent) -> events.OrderSubmitting:
        one, stamp = entry.approved, self._reader.stamp(event.parameters)
        instance, _, _ = event.request_id.rpartition("/")
        return events.OrderSubmitting(
            one.account,
            one.strategy,
            one.venue,
            one.instrument,
            one.cl_ord_id,
            one.side,
            one.ord_type,
            one.time_in_force,
            one.post_only,
            one.price,
            one.order_qty,
            instance,
            event.request_id,
            hashlib.sha256(event.parameters.encode()).digest(),
            stamp.venue_ts_ms,
            stamp.recv_window_ms,
            one.correlation_id,
            event.causation_id,
            one.ts_event_ns,
            one.ts_recv_ns,
        )

    def _failed(self, event: events.VenueRequestFailed) -> None:
        request = self.requests.pop(event.request_id, UNASKED)
        entry = self.book.entries.get(request.cl_ord_id or "")
        cause = Cause(event.request_id, event.ts_ns)
        if entry is None:
            return
        if request.kind != "SUBMIT":
            self._unanswered(request, event.ts_ns)
        elif not event.may_have_arrived:
            reason = _UNSENT.get(event.reason, "UNKNOWN")
            self._emit(answers.dropped(entry, reason, (), event.request_id))
        else:
            doubt = _DOUBTS.get(event.reason, "UNKNOWN")
            self._emit(answers.doubted(entry, "SUBMIT", doubt, cause))

    def _unanswered(self, request: Asked, at_ns: int) -> None:
        """A question's answer is awaited no longer; a cancel's is, for it is repeated."""
        inquiry = self.inquiries.get(request.cl_ord_id or "")
        if inquiry is not None and request.kind not in ("SUBMIT", "CANCEL", "OTHER"):
            self.inquiries[inquiry.cl_ord_id] = unanswered(inquiry, at_ns)

    def _responded(self, event: events.VenueResponseReceived) -> None:
        request = self.requests.pop(event.request_id, UNASKED)
        if request.kind == "OTHER":
            return
        cause = Cause(event.request_id, event.ts_recv_ns, (event.request_id,))
        reports = self._reader.read_response(request.kind, event.status, event.body)
        doubted = request.cl_ord_id in self.inquiries
        for report in reports:
            self._report(report, request, cause)
        self._conclude(reports, request, cause)
        if doubted and request.kind == "SUBMIT":
            self._doubt_on(self.book.entries[request.cl_ord_id or ""], cause)

    def _doubt_on(self, entry: Entry, cause: Cause) -> None:
        """The answer to a new order says how it stood when it was taken, which may be before the
        doubt began: that it was open then does not end it.
        """
        if entry.order.state == "ACCEPTED":
            self._emit(answers.doubted(entry, "SUBMIT", "VENUE_UNCERTAIN", cause))

    def _framed(self, event: events.VenueFrameReceived) -> None:
        reports = self._reader.read_frame(event.payload)
        if not reports:
            return  # every other frame is about balances
        cause = Cause(raw_id(event), event.ts_recv_ns)
        for report in reports:
            self._report(report, UNASKED, cause)

    def _report(self, report: Report, request: Asked, cause: Cause) -> None:
        if isinstance(report, OrderReport):
            self._stands(report, request, cause)
        elif isinstance(report, FillReport):
            self._fill(report, cause)
        elif isinstance(report, PageReport):
            return  # see `_conclude`
        elif (entry := self.book.entries.get(request.cl_ord_id or "")) is None:
            return
        elif isinstance(report, RefusalReport):
            self._refusal(entry, report, request, cause)
        else:
            self._doubt(entry, report, request, cause)

    def _stands(self, report: OrderReport, request: Asked, cause: Cause) -> None:
        entry = self.book.entries.get(report.cl_ord_id)
        if entry is None or not entry.sent:
            return  # foreign: reconciliation says so
        self.book.hear(report.cl_ord_id, report.cum_qty)
        if self._older(report.cl_ord_id, cause):
            return
        asked = request.kind in ("OPEN_ORDERS", "CLOSED_ORDERS")
        entry = self.book.entries[report.cl_ord_id]
        if (event := answers.standing(entry, report, cause, asked=asked)) is not None:
            self._emit(event)

    def _older(self, cl_ord_id: str, cause: Cause) -> bool:
        """Whether the question was asked before the order came into doubt: it is asked again."""
        inquiry = self.inquiries.get(cl_ord_id)
        return inquiry is not None and not inquiry.before.isdisjoint(cause.request_ids)

    def _fill(self, fill: FillReport, cause: Cause) -> None:
        ours = self.book.by_order_id.get((fill.instrument, fill.order_id), "")
        cl_ord_id = fill.cl_ord_id or ours
        entry = self.book.entries.get(cl_ord_id)
        if entry is not None and entry.order.state != "APPROVED":  # what was never sent is foreign
            self._emit(answers.filled(entry, fill, cause))

    def _refusal(self, entry: Entry, report: RefusalReport, request: Asked, cause: Cause) -> None:
        if request.kind == "SUBMIT" and report.reason in _IN_DOUBT:
            self._emit(answers.doubted(entry, "SUBMIT", "VENUE_UNCERTAIN", cause))
        elif request.kind == "SUBMIT":
            self._emit(answers.rejected(entry, report, cause))
        elif request.kind == "CANCEL":
            self._emit(answers.cancel_rejected(entry, report, cause))
            self._doubt_cancel(entry.approved.cl_ord_id, report, cause)
        else:
            self._unanswered(request, cause.ts_recv_ns)

    def _doubt_cancel(self, cl_ord_id: str, report: RefusalReport, cause: Cause) -> None:
        """The venue does not know an order that we hold for live: ask what became of it."""
        entry = self.book.entries[cl_ord_id]
        gone = report.reason in ("ORDER_UNKNOWN", "ORDER_CLOSED")
        if gone and entry.live and entry.order.state != "OUTCOME_UNKNOWN":
            self._emit(answers.doubted(entry, "CANCEL", "VENUE_UNCERTAIN", cause))

    def _doubt(self, entry: Entry, report: DoubtReport, request: Asked, cause: Cause) -> None:
        if request.kind == "SUBMIT" and entry.live:
            reason: OutcomeDoubt = "VENUE_UNCERTAIN" if report.readable else "RESPONSE_UNREADABLE"
            self._emit(answers.doubted(entry, "SUBMIT", reason, cause))
        else:
            self._unanswered(request, cause.ts_recv_ns)

    def _conclude(self, reports: list[Report], request: Asked, cause: Cause) -> None:
        """An answer to a question that did not name the order brings the inquiry forward."""
        inquiry = self.inquiries.get(request.cl_ord_id or "")
        usable = all(isinstance(r, OrderReport | FillReport | PageReport) for r in reports)
        # Trades are also asked for where fills are missing: that is no answer to this inquiry.
        if inquiry is None or not usable or request.kind != ROUND[inquiry.asked]:
            return
        if self._older(inquiry.cl_ord_id, cause):
            return
        entry = self.book.entries[inquiry.cl_ord_id]
        if request.kind == "TRADES" and any(self._may_be(entry, inquiry, r) for r in reports):
            self.inquiries[inquiry.cl_ord_id] = unanswered(inquiry, cause.ts_recv_ns)
            return
        [request_id] = cause.request_ids
        others = frozenset(r.order_id for r in reports if isinstance(r, OrderReport))
        for page in reports:
            if isinstance(page, PageReport):
                following = full(inquiry, request_id, page.last_id, others)
                stuck = page.last_id == inquiry.after  # the same page again: it leads nowhere
                again = unanswered(inquiry, cause.ts_recv_ns)
                self.inquiries[inquiry.cl_ord_id] = again if stuck else following
                return
        inquiry = not_found(inquiry, request_id, cause.ts_recv_ns, others)
        if entry.order_id is not None:  # it has been there: two silent replicas do not undo that
            inquiry = inquiry._replace(round=0)
        self.inquiries[inquiry.cl_ord_id] = inquiry
        if inquiry.absent:
            shown = cause._replace(request_ids=inquiry.request_ids)
            self._emit(answers.resolved(entry, "ABSENT", entry.order.cum_qty, shown))

    def _may_be(self, entry: Entry, inquiry: Inquiry, report: Report) -> bool:
        """A trade of an order that neither we nor the venue's lists know under another name, and
        which the one in doubt could have made.
        """
        return (
            isinstance(report, FillReport)
            and (report.instrument, report.order_id) not in self.book.by_order_id
            and report.order_id not in inquiry.others
            and _within(entry, report)
        )

    def _stream_opened(self, event: events.VenueStreamOpened) -> None:
        """What happened before it was open may never be told: every live order is in doubt."""
        reason: OutcomeDoubt = "STREAM_GAPPED" if self.gapped else "GATEWAY_RESTARTED"
        cause = Cause(event.connection, event.ts_recv_ns)
        for cl_ord_id in list(self.book.live):
            entry = self.book.entries[cl_ord_id]
            self._emit(answers.doubted(entry, "SUBMIT", reason, cause))

    def _stream_closed(self, event: events.VenueStreamClosed) -> None:
        self.gapped = event.reason != "GATEWAY_STOPPED"


def _within(entry: Entry, fill: FillReport) -> bool:
    """Whether a fill keeps within the terms of an order."""
    one, px = entry.approved, entry.approved.price
    better = px is None or (fill.last_px <= px if one.side == "BUY" else fill.last_px >= px)
    return fill.side == one.side and fill.last_qty <= entry.order.reserved_qty and better


def _pending_cancel(entry: Entry, event: events.VenueRequestSent) -> events.OrderPendingCancel:
    one, order = entry.approved, entry.order
    return events.OrderPendingCancel(
        one.account,
        one.strategy,
        one.venue,
        one.instrument,
        one.cl_ord_id,
        # A request of the first version does not tell; then the decision does.
        entry.cancel or "UNKNOWN" if event.cancel_reason == "UNKNOWN" else event.cancel_reason,
        event.attempt,
        event.request_id,
        order.cum_qty,
        order.reserved_qty,
        one.correlation_id,
        event.causation_id,
        None,
        event.ts_ns,
    )


_HANDLERS: dict[type, Any] = {
    events.OrderApproved: OrderFold._approved,
    events.CancelApproved: OrderFold._cancel_approved,
    events.LimitsChanged: OrderFold._held,
    events.TransferAnnounced: OrderFold._held,
    events.PositionAdjusted: OrderFold._held,
    events.VenueRequestSent: OrderFold._sent,
    events.VenueRequestFailed: OrderFold._failed,
    events.VenueResponseReceived: OrderFold._responded,
    events.VenueFrameReceived: OrderFold._framed,
    events.VenueStreamOpened: OrderFold._stream_opened,
    events.VenueStreamClosed: OrderFold._stream_closed,
}
