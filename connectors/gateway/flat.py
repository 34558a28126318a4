"""Takes an account's open orders from the venue and verifies that they are gone. It needs neither
the log nor a gateway.

Ask, cancel, and ask again when nothing that was sent before can still arrive: a receive window,
which may begin with a stamp that lies ahead, after the last request, and after the beginning, for a
gateway may have had an order on its way.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from typing import Final, NamedTuple

from connectors.gateway.keys import Key
from connectors.gateway.transport import OVER_LIMIT, Answer, Failure, Transport, boottime_ns
from connectors.orderport.clock import ask_clock
from connectors.orderport.interface import UNREADABLE, OrderPort, Request
from pipelines.gateway.gate import FUTURE_STAMP_MS
from pipelines.gateway.reports import Stamp
from schemas.events import OpenOrder

EVERY_S: Final = 0.25
REQUEST_S: Final = 1.5
CLOCK_ASKS: Final = 3


class Account(NamedTuple):
    """Where the orders are, and the key that may cancel them. `recv_window_ms`: the longest that
    anyone's request for this account lives.
    """

    port: OrderPort
    key: Key
    url: str
    recv_window_ms: int


class Wanted(NamedTuple):
    """Which orders must go. `only`: these and no others, which somebody else cancels."""

    instrument: str | None = None
    only: frozenset[str] | None = None

    def among(self, orders: Iterable[OpenOrder]) -> tuple[OpenOrder, ...]:
        return tuple(o for o in orders if self.only is None or o.cl_ord_id in self.only)


class Cleared(NamedTuple):
    """`left` as the venue last said; None if it never did. `last_cancel_ns`: wall time of the last
    request to cancel, 0 without one. `detail`: why it is not verified.
    """

    verified: bool
    left: tuple[OpenOrder, ...] | None
    cancels: int = 0
    last_cancel_ns: int = 0
    detail: str = ""


async def clear(account: Account, wanted: Wanted, within_s: float) -> Cleared:
    """Cancels and verifies; gives up after `within_s`."""
    transport = Transport(account.url, timeout_s=REQUEST_S)
    try:
        return await _Clearing(account, wanted, transport).run(time.monotonic() + within_s)
    finally:
        await transport.close()


class _Clearing:
    def __init__(self, account: Account, wanted: Wanted, transport: Transport) -> None:
        self._account, self._wanted, self._transport = account, wanted, transport
        self._offset_ns = 0
        self._quiet_until = 0.0
        self._found = Cleared(False, None, detail="the venue did not answer")

    async def run(self, limit: float) -> Cleared:
        alive_s = (self._account.recv_window_ms + FUTURE_STAMP_MS) / 1_000
        self._alive_until = time.monotonic() + alive_s
        await self._know_clock()
        while (asked := time.monotonic()) < limit:
            left = await self._look()
            if left == () and asked >= self._alive_until:
                return self._found._replace(verified=True, detail="")
            if left and self._wanted.only is None:
                await self._cancel(sorted({order.instrument for order in left}))
                self._alive_until = time.monotonic() + alive_s
            pause_s = max(EVERY_S, self._quiet_until - time.monotonic())
            await asyncio.sleep(min(pause_s, max(0.0, limit - time.monotonic())))
        return self._found

    async def _look(self) -> tuple[OpenOrder, ...] | None:
        """The orders that must go; None if the venue did not say."""
        port = self._account.port
        answer = await self._ask(port.open_orders(self._wanted.instrument))
        if answer is None:
            return None
        try:
            left = self._wanted.among(port.read_open_orders(answer.body))
        except UNREADABLE:
            self._found = self._found._replace(detail="the venue's answer cannot be read")
            return None
        detail = "orders are open" if left else "what was sent before may still arrive"
        self._found = self._found._replace(left=left, detail=detail)
        return left

    async def _cancel(self, instruments: list[str]) -> None:
        """One request per instrument, at once. Whatever is answered: the next look decides."""
        found = self._found
        self._found = found._replace(
            cancels=found.cancels + len(instruments), last_cancel_ns=time.time_ns()
        )
        port = self._account.port
        await asyncio.gather(*(self._ask(port.cancel_all(name)) for name in instruments))

    async def _ask(self, request: Request) -> Answer | None:
        answer = await self._send(request)
        return answer if isinstance(answer, Answer) and answer.status == 200 else None

    async def _send(self, request: Request) -> Answer | Failure:
        at_ms = (time.time_ns() + self._offset_ns) // 1_000_000
        stamp = Stamp(at_ms, self._account.recv_window_ms)
        signed = self._account.port.sign(request, self._account.key, stamp)
        answer = await self._transport.send(signed, boottime_ns())
        if isinstance(answer, Failure) or answer.status != 200:
            self._mind(answer)
        return answer

    def _mind(self, answer: Answer | Failure) -> None:
        """Keeps what went wrong, and silent for as long as the venue asks."""
        if isinstance(answer, Failure):
            self._found = self._found._replace(detail=f"the venue: {answer.reason}")
            return
        self._found = self._found._replace(detail=f"the venue answers {answer.status}")
        if answer.status in OVER_LIMIT:
            wait_s = self._account.port.metered(answer.headers).retry_after_s or 1
            self._quiet_until = max(self._quiet_until, time.monotonic() + wait_s)

    async def _know_clock(self) -> None:
        """By the quickest of some answers; without one, the machine's clock serves."""
        found: list[tuple[int, int]] = []
        for _ in range(CLOCK_ASKS):
            said = await ask_clock(self._account.port, self._send, time.time_ns, time.monotonic_ns)
            if said is None:
                break
            found.append(said)
            self._offset_ns = min(found)[1]
