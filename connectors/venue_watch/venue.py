"""Signed questions to a venue, by its clock, within what its limits leave.

Nothing is asked while the venue wants silence. What it does not answer is an `Unanswered`, after
which the clock is read anew: a stamp that was refused says that it had moved.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, TypeVar

from connectors.gateway.keys import Key, KeyRefused
from connectors.gateway.transport import OVER_LIMIT, Answer, Failure, Transport, boottime_ns
from connectors.orderport.clock import read_clock
from connectors.orderport.interface import UNREADABLE, OrderPort, Request
from pipelines.gateway.reports import Stamp
from pipelines.watch.pace import Pace
from schemas.errors import TapeError

RECV_WINDOW_MS: Final = 5_000
CLOCK_EVERY_NS: Final = 30 * 10**9
Read = TypeVar("Read")


class Unanswered(TapeError):
    """The venue did not answer a question, or must not be asked now."""


class Venue:
    """One key at one venue."""

    def __init__(
        self,
        port: OrderPort,
        key: Key,
        url: str,
        now_ns: Callable[[], int] = time.time_ns,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self.port, self._key, self.now_ns, self._monotonic_ns = port, key, now_ns, monotonic_ns
        self._transport = Transport(url, now_ns=now_ns)
        self._pace = Pace(port.weight_per_minute)
        self.offset_ns = 0
        self._clock_until_ns: int | None = None  # monotonic; None: not known

    async def close(self) -> None:
        await self._transport.close()

    def venue_ms(self) -> int:
        return (self.now_ns() + self.offset_ns) // 1_000_000

    def affords(self, request: Request) -> bool:
        """Whether the limit leaves room for it."""
        return self._pace.allows(self.port.weight(request), self.venue_ms())

    async def ask(self, request: Request) -> Answer:
        """The answer, of status 200. Raises `Unanswered`."""
        await self._know_clock()
        outcome = await self._send(request)
        if isinstance(outcome, Answer) and outcome.status == 200:
            return outcome
        self._clock_until_ns = None
        what = outcome.reason if isinstance(outcome, Failure) else f"status {outcome.status}"
        raise Unanswered(f"{request.path}: {what}")

    async def read(
        self, request: Request, read: Callable[[bytes], Read]
    ) -> tuple[Read, tuple[int, int]]:
        """What an answer says, and when it was asked for and came, ns. Raises `Unanswered`."""
        sent_ns = self.now_ns()
        answer = await self.ask(request)
        try:
            return read(answer.body), (sent_ns, answer.ts_recv_ns)
        except UNREADABLE as error:
            raise Unanswered(f"{request.path}: cannot be read: {type(error).__name__}") from None

    async def check_key(self) -> None:
        """Raises `KeyRefused` for a key that may do more than read, `Unanswered`."""
        may, _ = await self.read(self.port.permissions(), self.port.read_permissions)
        if not may.reads_only:
            raise KeyRefused(
                "the watching key may do more than read: a key that can trade or move money is "
                "the gateway's alone"
            )

    async def _know_clock(self) -> None:
        at_ns = self._monotonic_ns()
        if self._clock_until_ns is not None and at_ns < self._clock_until_ns:
            return
        found = await read_clock(self.port, self._send, self.now_ns, self._monotonic_ns)
        if found is None:
            raise Unanswered("the venue does not tell its time")
        self.offset_ns, self._clock_until_ns = found.offset_ns, at_ns + CLOCK_EVERY_NS

    async def _send(self, request: Request) -> Answer | Failure:
        """Raises `Unanswered` where the limit or the venue's wish forbids it."""
        if not self.affords(request):
            raise Unanswered("the venue's limit leaves room for cancels alone")
        signed_at_ns = boottime_ns()
        stamp = Stamp(self.venue_ms(), RECV_WINDOW_MS)
        signed = self.port.sign(request, self._key, stamp)
        outcome = await self._transport.send(signed, signed_at_ns)
        self._mind(request, outcome)
        return outcome

    def _mind(self, request: Request, outcome: Answer | Failure) -> None:
        said = None if isinstance(outcome, Failure) else self.port.metered(outcome.headers)
        used = said.used_weight if said else None
        self._pace = self._pace.spent(self.port.weight(request), used, self.venue_ms())
        if isinstance(outcome, Answer) and outcome.status in OVER_LIMIT:
            wait_s = (said.retry_after_s if said else None) or 1
            self._pace = self._pace.told_to_wait(wait_s, self.venue_ms())
