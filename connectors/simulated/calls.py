"""What every method of the API works with: the desk behind the counter, and one call."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from connectors.simulated.errors import Refusal
from connectors.simulated.guard import Caller, Guard
from connectors.simulated.limits import Limits
from connectors.simulated.parameters import Parameters
from connectors.simulated.venue import Venue
from pipelines.matching.latency import Latency, Leg
from pipelines.matching.model import CancelOrder

log = logging.getLogger("tape.venue")


class Call:
    """One request. `counts`: orders in each window, where it placed one. `travelled`: it went to
    the market, from where its answer has a way back.
    """

    def __init__(self, parameters: Parameters, caller: Caller | None) -> None:
        self.parameters, self._caller = parameters, caller
        self.counts: list[int] | None = None
        self.travelled = False

    @property
    def caller(self) -> Caller:
        assert self._caller is not None, "the method asks for no signature"
        return self._caller

    @property
    def account(self) -> str:
        return self.caller.key.account


class Desk:
    """The venue, its limits, how far away it is, and its dead-man's switches."""

    def __init__(self, venue: Venue, guard: Guard, limits: Limits, latency: Latency) -> None:
        self.venue, self.guard, self.limits, self.latency = venue, guard, limits, latency
        self._sent = Counter[str]()
        self._countdowns: dict[tuple[str, str], asyncio.TimerHandle] = {}

    async def travel(self, leg: Leg, call: Call) -> None:
        """The way to the market, after which a request may be too old. Raises -1021."""
        call.travelled = True
        if await self._delayed(leg):
            call.caller.alive(self.venue.now_ns())

    async def answered(self, call: Call) -> None:
        """Nobody is told before it is on disk and, of what was at the market, had its way back."""
        await self.venue.durable()
        if call.travelled:
            await self._delayed("report")

    async def _delayed(self, leg: Leg) -> bool:
        self._sent[leg] += 1
        delay_ns = self.latency.delay_ns(leg, self._sent[leg])
        if delay_ns:
            await asyncio.sleep(delay_ns / 1e9)
        return bool(delay_ns)

    def cancel_all(self, account: str, symbol: str) -> list[int]:
        """Cancels every open order of an account on a symbol; their ids."""
        orders = self.venue.exchange.open_orders(account, symbol)
        for order in orders:
            self.venue.take(CancelOrder(account, order.order_id))
        return [order.order_id for order in orders]

    def arm(self, account: str, symbol: str, countdown_ms: int) -> None:
        """The dead-man's switch: cancel all when the time is over; 0 disarms."""
        old = self._countdowns.pop((account, symbol), None)
        if old is not None:
            old.cancel()
        if countdown_ms:
            loop = asyncio.get_running_loop()
            handle = loop.call_later(countdown_ms / 1e3, self._expired, account, symbol)
            self._countdowns[account, symbol] = handle

    def disarm(self) -> None:
        """Ends all countdowns; they do not outlive the server."""
        for handle in self._countdowns.values():
            handle.cancel()
        self._countdowns.clear()

    def _expired(self, account: str, symbol: str) -> None:
        del self._countdowns[account, symbol]
        cancelled = self.cancel_all(account, symbol)
        log.warning("countdown of %s on %s over: %d cancelled", account, symbol, len(cancelled))


Run = Callable[[Desk, Call], Awaitable[Any]]
Weight = Callable[[Parameters], int]


class Method(NamedTuple):
    """One method. `permission`: what the key must have; empty for public ones. `socket`: its name
    in the WebSocket API.
    """

    verb: str
    path: str
    run: Run
    weight: int | Weight = 1
    permission: str = ""
    socket: str = ""

    def weighs(self, parameters: Parameters) -> int:
        return self.weight if isinstance(self.weight, int) else self.weight(parameters)


def symbol_of(desk: Desk, parameters: Parameters) -> str:
    """The symbol, which must be traded here. Raises -1102, -1121."""
    symbol = parameters.must("symbol")
    if symbol not in desk.venue.exchange.books:
        raise Refusal(-1121, "Invalid symbol.")
    return symbol
