"""`tape console` as a process, on a real broker.

1. It shows what is on the log, and what is written while somebody looks.
2. A kill is an event of the log with the console's name and the reason, and the page shows it.
3. Started again, the page is what it was; SIGTERM ends it with exit code 0, and nothing that it
   said names the token but the URL.
4. What keeps it from serving is one line and exit code 2.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect

from connectors.confirmed_writer import ConfirmedWriter
from connectors.control import decided
from ops.stack import StackInfo
from ops.stack.ports import HOST
from schemas.events import TradePrinted, TradingHalted
from tests.nursery import Command
from tests.ops.processes.desk import Desk

ETH = "ETHUSDT.BINANCE"
WAIT_S = 60.0


@pytest.fixture(scope="module")
def desk(stack: StackInfo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    made = Desk(stack, "console.", tmp_path_factory.mktemp("console"))
    yield made
    made.close()


class Started:
    """A console and the URL that it printed."""

    def __init__(self, desk: Desk, *arguments: str) -> None:
        process = desk.start("console", *arguments)
        assert isinstance(process, Command)
        self._desk, self._process = desk, process
        limit = time.monotonic() + WAIT_S
        while not process.printed().endswith("\n"):
            assert process.poll() is None, process.communicate()[1]
            assert time.monotonic() < limit, "it does not say where it listens"
            time.sleep(0.02)
        self.url, _, self.token = process.printed().strip().partition("/#token=")

    def page(self) -> dict[str, Any]:
        """The live page, once the log was read."""
        limit = time.monotonic() + WAIT_S
        while (answer := httpx.get(f"{self.url}/api/page")).status_code == 503:
            assert time.monotonic() < limit, answer.text
            time.sleep(0.05)
        found: dict[str, Any] = answer.raise_for_status().json()
        return found

    def stop(self) -> str:
        """What it said on standard error."""
        ended = self._desk.stop(self._process)
        assert ended.code == 0, ended.err
        return ended.err


def trade(desk: Desk, price: int) -> None:
    writer = ConfirmedWriter(
        {"bootstrap.servers": desk.log.bootstrap_servers}, desk.codec, "md.trade.v1", desk.prefix
    )
    one = Decimal(price)
    event = TradePrinted("BINANCE", ETH, f"t{price}", "BUY", one, one, None, 5, "A")
    writer.write(event, ETH)


async def seen_live(started: Started, desk: Desk, price: int) -> None:
    """A trade that is made while a client looks reaches it."""
    url = f"{started.url.replace('http', 'ws', 1)}/api/live?instrument={ETH}"
    async with connect(url) as client:
        while json.loads(await asyncio.wait_for(client.recv(), WAIT_S))["type"] != "page":
            pass
        await asyncio.to_thread(trade, desk, price)
        while True:
            said = json.loads(await asyncio.wait_for(client.recv(), WAIT_S))
            trades = said.get("sections", {}).get("trades")
            if trades and trades[0]["price"] == str(price):
                return


def test_a_desk_is_shown_killed_and_shown_again(desk: Desk) -> None:
    trade(desk, 2_000)
    first = Started(desk, "--port", "0")
    assert [one["price"] for one in first.page()["trades"]] == ["2000"]
    asyncio.run(seen_live(first, desk, 2_001))

    asked = {"account": "sim-1", "reason": "it is enough", "confirm": "sim-1"}
    bearer = {"Authorization": f"Bearer {first.token}"}
    answer = httpx.post(f"{first.url}/api/kill", json=asked, headers=bearer, timeout=WAIT_S)
    paths = {one["name"]: one["worked"] for one in answer.json()["paths"]}
    assert (paths["log"], paths["latch"]) == (True, True)
    [halted] = [one.event for one in decided(desk.log, desk.codec)]
    assert isinstance(halted, TradingHalted)
    assert (halted.account, halted.person, halted.reason) == ("sim-1", "console", "it is enough")

    said = first.stop()
    assert first.token not in said
    again = Started(desk, "--port", first.url.rpartition(":")[2])
    found = again.page()
    assert again.url == first.url
    assert again.token != first.token
    assert [one["price"] for one in found["trades"]] == ["2001", "2000"]
    assert (found["kill"]["latched"], found["kill"]["reason"]) == (True, "it is enough")
    stale = httpx.post(f"{again.url}/api/kill", json=asked, headers=bearer, timeout=WAIT_S)
    assert stale.status_code == 401
    taken = desk.tape("console", "--port", first.url.rpartition(":")[2])
    assert (taken.code, taken.out) == (2, "")
    assert taken.err.startswith(f"tape: the console cannot listen on {HOST}:")
    assert taken.err.count("\n") == 1
    again.stop()
