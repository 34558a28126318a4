"""The venue's dead-man's switch: it cancels an account's orders when nobody refreshes it in time.

Defence in depth, for a gateway that can say nothing any more. Refreshed only while risk, clock, log
and gateway are healthy: a request that is not on the log keeps the next one from being made.
"""

from __future__ import annotations

import asyncio
from typing import Final

from connectors.gateway.desk import Desk, log
from connectors.gateway.transport import Answer

PARTS: Final = 3  # how often it is refreshed in its time
LOOK_S: Final = 0.02
ABSENT: Final = 404


class DeadMan:
    """`countdown_ms` of 0: never armed."""

    def __init__(self, desk: Desk, countdown_ms: int) -> None:
        self._desk, self._countdown_ms = desk, countdown_ms
        desk.figures.countdown_ms = countdown_ms
        self._armed: set[str] = set()  # or perhaps: whoever asks for it may not hear the answer
        self._asking = asyncio.Lock()

    async def run(self) -> None:
        """Until cancelled."""
        due_ns, monotonic_ns = 0, self._desk.parts.monotonic_ns
        while self._countdown_ms:
            at_ns = monotonic_ns()
            if self._desk.blocked is None and at_ns >= due_ns:
                due_ns = at_ns + self._countdown_ms * 1_000_000 // PARTS
                for instrument in self._desk.parts.caps.position_max:
                    async with self._asking:
                        await self._refresh(instrument)
            await asyncio.sleep(LOOK_S)
        await asyncio.Event().wait()

    async def disarm(self) -> None:
        """When nothing is open any more, and nobody will refresh it: after what is under way."""
        async with self._asking:
            for instrument in sorted(self._armed):
                await self._desk.ask(self._desk.parts.port.countdown(instrument, 0))
            self._armed.clear()

    async def _refresh(self, instrument: str) -> None:
        desk = self._desk
        if desk.held or desk.stopping:
            return
        self._armed.add(instrument)
        desk.figures.dead_man_ns.setdefault(instrument, desk.parts.monotonic_ns())
        _, outcome = await desk.ask(desk.parts.port.countdown(instrument, self._countdown_ms))
        if isinstance(outcome, Answer) and outcome.status == ABSENT:
            log.warning("the venue has no dead-man's switch")
            self._countdown_ms = desk.figures.countdown_ms = 0
            self._armed.clear()
        elif isinstance(outcome, Answer) and outcome.status == 200:
            desk.figures.dead_man_ns[instrument] = desk.parts.monotonic_ns()
        else:
            log.warning("%s: the dead-man's switch was not refreshed", instrument)
