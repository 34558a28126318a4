"""A desk that trades by hand: requests to risk, commands, and what became of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from connectors.gateway.ledger import EVENTS
from connectors.gateway.past import DECISIONS
from connectors.log.places import place_of
from connectors.simulated.server import VenueServer
from ops.processes.control import Resumed, resume
from ops.settings import load
from ops.stack import StackInfo
from pipelines.gateway.scopes import Scope
from schemas.events import TradingResumed
from tests.connectors.asynchronous import run
from tests.connectors.simulated.rig import options, quote
from tests.nursery import Running
from tests.ops.processes.desk import Desk, Ended
from tests.ops.processes.test_gateway import LIMIT_S, market
from tests.ops.processes.test_risk import Scribe
from tests.pipelines.risk.rig import ACCOUNT, request

LOOK_S: Final = 0.2  # each look opens a consumer
WHY: Final = ("--reason", "test", "--person", "ada")


class Trade:
    """Requests to risk, commands, and what became of them."""

    def __init__(self, desk: Desk, scribe: Scribe, server: VenueServer) -> None:
        self.desk, self.scribe, self.server = desk, scribe, server
        self._numbers = iter(range(1, 100))

    async def tape(self, *arguments: str, **more: str) -> Ended:
        urls = {
            "TAPE_GATEWAY__URL": self.server.url,
            "TAPE_GATEWAY__SOCKET_URL": self.server.socket_url,
        }
        return await asyncio.to_thread(self.desk.tape, *arguments, **{**urls, **more})

    async def start(self, *first: str) -> list[Running]:
        urls = {
            "TAPE_GATEWAY__URL": self.server.url,
            "TAPE_GATEWAY__SOCKET_URL": self.server.socket_url,
        }
        ready = self.count("GatewayReady")
        risk = self.desk.start("run", "risk", *first)
        await asyncio.to_thread(self.desk.wait_opened, risk, "risk")
        gateway = self.desk.start("run", "gateway", more=urls)
        await self.until(lambda: self.count("GatewayReady") > ready, "a gateway", gateway)
        return [risk, gateway]

    async def stop(self, processes: list[Running]) -> None:
        for process in processes:
            ended = await asyncio.to_thread(self.desk.stop, process)
            assert ended.code == 0, ended.err

    async def resume(self, scope: Scope = (None, None, None)) -> Resumed:
        """As the command does it, which other lines run as a process."""
        event = TradingResumed(*scope, "OPERATOR", "ada", "test", None, time.time_ns())
        values = {name: value for name, value in self.desk.environment.items() if "TAPE" in name}
        with pytest.MonkeyPatch.context() as patch:
            for name, value in values.items():
                patch.setenv(name, value)
            settings = load()
        return await asyncio.to_thread(resume, settings, event)

    async def request(self, side: str = "BUY", price: str = "99.5", qty: str = "0.1") -> str:
        """What became of an order: a denial's reason or an event's name; by default it rests."""
        name = f"o{next(self._numbers)}"
        order = request(name, side, qty, price)
        self.scribe.write("oms.order-request.v1", order._replace(ts_recv_ns=time.time_ns()))
        rests = (side, price) == ("BUY", "99.5")
        passing = ("", "OrderApproved") if rests else ("", "OrderApproved", "OrderAccepted")
        await self.until(lambda: self.of(name) not in passing, name)
        return self.of(name)

    def of(self, cl_ord_id: str) -> str:
        """The newest word on an order: from risk, or from the gateway."""
        for topic in (EVENTS, DECISIONS):
            found = [e for e in self.told(topic) if getattr(e, "cl_ord_id", "") == cl_ord_id]
            names = [type(e).__name__ for e in found if type(e).__name__ != "OrderSubmitting"]
            if names:
                refused = names[-1] in ("OrderDenied", "DecisionExpired")
                return str(found[-1].reason) if refused else names[-1]
        return ""

    def told(self, topic: str) -> list[Any]:
        """What a topic says of the account."""
        log = self.desk.log
        tp = place_of(log, topic, ACCOUNT.encode())
        found = log.read(tp, *log.bounds(tp), LIMIT_S)
        return [self.desk.codec.decode(message.value()) for message in found]

    def count(self, name: str) -> int:
        return sum(type(event).__name__ == name for event in self.told(EVENTS))

    def open(self) -> int:
        return len(self.server.venue.exchange.open_orders("desk", None))

    async def until(
        self, holds: Callable[[], Any], what: str, process: Running | None = None
    ) -> None:
        limit = time.monotonic() + LIMIT_S
        while not await asyncio.to_thread(holds):
            assert process is None or process.poll() is None, what
            assert time.monotonic() < limit, f"never: {what}"
            await asyncio.sleep(LOOK_S)


def play(desk: Desk, stack: StackInfo, folder: Path, act: Callable[[Trade], Any]) -> None:
    scribe = Scribe(desk, stack)

    async def main() -> None:
        async with VenueServer(options(folder)) as server, market(scribe):
            quote(server, "99.5", "5", "100.5", "5")
            await act(Trade(desk, scribe, server))

    run(main(), 5 * LIMIT_S)
