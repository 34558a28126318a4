"""A venue does not forget: what it told anybody survives a kill -9 of its process.

1. `tape venue` runs as a process with a folder for its state; four clients send orders and cancels.
2. It is killed while they do. Started again on the folder, it knows everything that was answered:
   orders, their states, fills, and balances that follow from them.
"""

from __future__ import annotations

import asyncio
import errno
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from connectors.simulated.errors import VenueError
from connectors.simulated.journal import FILE, FileJournal
from connectors.simulated.server import VenueServer
from pipelines.matching.model import Transferred
from tests.connectors.asynchronous import run, until
from tests.connectors.simulated.rig import KEYS, Client, Stream, options, quote, stream

ROOT = Path(__file__).parents[3]
KILLS = 3


@contextmanager
def venue(folder: Path, *more: str) -> Iterator[tuple[subprocess.Popen[str], Any]]:
    """`tape venue` on `folder`, and its addresses as a server object has them."""
    keys = folder / "keys.toml"
    keys.write_text(KEYS)
    command = [sys.executable, "-m", "ops", "venue", "--keys-file", str(keys)]
    command += ["--port", "0", "--admin-port", "0", "--output", "json", "--orders", "100000"]
    command += ["--weight", "10000000", "--state", str(folder / "state"), *more]
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        yield process, SimpleNamespace(**json.loads(line or "{}"))
    finally:
        process.kill()
        process.communicate()


def test_what_was_answered_survives_kill_9(tmp_path: Path) -> None:
    told: dict[str, dict[str, Any]] = {}
    for kill in range(KILLS):
        with venue(tmp_path, "--capture", "binance_spot_btcusdt_20240808", "--speed", "4") as (
            process,
            server,
        ):
            before = len(told)
            run(_trade_until_killed(server, process, told, f"k{kill}"))
            assert process.wait(10) == -signal.SIGKILL
            assert len(told) > before + 20
    with venue(tmp_path) as (_, server):
        assert server.restored > 0
        run(_compare(server, told))


async def _trade_until_killed(
    server: Any, process: subprocess.Popen[str], told: dict[str, dict[str, Any]], mark: str
) -> None:
    async with Client(server) as client:
        while not Decimal((await client.raw("GET", PRICE))[1]["bidPrice"]):
            pass  # the market has not begun
        traders = [
            asyncio.create_task(_trade(client, told, f"{mark}-{number}")) for number in range(4)
        ]
        start = len(told)
        await until(lambda: len(told) >= start + 60, "60 orders")
        process.kill()
        await asyncio.gather(*traders)


PRICE = "/api/v3/ticker/bookTicker?symbol=BTCUSDT"


async def _trade(client: Client, told: dict[str, dict[str, Any]], mark: str) -> None:
    """Orders at the touch, some cancelled, until nobody answers. `told`: the last word of each."""
    for number in itertools.count():
        name = f"{mark}-{number}"
        try:
            _, quoted = await client.raw("GET", PRICE)
            px = quoted["askPrice"] if number % 3 == 0 else quoted["bidPrice"]
            _, placed = await client.order("BUY", "0.001", px, newClientOrderId=name)
            told[name] = placed
            if number % 3 == 2:
                gone = {"symbol": "BTCUSDT", "origClientOrderId": name}
                status, cancelled = await client.call("DELETE", "order", **gone)
                if status == 200:
                    told[name] = cancelled | {"clientOrderId": name}
        except httpx.TransportError:
            return


async def _compare(server: Any, told: dict[str, dict[str, Any]]) -> None:
    async with Client(server) as client:
        _, orders = await client.call("GET", "allOrders", symbol="BTCUSDT", orderId=1, limit=1000)
        found = {one["clientOrderId"]: one for one in orders}
        assert len(found) == len(orders), "an order twice"
        for name, last in told.items():
            kept = found[name]
            assert kept["orderId"] == last["orderId"]
            assert Decimal(kept["executedQty"]) >= Decimal(last["executedQty"])
            if last["status"] in ("FILLED", "CANCELED"):
                assert kept["status"] == last["status"]
        assert {one["status"] for one in told.values()} >= {"FILLED", "CANCELED", "NEW"}
        await _follow_the_money(client, orders)


async def _follow_the_money(client: Client, orders: list[dict[str, Any]]) -> None:
    _, trades = await client.call("GET", "myTrades", symbol="BTCUSDT", fromId=1, limit=1000)
    assert sum(Decimal(one["executedQty"]) for one in orders) == sum(
        Decimal(one["qty"]) for one in trades
    )
    _, account = await client.call("GET", "account")
    btc, usdt = account["balances"]
    bought = sum(Decimal(one["qty"]) - Decimal(one["commission"]) for one in trades)
    paid = sum(Decimal(one["quoteQty"]) for one in trades)
    held = sum(
        (Decimal(one["origQty"]) - Decimal(one["executedQty"])) * Decimal(one["price"])
        for one in orders
        if one["status"] in ("NEW", "PARTIALLY_FILLED")
    )
    assert Decimal(btc["free"]) == 2 + bought
    assert (Decimal(usdt["free"]), Decimal(usdt["locked"])) == (100_000 - paid - held, held)


def test_a_second_venue_on_one_folder_is_refused(tmp_path: Path) -> None:
    with venue(tmp_path), venue(tmp_path) as (second, _):
        _, stderr = second.communicate(timeout=20)
        assert second.returncode == 2
        assert "is used by another venue that runs" in stderr
        assert "Traceback" not in stderr


def test_open_orders_rest_again_and_fill_only_by_prints_through_them(tmp_path: Path) -> None:
    async def scenario() -> None:
        state = tmp_path / "state"
        async with VenueServer(options(tmp_path, state=state)) as server, Client(server) as client:
            quote(server, "60000", "1", "60001", "1")
            await client.order("BUY", "0.01", "60000", newClientOrderId="mine")
        async with VenueServer(options(tmp_path, state=state)) as server, Client(server) as client:
            _, body = await client.order("BUY", "0.01", "60000", newClientOrderId="mine")
            assert body["msg"] == "Duplicate order sent."
            assert server.venue.exchange.orders[1].ahead_qty is None
            quote(server, "60000", "3", "60001", "1")
            assert server.venue.exchange.orders[1].ahead_qty == 3
            async with stream(server) as socket:
                await Stream(socket).subscribe()
                await client.order("BUY", "0.01", "60000")
                report = await Stream(socket).report()
                assert (report["i"], report["I"]) == (2, 4)  # two transfers and an order before

    run(scenario())


LINES = [[Transferred("desk", "USDT", Decimal(number), number)] for number in (1, 2, 3)]


async def _write(folder: Path) -> None:
    async with FileJournal(folder) as journal:
        assert list(journal.read()) == []
        numbers = [journal.append(events) for events in LINES]  # type: ignore[arg-type]
        await journal.reached(numbers[-1])
        assert journal.durable == 3


def test_lines_of_the_same_turns_share_a_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first to come waits the few turns that another takes that has come with it."""
    synced: list[int] = []

    async def scenario() -> None:
        async with FileJournal(tmp_path) as journal:
            monkeypatch.setattr(os, "fsync", synced.append)
            for events in LINES:
                journal.append(events)  # type: ignore[arg-type]
                await asyncio.sleep(0)
            await journal.reached(3)
            assert (len(synced), len((tmp_path / FILE).read_bytes().splitlines())) == (1, 3)

    run(scenario())


@pytest.mark.parametrize("cut", [1, 10, 40])
def test_a_torn_end_is_cut_off_and_written_over(tmp_path: Path, cut: int) -> None:
    async def scenario() -> None:
        await _write(tmp_path)
        data = (tmp_path / FILE).read_bytes()
        (tmp_path / FILE).write_bytes(data[:-cut])
        async with FileJournal(tmp_path) as journal:
            assert list(journal.read()) == LINES[:2]
            await journal.reached(journal.append(LINES[2]))  # type: ignore[arg-type]
        assert (tmp_path / FILE).read_bytes() == data

    run(scenario())


@pytest.mark.parametrize("at", [3, 20, 60])
def test_damage_before_the_end_is_an_error_and_stays_as_it_is(tmp_path: Path, at: int) -> None:
    async def scenario() -> None:
        await _write(tmp_path)
        data = bytearray((tmp_path / FILE).read_bytes())
        data[at] ^= 1
        (tmp_path / FILE).write_bytes(data)
        with pytest.raises(VenueError, match="damaged in line 1"):
            async with VenueServer(options(tmp_path, state=tmp_path)):
                pass
        assert (tmp_path / FILE).read_bytes() == data

    run(scenario())


def test_nobody_is_told_before_the_disk_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that fails ends the venue; the order it was for is neither answered nor reported."""

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    async def scenario() -> None:
        async with VenueServer(options(tmp_path, state=tmp_path / "state")) as server:
            async with Client(server) as client, stream(server) as socket:
                await Stream(socket).subscribe()
                monkeypatch.setattr(os, "fsync", full)
                with pytest.raises(httpx.TransportError):
                    await client.order("BUY", "0.01", "60000")
                assert (await Stream(socket).ask("ping"))["result"] == {}, "a report came"
            with pytest.raises(VenueError, match=r"cannot write .*: No space left on device"):
                server.check()

    run(scenario())


def test_it_does_not_listen_before_its_first_balances_are_on_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written, go, fsync = threading.Event(), threading.Event(), os.fsync

    def slow(descriptor: int) -> None:
        if threading.current_thread() is not threading.main_thread():
            written.set()
            go.wait(20)
        fsync(descriptor)

    async def scenario() -> None:
        monkeypatch.setattr(os, "fsync", slow)
        server = VenueServer(options(tmp_path, state=tmp_path / "state"))
        starting = asyncio.create_task(server.__aenter__())
        await asyncio.to_thread(written.wait)
        for _ in range(100):
            await asyncio.sleep(0)
        assert not server.url
        go.set()
        await starting
        assert server.url
        await server.__aexit__()

    run(scenario())
