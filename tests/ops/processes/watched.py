"""A desk whose account is watched, while it runs: its processes, and all that its topics say."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final, TypeVar

from connectors.log.places import place_of
from connectors.simulated.server import VenueServer
from schemas.events import (
    BreakFound,
    GatewayReady,
    OpenOrdersObserved,
    OrderAccepted,
    OrderFilled,
)
from tests.nursery import Running
from tests.ops.processes.desk import Desk
from tests.ops.processes.test_risk import Scribe
from tests.pipelines.risk.rig import ACCOUNT, request

LIMIT_S: Final = 60.0
WATCH: Final = ("run", "venue-watch", "--account", ACCOUNT)
PIPELINES: Final = ("risk", "reconciliation")
BREAKS, EVENTS, BOOKED = "recon.break.v1", "oms.order-event.v1", "recon.position.v1"
SNAPSHOTS, DECISIONS, HALTS = "venue.snapshot.v1", "risk.decision.v1", "recon.control.v1"
TOPICS: Final = (BREAKS, EVENTS, BOOKED, SNAPSHOTS, DECISIONS, HALTS)
STALE: Final = "SNAPSHOT_STALE"
Event = TypeVar("Event")


class Story:
    """The desk while it runs, and all that its account's topics say."""

    def __init__(self, desk: Desk, scribe: Scribe, server: VenueServer) -> None:
        self.desk, self.scribe, self.server = desk, scribe, server
        self.running: list[Running] = []
        self.said: list[str] = []
        self.told: dict[str, list[Any]] = {topic: [] for topic in TOPICS}
        tps = [place_of(desk.log, topic, ACCOUNT.encode()) for topic in TOPICS]
        self.reader = desk.log.reader(dict.fromkeys(tps, 0))

    async def tape(self, *arguments: str, code: int = 0, **more: str) -> str:
        ended = await asyncio.to_thread(self.desk.tape, *arguments, **more)
        self.said += [ended.out, ended.err]
        assert ended.code == code, ended.err
        return ended.out + ended.err

    async def start(self) -> None:
        for name in PIPELINES:
            self.running.append(self.desk.start("run", name, "--from", "earliest"))
        for name, process in zip(PIPELINES, list(self.running), strict=True):
            await asyncio.to_thread(self.desk.wait_opened, process, name)
        self.running += [self.desk.start("run", "gateway"), self.desk.start(*WATCH)]
        await self.until(lambda: self.of(EVENTS, GatewayReady))
        await self.rounds()

    async def stop(self) -> None:
        self.reader.close()
        for process in reversed(self.running):
            ended = await asyncio.to_thread(self.desk.stop, process)
            assert ended.code == 0, ended.err
            self.said.append(ended.err)

    async def until(self, holds: Callable[[], Any]) -> None:
        limit = time.monotonic() + LIMIT_S
        while not holds():
            found = await asyncio.to_thread(self.reader.poll, 500, 0.2)
            for tp, messages in found.items():
                self.told[tp.topic] += [self.desk.codec.decode(m.value()) for m in messages]
            for process in self.running:
                assert process.poll() is None, process.communicate()[1]
            assert time.monotonic() < limit, (self.told[EVENTS], self.told[BREAKS])

    def of(self, topic: str, kind: type[Event]) -> list[Event]:
        return [event for event in self.told[topic] if isinstance(event, kind)]

    async def rounds(self, number: int = 2) -> None:
        """So many whole rounds from here on."""
        wanted = len(self.of(SNAPSHOTS, OpenOrdersObserved)) + number + 1
        await self.until(lambda: len(self.of(SNAPSHOTS, OpenOrdersObserved)) >= wanted)

    def found(self) -> set[str]:
        """Kinds of the breaks found so far."""
        return {event.kind for event in self.of(BREAKS, BreakFound)}

    def still(self) -> set[str]:
        """Kinds of those that are open; a busy machine's watch may be late at any time."""
        return {*self.open().values()} - {STALE}

    def open(self) -> dict[str, str]:
        """Kinds of the open ones by their ids."""
        left: dict[str, str] = {}
        for event in self.told[BREAKS]:
            if isinstance(event, BreakFound):
                left[event.break_id] = event.kind
            else:
                left.pop(event.break_id, None)
        return left

    def filled(self, order: str, topic: str = EVENTS) -> list[OrderFilled]:
        return [event for event in self.of(topic, OrderFilled) if event.cl_ord_id == order]

    def ask(self, name: str, price: str) -> None:
        made = request(name, "BUY", "0.1", price)._replace(ts_recv_ns=time.time_ns())
        self.scribe.write("oms.order-request.v1", made)

    async def rest(self, name: str, price: str) -> None:
        """An order to buy 0.1 that rests at the venue."""
        self.ask(name, price)
        await self.until(
            lambda: name in {event.cl_ord_id for event in self.of(EVENTS, OrderAccepted)}
        )
