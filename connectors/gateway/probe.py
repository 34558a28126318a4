"""Could the desk flatten now? Asked once a minute, without sending an order.

Closing what is open takes a gateway that may send (its gate is passed, risk and clock are heard,
its own commits are confirmed: else it would be CANCEL-ONLY within `silent_s`) and a venue that
answers the trading key and says that it may trade.
"""

from __future__ import annotations

import asyncio
from typing import Final

from connectors.gateway.desk import Desk, log
from connectors.gateway.keys import KeyRefused
from connectors.gateway.rotation import KeyUnproven, check_key
from connectors.metrics import declared

ANSWERED: Final = "ANSWERED"
OUTCOMES: Final = (
    ANSWERED,
    "GATEWAY_NOT_READY",
    "GATEWAY_CANCEL_ONLY",
    "VENUE_HELD",
    "VENUE_SILENT",
    "KEY_REFUSED",
)


class FlattenProbe:
    """Counts what came of each probe, from zero on."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        for outcome in OUTCOMES:
            declared.FLATTEN_PROBES.labels(desk.account, outcome)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(self._desk.parts.probe_every_s)
            outcome = await self.outcome()
            declared.FLATTEN_PROBES.labels(self._desk.account, outcome).inc()
            if outcome != ANSWERED:
                log.error("the desk could not flatten now: %s", outcome)

    async def outcome(self) -> str:
        """One of `OUTCOMES`."""
        desk = self._desk
        if desk.blocked is not None:
            return desk.blocked
        if desk.held:
            return "VENUE_HELD"
        try:
            await check_key(desk, desk.key)
        except KeyUnproven:
            return "VENUE_SILENT"
        except KeyRefused:
            return "KEY_REFUSED"
        return ANSWERED
