"""A trading key that is replaced while the gateway runs: its reference is read again and again, and
another key is used from the moment at which the venue has answered it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from connectors.gateway.desk import Desk, log
from connectors.gateway.keys import Key, KeyRefused
from connectors.gateway.transport import OVER_LIMIT, Answer, Failure
from connectors.orderport.interface import UNREADABLE
from schemas.errors import TapeError


class KeyUnproven(KeyRefused):
    """The venue did not answer what the key may do. Ask again later."""

    exit_code = 71


async def check_key(desk: Desk, key: Key) -> None:
    """Asks the venue, with this key, what it may do. Raises `KeyRefused`, `KeyUnproven`."""
    outcome = await desk.look(desk.parts.port.permissions(), key)
    if isinstance(outcome, Failure) or outcome.status != 200:
        status = outcome.reason if isinstance(outcome, Failure) else f"status {outcome.status}"
        why = f"the venue does not say what the trading key may do: {status}"
        raise KeyUnproven(why) if _silent(outcome) else KeyRefused(why)
    try:
        may = desk.parts.port.read_permissions(outcome.body)
    except UNREADABLE:
        why = "the venue does not say what the trading key may do: its answer cannot be read"
        raise KeyUnproven(why) from None
    if may.withdraw:
        raise KeyRefused("the trading key may move money out of the account: use one that may not")
    if not may.trade:
        raise KeyRefused("the trading key may not trade")


def _silent(outcome: Answer | Failure) -> bool:
    """Whether nothing was said that another try would not change."""
    return isinstance(outcome, Failure) or outcome.status in OVER_LIMIT or outcome.status >= 500


class Rotation:
    """Until the new key has shown what it may do, the old one signs; the private stream keeps the
    key that it was opened with.
    """

    def __init__(self, desk: Desk, read_key: Callable[[], Key]) -> None:
        self._desk, self._read_key = desk, read_key

    async def run(self) -> None:
        """Until cancelled. What keeps a key from being used is said, and looked at again."""
        while True:
            await asyncio.sleep(self._desk.parts.key_every_s)
            if self._desk.held:
                continue
            try:
                await self._look()
            except TapeError as error:
                log.error("the trading key stays as it is: %s", error)

    async def _look(self) -> None:
        key = await asyncio.to_thread(self._read_key)
        if key.same_as(self._desk.key):
            return
        await check_key(self._desk, key)
        self._desk.use(key)
        log.warning("another trading key is used from here on")
