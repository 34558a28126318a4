"""What the gateway's tasks share: the fold, where its events go, the venue's clock, and whether
anything may be sent now.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

from connectors.gateway.circuits import Circuits
from connectors.gateway.figures import GatewayFigures
from connectors.gateway.halts import Halts
from connectors.gateway.journal import Journal
from connectors.gateway.keys import Key
from connectors.gateway.ledger import Ledger
from connectors.gateway.transport import OVER_LIMIT, Answer, Failure, Transport, boottime_ns
from connectors.log.errors import Aborted, WriterError
from connectors.log.interface import Abort, Log
from connectors.orderport.interface import Metered, OrderPort, Request, Signed
from connectors.traces.orders import OrderSpans
from pipelines.gateway.caps import Caps, Quote
from pipelines.gateway.fold import OrderFold
from pipelines.gateway.gate import Gate
from pipelines.gateway.reports import Stamp
from pipelines.watch.pace import Pace
from schemas.codec import Codec
from schemas.events import (
    CancelReason,
    DecisionExpiry,
    VenueRequestFailed,
    VenueRequestSent,
    VenueResponseReceived,
)
from schemas.secret import MASK

log = logging.getLogger("tape.gateway")
HELD_AGAIN_S: Final = 0.05
MISSTAMPED: Final = "TIMESTAMP_OUTSIDE_WINDOW"


class Parts(NamedTuple):
    """What a gateway is given. `risk_keys` in PEM; `url` of REST, `socket_url` of the private
    stream; `point` names moments for tests; `silent_s`: how long risk, clock or log may say
    nothing; `dead_man_ms`: when the venue cancels by itself, 0 for never; `snapshot_every` so many
    raw events at the earliest; `read_key` gives the key of its reference again, asked every
    `key_every_s`; `probe_every_s`: how often it is asked whether the desk could flatten.
    """

    log: Log
    codec: Codec
    port: OrderPort
    key: Key
    caps: Caps
    risk_keys: Sequence[bytes]
    url: str
    socket_url: str
    journal: Path
    abort: Abort
    recv_window_ms: int = 1_000
    requests_per_second: int = 20
    requests_for_cancels: int = 10
    silent_s: float = 3.0
    takeover: bool = False
    snapshot_every: int = 2_000
    ready_every_s: float = 2.0  # risk takes one that says nothing for 6 s of log time for gone
    read_key: Callable[[], Key] | None = None
    key_every_s: float = 30.0
    dead_man_ms: int = 0
    probe_every_s: float = 60.0
    point: Callable[[str], None] = lambda _: None
    now_ns: Callable[[], int] = time.time_ns
    monotonic_ns: Callable[[], int] = time.monotonic_ns


class Desk:
    """See the module. Everything happens on one event loop but the ledger's transactions."""

    def __init__(self, parts: Parts, fold: OrderFold, ledger: Ledger, instance: str) -> None:
        self.parts, self.fold, self.ledger, self.instance = parts, fold, ledger, instance
        self.journal = Journal(parts.journal, parts.codec)
        self.transport = Transport(parts.url, point=parts.point, now_ns=parts.now_ns)
        self.gate, self.halts = Gate(), Halts(parts.journal.parent)
        self.circuits = Circuits(parts.monotonic_ns)
        self.pace = Pace(parts.port.weight_per_minute)
        self.quotes: dict[str, Quote] = {}
        self.broken: dict[str, str | None] = {}  # open breaks: the order each is about
        self.doubted: dict[str, int] = {}  # orders a break was about, and when the venue was asked
        self.in_flight: dict[str, int] = {}  # orders that await their answer, and since when
        self.offset_ns = self.clock_error_ns = 0
        self.clock_doubted = asyncio.Event()  # the venue refused a stamp
        self.cancel_only = self.stopping = False
        self.silent: CancelReason | None = None
        self.untold = 0  # raw events that no snapshot covers
        self._wanted: dict[str, CancelReason] = {}
        self._masked: list[bytes] = []
        self.use(parts.key)
        self._held_until_ns = 0
        self.figures = GatewayFigures(self)
        self.spans: OrderSpans | None = None
        self._numbers = itertools.count(1)
        ledger.lost = self._keep

    @property
    def account(self) -> str:
        return self.parts.caps.account

    @property
    def blocked(self) -> DecisionExpiry | None:
        """Why no order is sent now; None if one may be."""
        if self.cancel_only:
            return "GATEWAY_CANCEL_ONLY"
        ready = self.gate.ready and not self.stopping and self.silent is None
        return None if ready else "GATEWAY_NOT_READY"

    @property
    def held(self) -> bool:
        """The venue asked to wait (429, 418): who goes on, is banned for longer, cancels too."""
        return self.parts.monotonic_ns() < self._held_until_ns

    async def silence_over(self) -> None:
        """Returns when the venue may be spoken to."""
        while self.held:
            await asyncio.sleep(HELD_AGAIN_S)

    def affords(self, weight: int = 1) -> bool:
        """Whether the venue's limit leaves room: a part of it is the cancels' alone."""
        return not self.held and self.pace.allows(weight, self.venue_ts_ms())

    def may_ask(self, request: Request) -> bool:
        """Whether a question may go out now: cancels come first, and an ill endpoint has peace."""
        affordable = self.affords(self.parts.port.weight(request))
        return affordable and self.circuits.allows(request.path)

    def venue_ts_ms(self) -> int:
        return (self.parts.now_ns() + self.offset_ns) // 1_000_000

    def use(self, key: Key) -> None:
        """Signs with this key from here on."""
        self.key = key
        self._masked.append(key.api_key.encode())

    def sign(self, request: Request, key: Key | None = None) -> tuple[Signed, int]:
        """The request stamped and signed now, and boottime at the stamp."""
        at_ns = boottime_ns()
        stamp = Stamp(self.venue_ts_ms(), self.parts.recv_window_ms)
        return self.parts.port.sign(request, key or self.key, stamp), at_ns

    def tell(self, *told: Any) -> asyncio.Future[None]:
        """Folds raw events and writes them with what follows from them, in one transaction."""
        found = [event for one in told for event in (one, *self.fold.apply(one))]
        if any(getattr(event, "reason", "") == MISSTAMPED for event in found):
            self.clock_doubted.set()
        self.untold += len(told)
        return self.write(found)

    def write(self, found: list[Any]) -> asyncio.Future[None]:
        """To the log; without it, to the local journal, raw events alone: the rest is derived."""
        self.figures.count(found)
        if not self.cancel_only and self.ledger.broken is None:
            written = self.ledger.put(found)
            if self.spans is not None:
                self.spans.told(found, written)
            return written
        self._keep(found)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done

    async def on_log(self, written: asyncio.Future[None]) -> None:
        """Waits for what `write` gave. Raises `WriterError`, also where the log was given up
        meanwhile: an order that only the journal knows must not be sent.
        """
        await written
        if self.cancel_only or self.ledger.broken is not None:
            raise Aborted("the log was given up")

    def _keep(self, found: list[Any]) -> None:
        try:
            self.journal.append([one for one in found if type(one).__name__.startswith("Venue")])
        except OSError as error:  # no cancel waits for it: the next start asks for every order
            log.critical("the journal cannot be written: %s", error.strerror)

    def sent(
        self,
        request: Request,
        signed: Signed,
        causation_id: str,
        attempt: int = 1,
        reason: CancelReason = "UNKNOWN",
    ) -> VenueRequestSent:
        return VenueRequestSent(
            self.account,
            self.parts.port.venue,
            f"{self.instance}/{next(self._numbers)}",
            request.cl_ord_id,
            request.method,
            request.path,
            signed.parameters,
            attempt,
            causation_id,
            self.parts.now_ns(),
            reason,
        )

    def heard(
        self, sent: VenueRequestSent, outcome: Answer | Failure, weight: int = 1
    ) -> VenueResponseReceived | VenueRequestFailed:
        """The record of what came back. `weight` is what the request cost."""
        about = (sent.account, sent.venue, sent.request_id, sent.cl_ord_id)
        metered = self._mind(outcome, weight)
        if isinstance(outcome, Failure):
            return VenueRequestFailed(*about, *outcome, self.parts.now_ns())
        body = self.scrubbed(outcome.body)
        return VenueResponseReceived(*about, outcome.status, *metered, body, outcome.ts_recv_ns)

    async def ask(self, request: Request, causation_id: str = "") -> tuple[str, Answer | Failure]:
        """A question: nothing changes at the venue, so it does not wait until it is on the log, but
        is told at once: an order may come into doubt before the answer. Gives the request's id and
        what came back, after both are on the log, or in the journal where that is lost meanwhile:
        whoever asks goes on, for cancels do.
        """
        signed, at_ns = self.sign(request)
        sent = self.sent(request, signed, causation_id)
        self.tell(sent)
        outcome = await self._send(request, signed, at_ns)
        with suppress(WriterError):
            await self.tell(self.heard(sent, outcome, self.parts.port.weight(request)))
        return sent.request_id, outcome

    async def look(self, request: Request, key: Key | None = None) -> Answer | Failure:
        """A public question, or one about a key: it is not recorded."""
        signed, at_ns = self.sign(request, key)
        outcome = await self._send(request, signed, at_ns)
        self._mind(outcome, self.parts.port.weight(request))
        return outcome

    async def _send(self, question: Request, signed: Signed, at_ns: int) -> Answer | Failure:
        outcome = await self.transport.send(signed, at_ns)
        self.circuits.judge(question.path, outcome)
        return outcome

    def _mind(self, outcome: Answer | Failure, weight: int) -> Metered:
        """What the venue says of its limits; counts what a request cost, and keeps silent from here
        on if the venue asks for it.
        """
        said = Metered()
        if isinstance(outcome, Answer):
            said = self.parts.port.metered(outcome.headers)
        self.pace = self.pace.spent(weight, said.used_weight, self.venue_ts_ms())
        if isinstance(outcome, Answer) and outcome.status in OVER_LIMIT:
            wait_s = said.retry_after_s or 1
            until_ns = self.parts.monotonic_ns() + wait_s * 1_000_000_000
            self._held_until_ns = max(self._held_until_ns, until_ns)
            log.critical("the venue asks for silence of %d s", wait_s)
        return said

    def cancel_all(self, reason: CancelReason) -> None:
        """Notes every live order for its cancel."""
        for cl_ord_id in self.fold.book.live:
            self.want_cancel(cl_ord_id, reason)

    def want_cancel(self, cl_ord_id: str, reason: CancelReason) -> None:
        """Notes an order for its cancel, for a reason that only this process knows until the
        cancel is sent; the first one stays.
        """
        self._wanted.setdefault(cl_ord_id, reason)

    def forget_cancel(self, cl_ord_id: str) -> None:
        """Of an order that has ended."""
        self._wanted.pop(cl_ord_id, None)

    def wanted_cancel(self, cl_ord_id: str) -> CancelReason | None:
        """Why an order is to be canceled; None if it is not. The log's reason comes first."""
        return self.fold.book.entries[cl_ord_id].cancel or self._wanted.get(cl_ord_id)

    def scrubbed(self, payload: bytes) -> bytes:
        """Without the keys' names, should a venue repeat them."""
        for name in self._masked:
            payload = payload.replace(name, MASK.encode())
        return payload


def new_instance() -> str:
    """Random, as a process is."""
    return uuid.uuid4().hex[:16]
