"""The gateway of a backtest: its own admission, fold and adapter, with a wire in place of sockets.

What is left out is what a venue that always answers never needs: inquiries, breakers, a second try.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from connectors.gateway.ledger import EVENTS, RAW
from connectors.orderport.interface import OrderPort, Request
from pipelines.gateway import admission, answers
from pipelines.gateway.admission import Moment
from pipelines.gateway.caps import Caps, Refused
from pipelines.gateway.fold import OrderFold
from pipelines.gateway.holdings import concerns
from pipelines.gateway.reports import Stamp
from pipelines.logic import Input, Output, Position
from replay.backtest.exchange import SimulatedVenue
from replay.backtest.wire import Wire
from schemas.events import (
    CancelApproved,
    ClockTick,
    GatewayReady,
    OrderApproved,
    VenueFrameReceived,
    VenueRequestSent,
    VenueResponseReceived,
    VenueStreamOpened,
)

INSTANCE: Final = "backtest"
READY_EVERY_NS: Final = 2_000_000_000
RECV_WINDOW_MS: Final = 1_000
_MS: Final = 1_000_000


class _NoKey(NamedTuple):
    """Signs nothing: no venue will look."""

    api_key: str = ""

    def sign(self, payload: bytes) -> str:
        return ""


class Gateway:
    """One account. `write` gets what it writes, each list in one go."""

    def __init__(
        self,
        caps: Caps,
        port: OrderPort,
        venue: SimulatedVenue,
        wire: Wire,
        now_ns: Callable[[], int],
        write: Callable[[list[Output]], None],
    ) -> None:
        self._caps, self._port, self._venue, self._wire = caps, port, venue, wire
        self._now_ns, self._write = now_ns, write
        self.fold = OrderFold(port)
        self._unanswered: set[str] = set()
        self._ready_ns = self._requests = self._told = self._frame_ns = 0

    def open(self) -> None:
        """The private stream is there from the first moment."""
        about = (self._caps.account, self._port.venue, INSTANCE)
        self._tell(VenueStreamOpened(*about, self._now_ns()))

    def hear(self, item: Input) -> None:
        """A record that a gateway reads."""
        event = item.event
        if isinstance(event, OrderApproved):
            self._approve(event)
        elif isinstance(event, CancelApproved):
            self.fold.book.want_cancel(event.cl_ord_id, event.reason)
            self._cancel(event.cl_ord_id)
        elif isinstance(event, ClockTick) and self._now_ns() - self._ready_ns >= READY_EVERY_NS:
            self._ready_ns = self._now_ns()
            self._put([self._ready()], cause=item.position)
        elif concerns(event, self._caps.account):
            self.fold.apply(event)

    # ---- orders ----------------------------------------------------------------------------------

    def _approve(self, order: OrderApproved) -> None:
        if not self.fold.book.approve(order):
            refused: Refused | None = Refused("DECISION_REPEATED", ())
        else:
            moment = Moment(self._now_ns(), self._now_ns() // _MS)
            quote = self._venue.quote(order.instrument)
            refused = admission.refused(order, moment, self.fold.book, None, quote, self._caps)
        if refused is None:
            self._submit(order)
            return
        entry = self.fold.book.entries[order.cl_ord_id]
        event = answers.dropped(entry, refused.reason, refused.facts, order.causation_id)
        self._put(self.fold.expire(event))

    def _submit(self, order: OrderApproved) -> None:
        request = self._port.submit(order)
        self._unanswered.add(order.cl_ord_id)
        sent = self._sent(request, order.causation_id)
        self._wire.out("order", lambda: self._arrive(request, sent))

    def _cancel(self, cl_ord_id: str) -> None:
        """A cancel that overtook its order would find nothing: it waits for the answer."""
        entry = self.fold.book.entries.get(cl_ord_id)
        if entry is None or not entry.live or cl_ord_id in self._unanswered:
            return
        self._unanswered.add(cl_ord_id)
        request = self._port.cancel(entry.approved)
        sent = self._sent(request, "", entry.cancels + 1, entry.cancel)
        self._wire.out("cancel", lambda: self._arrive(request, sent))

    def _arrive(self, request: Request, sent: VenueRequestSent) -> None:
        """At the venue. Its reports are on their way before the answer is."""
        answer = self._venue.answer(request, self._port.stamp(sent.parameters))
        self._wire.back(lambda: self._answered(sent, answer.status, answer.body))

    def _answered(self, sent: VenueRequestSent, status: int, body: bytes) -> None:
        about = (sent.account, sent.venue, sent.request_id, sent.cl_ord_id)
        cl_ord_id = sent.cl_ord_id or ""
        self._unanswered.discard(cl_ord_id)
        self._tell(VenueResponseReceived(*about, status, None, None, body, self._now_ns()))
        entry = self.fold.book.entries[cl_ord_id]
        if entry.cancel is not None and sent.method == "POST":
            self._cancel(cl_ord_id)

    def frame(self, payload: bytes) -> None:
        """The venue sends a frame of the private stream."""
        self._wire.back(lambda: self._framed(payload))

    def _framed(self, payload: bytes) -> None:
        self._frame_ns = max(self._now_ns(), self._frame_ns + 1)  # a frame's id is its time
        about = (self._caps.account, self._port.venue, INSTANCE)
        self._tell(VenueFrameReceived(*about, payload, self._frame_ns))

    # ---- what it writes --------------------------------------------------------------------------

    def _sent(
        self, request: Request, causation_id: str, attempt: int = 1, reason: Any = None
    ) -> VenueRequestSent:
        self._requests += 1
        stamp = Stamp(self._now_ns() // _MS, RECV_WINDOW_MS)
        event = VenueRequestSent(
            self._caps.account,
            self._port.venue,
            f"{INSTANCE}/{self._requests}",
            request.cl_ord_id,
            request.method,
            request.path,
            self._port.sign(request, _NoKey(), stamp).parameters,
            attempt,
            causation_id,
            self._now_ns(),
            reason or "UNKNOWN",
        )
        self._tell(event)
        return event

    def _tell(self, raw: Any) -> None:
        """A raw event with what follows from it."""
        self._put(self.fold.apply(raw), (raw,))

    def _put(
        self, events: Sequence[Any], raw: Sequence[Any] = (), cause: Position | None = None
    ) -> None:
        self._told += 1
        at = cause or Position(RAW, 0, self._told)
        account, at_ms = self._caps.account, self._now_ns() // _MS
        told = [Output(at, at_ms, RAW, account, one) for one in raw]
        self._write(told + [Output(at, at_ms, EVENTS, account, one) for one in events])

    def _ready(self) -> GatewayReady:
        return GatewayReady(
            self._caps.account,
            self._port.venue,
            INSTANCE,
            False,
            self._caps.version,
            0,
            len(self.fold.book.live),
            "",
            self._now_ns(),
        )
