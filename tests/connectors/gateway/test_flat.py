"""Orders are taken from the venue with a key alone, and their absence is verified."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connectors.gateway.flat import Account, Cleared, Wanted, clear
from connectors.gateway.keys import parse_key
from connectors.orderport import order_port
from connectors.orderport.binance_spot.port import BinanceSpot
from connectors.simulated.faults import Fault
from connectors.simulated.server import VenueServer
from pipelines.gateway.gate import FUTURE_STAMP_MS
from schemas.secret import Secret
from tests.connectors.asynchronous import run, until
from tests.connectors.gateway.rig import ACCOUNT, BTC, key_text
from tests.connectors.simulated.rig import Client, options, quote

WINDOW_MS = 1_000
WITHIN_S = 10.0
ALL = Wanted()
Act = Callable[[VenueServer, Client], Awaitable[None]]


def at(url: str) -> Account:
    return Account(order_port("BINANCE"), parse_key(Secret(key_text())), url, WINDOW_MS)


async def cleared(server: VenueServer, wanted: Wanted = ALL, within_s: float = WITHIN_S) -> Cleared:
    return await clear(at(server.url), wanted, within_s)


def play(folder: Path, act: Act) -> None:
    async def main() -> None:
        async with VenueServer(options(folder)) as server, Client(server) as client:
            quote(server, "99", "5", "101", "5")
            await act(server, client)

    run(main())


def open_orders(server: VenueServer) -> list[Any]:
    return list(server.venue.exchange.open_orders(ACCOUNT, None))


async def rest(client: Client, count: int = 3) -> None:
    for number in range(count):
        status, _ = await client.order("BUY", "0.1", str(90 - number))
        assert status == 200
    status, _ = await client.order("BUY", "1", "20", symbol="ETHUSDT")
    assert status == 200


def test_everything_open_is_canceled_whoever_sent_it(tmp_path: Path) -> None:
    async def act(server: VenueServer, client: Client) -> None:
        await rest(client)
        foreign = {"account": ACCOUNT, "symbol": "BTCUSDT", "side": "BUY", "quantity": "0.1"}
        await client.admin("POST", "/foreign-order", **foreign, type="LIMIT", price="80")
        found = await cleared(server)
        assert (found.verified, found.left, found.cancels, found.detail) == (True, (), 2, "")
        assert not open_orders(server)

    play(tmp_path, act)


def test_a_time_that_cannot_be_read_keeps_nothing_open(tmp_path: Path) -> None:
    """The machine's own clock serves."""

    class Timeless(BinanceSpot):
        def read_venue_time(self, body: bytes) -> int:
            raise ValueError("no time")

    async def act(server: VenueServer, client: Client) -> None:
        await rest(client)
        account = at(server.url)._replace(port=Timeless())
        assert (await clear(account, ALL, WITHIN_S)).verified
        assert not open_orders(server)

    play(tmp_path, act)


def test_an_instrument_alone(tmp_path: Path) -> None:
    async def act(server: VenueServer, client: Client) -> None:
        await rest(client)
        assert (await cleared(server, Wanted(BTC))).verified
        assert [order.symbol for order in open_orders(server)] == ["ETHUSDT"]

    play(tmp_path, act)


def test_an_order_on_its_way_is_waited_for(tmp_path: Path) -> None:
    """One that arrives after the first look, within its receive window."""

    async def act(server: VenueServer, client: Client) -> None:
        asked = server.rest.requests
        clearing = asyncio.create_task(cleared(server))
        await until(lambda: server.rest.requests > asked + 3, "the first look")
        await rest(client, 1)
        assert (await clearing).verified
        assert not open_orders(server)

    play(tmp_path, act)


def test_an_order_stamped_ahead_is_waited_for_longer(tmp_path: Path) -> None:
    """Its receive window begins when the venue's clock reaches its stamp."""

    async def act(server: VenueServer, client: Client) -> None:
        begun = time.monotonic()
        clearing = asyncio.create_task(cleared(server))
        await until(lambda: time.monotonic() > begun + (WINDOW_MS + FUTURE_STAMP_MS / 2) / 1_000)
        await rest(client, 1)
        assert (await clearing).verified
        assert not open_orders(server)

    play(tmp_path, act)


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(Fault("server_error", count=2, verb="DELETE"), id="cancel fails"),
        pytest.param(Fault("lost_request", count=1, verb="DELETE"), id="cancel lost"),
        pytest.param(Fault("server_error", count=3, verb="GET"), id="looks fail"),
        pytest.param(Fault("ban", count=1, seconds=1, verb="GET"), id="told to wait"),
    ],
)
def test_a_venue_in_trouble_is_asked_again(tmp_path: Path, fault: Fault) -> None:
    async def act(server: VenueServer, client: Client) -> None:
        await rest(client, 1)
        server.faults.arm(fault)
        assert (await cleared(server)).verified
        assert not open_orders(server)

    play(tmp_path, act)


def test_what_cannot_be_canceled_is_named(tmp_path: Path) -> None:
    async def act(server: VenueServer, client: Client) -> None:
        await rest(client, 1)
        server.faults.arm(Fault("server_error", verb="DELETE"))
        found = await cleared(server, Wanted(BTC), 0.8)
        assert not found.verified
        assert found.left is not None
        assert [(o.instrument, o.side, o.price) for o in found.left] == [(BTC, "BUY", Decimal(90))]

    play(tmp_path, act)


def test_orders_that_others_cancel_are_only_looked_for(tmp_path: Path) -> None:
    async def act(server: VenueServer, client: Client) -> None:
        await rest(client, 2)
        mine, *others = (order.cl_ord_id for order in open_orders(server))
        clearing = asyncio.create_task(cleared(server, Wanted(None, frozenset([mine]))))
        _, found = await client.call("DELETE", "order", symbol="BTCUSDT", origClientOrderId=mine)
        assert found["status"] == "CANCELED"
        assert (await clearing)[:3] == (True, (), 0)
        assert [order.cl_ord_id for order in open_orders(server)] == others

    play(tmp_path, act)


def test_a_venue_that_is_away_is_never_verified() -> None:
    async def main() -> None:
        found = await clear(at("http://127.0.0.1:1"), Wanted(), 0.5)
        assert found[:2] == (False, None)
        assert "CONNECT_FAILED" in found.detail

    run(main())
