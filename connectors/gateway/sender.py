"""Orders and cancels on their way: write ahead, then send exactly the signed bytes, once.

An order is sent by one path only, after its transaction is committed; what keeps it from being sent
becomes an event. A cancel may be repeated: it goes out as soon as it is written, or without that
where the log is away.
"""

from __future__ import annotations

import asyncio
from typing import Final

from connectors.gateway.desk import Desk, log
from connectors.gateway.transport import Answer, Failure
from connectors.log.errors import WriterError
from connectors.metrics import declared
from connectors.metrics.kinds import Rows
from connectors.orderport.interface import Request, Signed
from pipelines.gateway import admission, answers
from pipelines.gateway.admission import Moment
from pipelines.gateway.budget import Budget
from pipelines.gateway.caps import Refused
from schemas.events import CancelReason, OrderApproved, VenueRequestSent

CANCEL_AGAIN_NS: Final = 500_000_000
NEVER_NS: Final = 1 << 62
WRITE_AHEAD: Final = 0.25  # of its receive window, how long a cancel waits for the log


class Sender:
    """Decides and sends; every request runs as its own task."""

    def __init__(self, desk: Desk) -> None:
        self._desk, parts = desk, desk.parts
        self._budget = Budget(parts.requests_per_second, parts.requests_for_cancels)
        self._canceled_ns: dict[str, int] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._failure: BaseException | None = None
        declared.BREAKER_OPEN.read = self._open

    def _open(self) -> Rows:
        """By endpoint; orders' own always."""
        found = self._desk.circuits.open(self._desk.parts.port.order_path)
        return {(self._desk.account, path): int(one) for path, one in found.items()}

    def approve(self, order: OrderApproved, *, signed: bool) -> None:
        """Takes an approval from the log: sends it or says why not."""
        desk = self._desk
        if not desk.fold.book.approve(order):
            # Whoever wrote it: an event about the order would end one that is on its way.
            log.error("%s was decided before: this decision is passed over", order.cl_ord_id)
            return
        refused = self._refused(order, signed=signed)
        if refused is None:
            self._sign_and_send(order)
            return
        entry = desk.fold.book.entries[order.cl_ord_id]
        event = answers.dropped(entry, refused.reason, refused.facts, order.causation_id)
        desk.write(desk.fold.expire(event))

    def _sign_and_send(self, order: OrderApproved) -> None:
        desk = self._desk
        desk.circuits.asked(desk.parts.port.order_path)
        request = desk.parts.port.submit(order)
        signed_request, at_ns = desk.sign(request)
        desk.parts.point("after-signing")
        sent = desk.sent(request, signed_request, order.causation_id)
        desk.parts.point("before-commit")
        # Folded before the next decision is looked at: it counts against the caps from here on. And
        # handed over at once: the log's order is the fold's.
        written = desk.tell(sent)
        desk.in_flight[order.cl_ord_id] = NEVER_NS
        self._start(self._submit(signed_request, at_ns, sent, written))

    def _refused(self, order: OrderApproved, *, signed: bool) -> Refused | None:
        desk, at_ns = self._desk, self._desk.parts.monotonic_ns()
        if not signed:
            return Refused("SIGNATURE_INVALID", ())
        moment = Moment(desk.parts.now_ns(), desk.venue_ts_ms(), desk.blocked)
        quote = desk.quotes.get(order.instrument)
        refused = admission.refused(
            order, moment, desk.fold.book, desk.halts.refusal(order), quote, desk.parts.caps
        )
        if refused is not None:
            return refused
        if not desk.circuits.allows(desk.parts.port.order_path):
            return Refused("CIRCUIT_OPEN", ())
        free = desk.affords() and self._budget.take_order(at_ns)
        return None if free else Refused("RATE_BUDGET", ())

    async def _submit(
        self, signed: Signed, at_ns: int, sent: VenueRequestSent, written: asyncio.Future[None]
    ) -> None:
        desk = self._desk
        try:
            await desk.on_log(written)
        except WriterError as error:
            outcome: Answer | Failure = Failure("UNKNOWN", False, f"not written: {error}")
        else:
            desk.parts.point("after-commit")
            desk.in_flight[sent.cl_ord_id or ""] = desk.parts.monotonic_ns()
            order = desk.fold.book.entries[sent.cl_ord_id or ""].approved
            outcome = await desk.transport.send(signed, at_ns, lambda: desk.halts.refusal(order))
            desk.parts.point("before-response")
        desk.circuits.judge(desk.parts.port.order_path, outcome)
        desk.in_flight.pop(sent.cl_ord_id or "", None)
        desk.tell(desk.heard(sent, outcome))

    def sweep(self) -> None:
        """Sends every cancel that is due; call it often. Raises what a task could not handle."""
        if self._failure is not None:
            raise self._failure
        desk, at_ns = self._desk, self._desk.parts.monotonic_ns()
        # Who was not tried yet, or longest ago, comes first: else the last of many never would.
        for cl_ord_id in sorted(desk.fold.book.live, key=lambda n: self._canceled_ns.get(n, 0)):
            entry, reason = desk.fold.book.entries[cl_ord_id], desk.wanted_cancel(cl_ord_id)
            # A cancel that overtakes its order finds nothing; one that waits for ever is none. What
            # is not written ahead has not been sent.
            sent_ns = desk.in_flight.get(cl_ord_id, at_ns - CANCEL_AGAIN_NS)
            due_ns = max(self._canceled_ns.get(cl_ord_id, 0), sent_ns + CANCEL_AGAIN_NS)
            if reason is None or at_ns < due_ns:
                continue
            if desk.held or not self._budget.take_cancel(at_ns):
                return
            self._canceled_ns[cl_ord_id] = at_ns + again_ns(entry.cancels)
            request = desk.parts.port.cancel(entry.approved)
            self._start(self._cancel(request, entry.cancels + 1, reason))

    async def _cancel(self, request: Request, attempt: int, reason: CancelReason) -> None:
        desk = self._desk
        signed, at_ns = desk.sign(request)
        sent = desk.sent(request, signed, "", attempt, reason)
        written = desk.tell(sent)
        # Less than the half after which it would be too old to send.
        wait_s = WRITE_AHEAD * desk.parts.recv_window_ms / 1_000
        await asyncio.wait([written], timeout=wait_s)
        outcome = await desk.transport.send(signed, at_ns)
        if isinstance(outcome, Failure):
            about = {"cl_ord_id": request.cl_ord_id}
            why = outcome.reason
            log.warning("cancel of %s: %s; it is repeated", request.cl_ord_id, why, extra=about)
        desk.tell(desk.heard(sent, outcome))
        self._forget_ended(request.cl_ord_id or "")

    def _forget_ended(self, cl_ord_id: str) -> None:
        if cl_ord_id not in self._desk.fold.book.live:
            self._canceled_ns.pop(cl_ord_id, None)
            self._desk.forget_cancel(cl_ord_id)

    def _start(self, work: object) -> None:
        task = asyncio.ensure_future(work)  # type: ignore[call-overload]
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._failure = self._failure or task.exception()

    async def finish(self) -> None:
        """Returns when nothing is under way."""
        while self._tasks:
            await asyncio.wait(self._tasks)


def again_ns(cancels: int) -> int:
    """How long after a cancel the next one follows, where so many went before it: 0.5, 1, then
    2 s. A venue that is overloaded, or does not know the order, is not helped by more.
    """
    return CANCEL_AGAIN_NS << min(cancels, 2)
