"""The process `tape run gateway`: one account, from the fence to the last cancel.

0   stopped: no order of ours is open any more
1   stopped with orders that may be open: one line names them
2   could not run: one clear line
70  fenced: another gateway has the account. Never restart, page
71  the log was away and is back: everything was canceled; restart
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from typing import Any, Final

from connectors.gateway.dead_man import DeadMan
from connectors.gateway.desk import Desk, Parts, log, new_instance
from connectors.gateway.inputs import SWEEP_MAX_NS, Inputs
from connectors.gateway.ledger import EVENTS, RAW, Ledger
from connectors.gateway.local_socket import LocalSocket
from connectors.gateway.past import (
    BREAKS,
    CONTROL,
    DECISIONS,
    RECON_CONTROL,
    Past,
    read_past,
)
from connectors.gateway.probe import FlattenProbe
from connectors.gateway.questions import Questions, Quotes
from connectors.gateway.rotation import Rotation
from connectors.gateway.sender import Sender
from connectors.gateway.snapshots import SNAPSHOTS, Saved, records_of
from connectors.gateway.start import Start
from connectors.gateway.stream import Stream
from connectors.log.errors import Aborted
from connectors.log.interface import Tp
from pipelines.gateway import gate
from schemas.errors import TapeError
from schemas.events import OrderApproved

SWEEP_S: Final = 0.02
STOP_S: Final = 5.0
SAVE_S: Final = 0.1
LOG_AGAIN_S: Final = 1.0
TOPICS: Final = (RAW, EVENTS, SNAPSHOTS, CONTROL, RECON_CONTROL, BREAKS, DECISIONS)


class LeftOpen(TapeError):
    """Stopped, and not every order of ours is known to have ended at the venue."""

    exit_code = 1


class Gateway:
    """Built fenced: `open_gateway` has ended any predecessor and read the log to its end."""

    def __init__(self, desk: Desk, past: Past) -> None:
        self.desk, self._past = desk, past
        self.sender = Sender(desk)
        self.start = Start(desk, past)
        self._inputs = Inputs(desk, self.sender, past.scope, past.positions)
        self._stream = Stream(desk, self.start.stream_open)
        self._socket = LocalSocket(desk)
        self._dead_man = DeadMan(desk, desk.parts.dead_man_ms)
        self._stopped = asyncio.Event()
        self._log_quiet_ns = self._commits = 0
        self.turned_s = time.monotonic()  # when its loop last turned

    def stop(self) -> None:
        """No more orders; what is open is canceled; then `run` returns."""
        self.desk.stopping = True
        self.desk.cancel_all("GATEWAY_STOPPED")
        self._stopped.set()

    async def run(self) -> None:
        """Until stopped. Raises `TapeError`."""
        try:
            await self._socket.open()
            await self.start.before_stream()
            self._take_up_past()
            await self._work()
        finally:
            await self._socket.close()
            await self.desk.ledger.idle()
            await self.desk.transport.close()
            self._inputs.close()

    async def _work(self) -> None:
        """Until stopped, or the first failure."""
        works: list[Coroutine[Any, Any, None]] = [
            self._inputs.run(),
            self._stream.run(),
            self.start.run(),
            self.start.keep_clock(),
            self.start.keep_ready(),
            self._sweep(),
            Questions(self.desk).run(),
            Quotes(self.desk).run(),
            self._watch_log(),
            self._dead_man.run(),
            self._until_stopped(),
            self._keep_state(),
            FlattenProbe(self.desk).run(),
        ]
        if self.desk.parts.read_key is not None:
            works.append(Rotation(self.desk, self.desk.parts.read_key).run())
        tasks = [asyncio.create_task(work) for work in works]
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for task in done:
            task.result()

    def _take_up_past(self) -> None:
        """Decisions that nobody acted on are looked at like any other: most have grown old."""
        desk = self.desk
        for entry in [desk.fold.book.entries[name] for name in desk.fold.book.live]:
            if desk.halts.refusal(entry.approved) == "STATE_HALTED":
                desk.want_cancel(entry.approved.cl_ord_id, "STATE_HALTED")
        for message in self._past.pending.values():
            event = desk.parts.codec.decode(message.value())
            assert isinstance(event, OrderApproved)
            self._inputs.take("risk.decision.v1", message)

    async def _sweep(self) -> None:
        """Cancels that are due, and whether anyone has fallen silent."""
        desk, at_ns = self.desk, self.desk.parts.monotonic_ns()
        while True:
            self.turned_s = time.monotonic()
            self._obey_halts()
            self.sender.sweep()
            await asyncio.sleep(SWEEP_S)
            before_ns, at_ns = at_ns, desk.parts.monotonic_ns()
            self._watch_ledger(min(at_ns - before_ns, SWEEP_MAX_NS))
            silent = self._inputs.silence.now(at_ns)
            if silent is not None and desk.silent is None:
                log.critical("%s: every order is canceled", silent)
            desk.silent = silent
            if silent is not None:
                desk.cancel_all("LOG_UNREACHABLE" if desk.cancel_only else silent)

    def _obey_halts(self) -> None:
        """Cancels what the latch or the local socket halts."""
        desk = self.desk
        book = desk.fold.book
        for cl_ord_id, reason in desk.halts.cancels(book.entries[n].approved for n in book.live):
            desk.want_cancel(cl_ord_id, reason)

    def _watch_ledger(self, lived_ns: int) -> None:
        """Without the log, from a commit that fails or hangs on: cancels alone."""
        desk, before = self.desk, self._commits
        self._commits = desk.ledger.commits
        hangs = desk.ledger.busy and self._commits == before
        self._log_quiet_ns = self._log_quiet_ns + lived_ns if hangs else 0
        silent = self._log_quiet_ns >= desk.parts.silent_s * 1e9
        if (silent or desk.ledger.broken) and not desk.cancel_only:
            log.critical("the log takes nothing: only cancels are sent from here on")
            desk.cancel_only = True
            desk.cancel_all("LOG_UNREACHABLE")

    async def _watch_log(self) -> None:
        """Ends the process when the log is back and nothing is open. Raises `Aborted`."""
        desk, loop = self.desk, asyncio.get_running_loop()
        while True:
            await asyncio.sleep(LOG_AGAIN_S)
            if not desk.cancel_only or desk.fold.book.live or desk.ledger.busy:
                continue
            try:
                tp = next(iter(self._past.positions))
                await loop.run_in_executor(None, desk.parts.log.bounds, Tp(*tp))
            except TapeError:
                continue
            raise Aborted("the log is back; nothing is open; start again to trade")

    async def _keep_state(self) -> None:
        """Snapshots while it runs; without one, a start only takes longer."""
        while True:
            await asyncio.sleep(SAVE_S)
            size = len(self.desk.fold.book.entries)
            if self.desk.untold >= max(self.desk.parts.snapshot_every, size):
                self._save()

    def _save(self) -> None:
        """Hands over the state of now; what was handed over before it is what it covers."""
        desk, past = self.desk, self._past
        if not (self.start.ready.is_set() and desk.untold) or desk.cancel_only:
            return
        desk.untold = 0
        positions = {**past.positions, **self._inputs.positions}
        state = Saved(desk.fold, desk.halts.log, past.scope, frozenset(desk.broken), positions)
        desk.ledger.put_after(records_of(state))

    async def _until_stopped(self) -> None:
        await self._stopped.wait()
        try:
            async with asyncio.timeout(STOP_S):
                while self.desk.fold.book.live:
                    await asyncio.sleep(SWEEP_S)
                await self.sender.finish()
                await self._dead_man.disarm()
                self._save()
        except TimeoutError:
            if left := ", ".join(self.desk.fold.book.live):
                raise LeftOpen(f"stopped with orders that may be open: {left}") from None
            log.warning("stopped before everything that was asked was answered")


def open_gateway(parts: Parts) -> Gateway:
    """Fences, then reads. It blocks. Raises `TapeError`."""
    parts.codec.learn(TOPICS)  # before the predecessor is fenced, and once and for all
    instance = new_instance()
    ledger = Ledger(parts.log, parts.codec, parts.caps.account, instance, parts.abort, parts.now_ns)
    ledger.fence()
    fenced = gate.fenced(parts.monotonic_ns())
    past = read_past(parts.log, parts.codec, parts.caps.account, parts.port)
    desk = Desk(parts, past.fold, ledger, instance)
    desk.gate, desk.halts.log, desk.broken = fenced, past.states, dict.fromkeys(past.breaks)
    return Gateway(desk, past)
