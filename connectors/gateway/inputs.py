"""What the gateway follows on the log while it runs: decisions, control, and the signs of life of
clock and risk (whose epochs follow the clock's ticks).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from typing import Any, Final

from connectors.gateway.desk import Desk
from connectors.gateway.past import BREAKS, CONTROL, DECISIONS, RECON_CONTROL
from connectors.gateway.sender import Sender
from connectors.log.interface import Message, Tp
from connectors.log.places import as_written, partitions
from connectors.signing import Scope, Verifier
from pipelines.gateway import scopes
from pipelines.gateway.holdings import concerns
from schemas.events import (
    BreakCleared,
    BreakFound,
    CancelApproved,
    CancelReason,
    OrderApproved,
    TradingHalted,
)

CLOCK: Final = "ops.clock.v1"
RISK_EPOCHS: Final = "risk.epochs.v1"
POLL_S: Final = 0.05
IDLE_S: Final = 0.002
SWEEP_MAX_NS: Final = 100_000_000


class Silence:
    """Which of clock and risk has said nothing for too long, in time that the process lived.

    A process that was stopped did not listen: after it wakes, at most `SWEEP_MAX_NS` count, so that
    a predecessor that was put to sleep does not cancel its successor's orders as it wakes.
    """

    def __init__(self, silent_ns: int, at_ns: int) -> None:
        self._silent_ns, self._at_ns = silent_ns, at_ns
        self._quiet_ns: dict[CancelReason, int] = {"CLOCK_SILENT": 0, "RISK_SILENT": 0}

    def heard(self, what: CancelReason) -> None:
        self._quiet_ns[what] = 0

    def now(self, at_ns: int) -> CancelReason | None:
        """After a look at the clock; call it often."""
        lived_ns = min(at_ns - self._at_ns, SWEEP_MAX_NS)
        self._at_ns = at_ns
        for what in self._quiet_ns:
            self._quiet_ns[what] += lived_ns
        return next((what for what, ns in self._quiet_ns.items() if ns >= self._silent_ns), None)


class Inputs:
    """Reads on a thread, acts on the event loop."""

    def __init__(
        self, desk: Desk, sender: Sender, scope: Scope, positions: Mapping[Tp, int]
    ) -> None:
        self._desk, self._sender = desk, sender
        self._verifier = Verifier(desk.parts.risk_keys, scope)
        self._key = desk.account.encode()
        self._pool = ThreadPoolExecutor(1, "inputs")
        log = desk.parts.log
        alive = {tp: log.bounds(tp)[1] for tp in partitions(log, CLOCK, RISK_EPOCHS)}
        at_ns = desk.parts.monotonic_ns()
        self.silence = Silence(int(desk.parts.silent_s * 1e9), at_ns)
        self.positions = {tp: at for tp, at in positions.items() if tp.topic in _FOLLOWED}
        self._reader = desk.parts.log.reader({**self.positions, **alive})

    async def run(self) -> None:
        """Until cancelled. Raises what reading and decoding raise: a bad record here halts."""
        loop = asyncio.get_running_loop()
        while True:
            found = await loop.run_in_executor(self._pool, self._reader.poll, 500, POLL_S)
            for topic, message in in_turn(found):
                self.take(topic, message)
            await asyncio.sleep(0 if found else IDLE_S)

    def close(self) -> None:
        """After `run` has ended: the thread's last poll first."""
        self._pool.shutdown()
        self._reader.close()

    def take(self, topic: str, message: Message) -> None:
        """One record."""
        tp = Tp(topic, message.partition())
        if tp in self.positions:
            self.positions[tp] = max(self.positions[tp], message.offset() + 1)
        if topic in _ALIVE:
            self.silence.heard(_ALIVE[topic])
        elif topic == CONTROL or message.key() == self._key:
            self._obey(topic, message, self._desk.parts.codec.decode(message.value()))

    def _obey(self, topic: str, message: Message, event: Any) -> None:
        desk = self._desk
        if isinstance(event, OrderApproved):
            self._sender.approve(event, signed=self._signed(topic, message))
        elif isinstance(event, CancelApproved):
            desk.fold.apply(event)
        elif topic == BREAKS:
            self._follow_break(event)
        elif topic in (CONTROL, RECON_CONTROL):
            desk.halts.follow(event)
            if concerns(event, desk.account):
                desk.fold.apply(event)
            if isinstance(event, TradingHalted) and event.cancel_orders:
                self._cancel_covered(event)

    def _follow_break(self, event: BreakFound | BreakCleared) -> None:
        if isinstance(event, BreakCleared):
            self._desk.broken.pop(event.break_id, None)
            return
        self._desk.broken[event.break_id] = event.cl_ord_id
        if event.cl_ord_id is not None:
            self._desk.doubted[event.cl_ord_id] = 0

    def _cancel_covered(self, event: TradingHalted) -> None:
        book = self._desk.fold.book
        for cl_ord_id in list(book.live):
            order = book.entries[cl_ord_id].approved
            if scopes.covers(event, order.account, order.strategy, order.instrument):
                self._desk.want_cancel(cl_ord_id, "STATE_HALTED")

    def _signed(self, topic: str, message: Message) -> bool:
        headers = message.headers() or []
        return self._verifier.holds(topic, message.key() or b"", message.value(), headers)


def in_turn(found: Mapping[Tp, Sequence[Message]]) -> Iterator[tuple[str, Message]]:
    """Control before decisions, whatever came first: a halt that has arrived is obeyed. Who halts
    and who resumes, by log time, as after a restart.
    """
    tps = sorted(found, key=lambda tp: (_FOLLOWED[tp.topic], tp))
    for _, together in groupby(tps, key=lambda tp: _FOLLOWED[tp.topic]):
        for tp, message in as_written({tp: found[tp] for tp in together}):
            yield tp.topic, message


_ALIVE: Final[dict[str, CancelReason]] = {CLOCK: "CLOCK_SILENT", RISK_EPOCHS: "RISK_SILENT"}
_FOLLOWED: Final = {CLOCK: 0, RISK_EPOCHS: 0, CONTROL: 1, RECON_CONTROL: 1, BREAKS: 2, DECISIONS: 3}
