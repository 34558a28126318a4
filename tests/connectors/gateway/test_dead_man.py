"""The venue's dead-man's switch: refreshed by a healthy gateway, and by no other."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from connectors.gateway.gateway import Gateway
from connectors.gateway.ledger import RAW
from connectors.orderport import order_port
from connectors.orderport.interface import Request
from connectors.simulated.server import VenueServer
from tests.connectors.asynchronous import run, until
from tests.connectors.gateway.rig import Records, memory, running
from tests.connectors.gateway.test_gateway import play, reaches
from tests.connectors.simulated.rig import options, quote

COUNTDOWN_MS = 600


def sent(records: Records, path: str) -> int:
    return sum(getattr(event, "path", "") == path for event in records.all(RAW))


def countdowns(records: Records) -> int:
    return sent(records, "/api/v3/countdownCancelAll")


def test_a_healthy_gateway_refreshes_it_and_one_that_may_not_send_does_not(tmp_path: Path) -> None:
    async def act(records: Records, server: VenueServer, gateway: Gateway) -> None:
        name = records.approve()
        await reaches(gateway, name, "ACCEPTED")
        before = countdowns(records)
        # Two countdowns' worth of refreshes: without them the order would be gone.
        await until(lambda: countdowns(records) >= before + 6, "refreshes")
        [order] = server.venue.exchange.orders.values()
        assert order.status == "NEW"
        gateway.desk.cancel_only = True
        await until(lambda: order.status == "CANCELED", "the venue cancels")
        gateway.desk.cancel_only = False
        await reaches(gateway, name, "CANCELED")
        deletes = [e for e in records.all(RAW) if getattr(e, "method", "") == "DELETE"]
        assert deletes == []

    play(tmp_path, act, dead_man_ms=COUNTDOWN_MS)


def test_a_stop_while_it_is_being_armed_ends_it_after_that(tmp_path: Path) -> None:
    records = memory()

    async def main() -> None:
        async with VenueServer(options(tmp_path)) as server:
            quote(server, "99", "5", "101", "5")
            async with running(records, server, tmp_path, dead_man_ms=COUNTDOWN_MS) as gateway:
                ask, asked = gateway.desk.ask, asyncio.Event()

                async def slowly(request: Request, causation_id: str = "") -> Any:
                    asked.set()
                    await until(lambda: gateway.desk.stopping, "stopping")
                    return await ask(request, causation_id)

                gateway.desk.ask = slowly  # type: ignore[method-assign]
                await asked.wait()
            asked_of = [e for e in records.all(RAW) if "countdown" in getattr(e, "path", "")]
            assert "countdownTime=600&" in asked_of[0].parameters
            assert "countdownTime=0&" in asked_of[-1].parameters

    run(main())


def test_a_gateway_that_stops_with_nothing_open_ends_it(tmp_path: Path) -> None:
    records = memory()

    async def main() -> None:
        async with VenueServer(options(tmp_path)) as server:
            quote(server, "99", "5", "101", "5")
            async with running(records, server, tmp_path, dead_man_ms=60_000):
                await until(lambda: countdowns(records) > 0, "armed")
            *_, last = [e for e in records.all(RAW) if "countdown" in getattr(e, "path", "")]
            assert "countdownTime=0&" in last.parameters

    run(main())


def test_a_venue_without_one_is_asked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As Binance Spot itself: it has it for futures alone."""
    elsewhere = Request("POST", "/api/v3/nowhere", ())
    monkeypatch.setattr(type(order_port("BINANCE")), "countdown", lambda *_: elsewhere)

    async def act(records: Records, server: VenueServer, gateway: Gateway) -> None:
        await until(lambda: sent(records, elsewhere.path), "the question")
        for _ in range(3):
            await reaches(gateway, records.approve(), "ACCEPTED")
        assert sent(records, elsewhere.path) == 1

    play(tmp_path, act, dead_man_ms=30)
