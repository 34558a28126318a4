"""From a fresh process to `GatewayReady`: the shell of the gate in `pipelines.gateway.gate`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from connectors.gateway.desk import Desk, log
from connectors.gateway.past import Past, recorded_since
from connectors.gateway.rotation import check_key
from connectors.gateway.transport import Answer
from connectors.log.errors import WriterError
from connectors.orderport.clock import read_clock
from connectors.orderport.interface import Request
from pipelines.gateway import gate
from pipelines.gateway.fold import at_ns, raw_id
from schemas.errors import TapeError
from schemas.events import GatewayReady

CLOCK_EVERY_S: Final = 30.0
CLOCK_AGAIN_S: Final = 1.0
DAY_MS: Final = 86_400_000
RECENT_MS: Final = 60_000
SNAPSHOT_AGAIN_S: Final = 2.0
POLL_S: Final = 0.01


class StartRefused(TapeError):
    """The gateway cannot reach a state in which it may send."""


class NotYet(StartRefused):
    """The same for now: the venue does not answer, or a break is open. Start again later."""

    exit_code = 71


class Start:
    """Passes the gate once; after a lost stream, the part of it that must be shown again."""

    def __init__(self, desk: Desk, past: Past) -> None:
        self._desk, self._past = desk, past
        self.stream_open = asyncio.Event()
        self.ready = asyncio.Event()
        self._snapshot_id = ""

    async def before_stream(self) -> None:
        """Everything up to the stream. Raises `KeyRefused`, `StartRefused`."""
        desk = self._desk
        desk.gate = gate.passed(gate.passed(desk.gate, "LOG_READ"), "CAPS_LOADED")
        await self._know_clock()
        await check_key(desk, desk.key)
        await self._hand_over_journal()
        left_ns = gate.remaining_ns(desk.gate, desk.parts.monotonic_ns())
        log.info("takeover wait: %.3f s left", left_ns / 1e9)
        await asyncio.sleep(left_ns / 1e9 + 0.001)
        desk.gate = gate.waited(desk.gate, desk.parts.monotonic_ns())

    async def run(self) -> None:
        """Opens the gate whenever a stream opened. Until cancelled."""
        while True:
            await self.stream_open.wait()
            if not self.stream_open.is_set():
                continue  # it ended as it began
            self.stream_open.clear()
            self._desk.gate = gate.passed(self._desk.gate, "STREAM_OPEN")
            snapshot_id = await self._snapshot()
            if snapshot_id is None:
                continue
            await self._until(lambda: not self._desk.fold.inquiries)
            if self._desk.gate.waits_for != "ORDERS_QUERIED":
                continue  # the stream was lost meanwhile
            self._desk.gate = gate.passed(self._desk.gate, "ORDERS_QUERIED")
            await self._reconciled()
            if self._desk.gate.waits_for != "RECONCILED":
                continue
            self._desk.gate = gate.passed(self._desk.gate, "RECONCILED")
            self._snapshot_id = snapshot_id
            await self._say_ready()
            log.info("ready: account %s", self._desk.account)
            self.ready.set()

    async def _reconciled(self) -> None:
        """Until no break is open; raises `NotYet` for one at the start."""
        broken = self._desk.broken
        if not broken:
            return
        said = f"{len(broken)} breaks are open, for example {min(broken)}: clear them first"
        if not self.ready.is_set():
            raise NotYet(said)
        log.error("no order is sent: %s", said)
        await self._until(lambda: not broken)

    async def keep_ready(self) -> None:
        """Says again and again that orders may come, as long as they may. Until cancelled."""
        await self.ready.wait()
        while True:
            await asyncio.sleep(self._desk.parts.ready_every_s)
            if self._desk.blocked is None:
                await self._say_ready()

    async def _say_ready(self) -> None:
        with suppress(WriterError):  # the ledger says so itself: cancels alone
            await self._desk.write([self._announce()])

    async def _until(self, holds: Callable[[], bool]) -> None:
        while not holds() and self._desk.gate.done > gate.STEPS.index("STREAM_OPEN"):
            await asyncio.sleep(POLL_S)

    async def _know_clock(self) -> None:
        desk = self._desk
        if not await self._measure_clock():
            raise NotYet(f"the venue at {desk.parts.url} does not tell its time")
        window_ms = max(desk.parts.recv_window_ms, self._past.recv_window_ms)
        desk.gate = gate.clock_known(desk.gate, window_ms, desk.clock_error_ns)

    async def keep_clock(self) -> None:
        """Follows the venue's clock. Until cancelled; without an answer the last one holds."""
        doubted = self._desk.clock_doubted
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(doubted.wait(), CLOCK_EVERY_S)
            await self._desk.silence_over()
            doubted.clear()
            if not await self._measure_clock():
                log.warning("the venue does not tell its time")
            await asyncio.sleep(CLOCK_AGAIN_S)

    async def _measure_clock(self) -> bool:
        desk = self._desk
        now_ns, monotonic_ns = desk.parts.now_ns, desk.parts.monotonic_ns
        found = await read_clock(desk.parts.port, desk.look, now_ns, monotonic_ns)
        if found is not None:
            desk.offset_ns, desk.clock_error_ns = found
        return found is not None

    async def _hand_over_journal(self) -> None:
        """What a time without the log left behind, in the order of its times."""
        desk = self._desk
        kept = desk.journal.read()
        if not kept:
            return
        log_, codec = desk.parts.log, desk.parts.codec
        known = recorded_since(log_, codec, desk.account, min(map(at_ns, kept)))
        # Once, also what an earlier start could not hand over and kept again.
        once = {raw_id(event): event for event in kept}
        kept = sorted((e for name, e in once.items() if name not in known), key=at_ns)
        for name in {getattr(event, "cl_ord_id", None) for event in kept} & {*self._past.pending}:
            # It was tried: what became of it is in the journal, not to be decided anew.
            message = self._past.pending.pop(str(name))
            desk.fold.apply(desk.parts.codec.decode(message.value()))
        if kept:
            log.warning("%d events of a time without the log are handed over", len(kept))
            await desk.tell(*kept)
        desk.journal.clear()

    async def _snapshot(self) -> str | None:
        """Open orders and trades since the last known one; the snapshot's id, None where the stream
        was lost meanwhile. Raises `NotYet`.
        """
        desk, port = self._desk, self._desk.parts.port
        since_ms = self._past.last_trade_ms or desk.venue_ts_ms() - DAY_MS
        requests = [port.open_orders(None)]
        requests += [
            port.trades(instrument, None, since_ms - RECENT_MS)
            for instrument in desk.parts.caps.position_max
        ]
        ids = [await self._asked(request) for request in requests]
        if desk.gate.waits_for != "SNAPSHOT_TAKEN":
            return None
        desk.gate = gate.passed(desk.gate, "SNAPSHOT_TAKEN")
        return ids[0]

    async def _asked(self, request: Request) -> str:
        """A question's id once the venue has answered, or the stream was lost. Raises `NotYet` for
        an answer that fails at the start: who has orders open stays with them.
        """
        desk, request_id = self._desk, ""
        while True:
            await self._until(lambda: desk.may_ask(request))
            if desk.gate.waits_for != "SNAPSHOT_TAKEN":
                return request_id
            request_id, outcome = await desk.ask(request)
            if isinstance(outcome, Answer) and outcome.status == 200:
                return request_id
            said = f"the venue does not answer {request.path}"
            if not self.ready.is_set():
                raise NotYet(said)
            log.error("no order is sent: %s", said)
            await asyncio.sleep(SNAPSHOT_AGAIN_S)

    def _announce(self) -> GatewayReady:
        desk = self._desk
        return GatewayReady(
            desk.account,
            desk.parts.port.venue,
            desk.instance,
            desk.parts.takeover,
            desk.parts.caps.version,
            desk.offset_ns,
            len(desk.fold.book.live),
            self._snapshot_id,
            desk.parts.now_ns(),
        )
