"""What the private stream says, folded, is what the venue has: orders, fills, balances.

1. A capture plays; a seeded trader sends orders of all kinds around the touch, and cancels.
2. Its reports are folded: the last word on each order, every fill, the last balances.
3. At the end they are compared with allOrders, myTrades and account, to the last digit.
"""

from __future__ import annotations

import asyncio
import random
from decimal import Decimal
from pathlib import Path
from typing import Any

from connectors.feed.capture import load
from connectors.simulated.limits import LimitSettings
from connectors.simulated.market import CaptureMarket
from connectors.simulated.server import VenueServer
from tests.connectors.asynchronous import run
from tests.connectors.simulated.rig import Client, Stream, options, stream

CAPTURE = "binance_spot_btcusdt_20240808"
BTC = {"symbol": "BTCUSDT"}
UNLIMITED = LimitSettings(10**9, 10**9, 10**9)
ORDERS_MIN, ORDERS_MAX = 60, 600  # fewer than one answer of allOrders holds


def test_the_stream_tells_all(tmp_path: Path) -> None:
    async def scenario() -> None:
        market = CaptureMarket(load([CAPTURE], 0, 60), 10.0)
        settings = options(tmp_path, market=market, limits=UNLIMITED, state=tmp_path / "state")
        async with (
            VenueServer(settings) as server,
            Client(server) as client,
            stream(server) as socket,
        ):
            await Stream(socket).subscribe()
            heard: list[dict[str, Any]] = []
            hearing = asyncio.create_task(_hear(Stream(socket), heard))
            await _trade(server, client, random.Random(5))
            await client.call("DELETE", "openOrders", **BTC)
            await client.order("BUY", "0.001", "50000", newClientOrderId="last")
            await hearing
            await _compare(client, heard)

    run(scenario(), 60.0)


async def _hear(private: Stream, heard: list[dict[str, Any]]) -> None:
    """Everything up to the balances after the order named `last`."""
    while True:
        heard.append(await private.event())
        if len(heard) > 1 and heard[-2].get("c") == "last":
            return


async def _trade(server: VenueServer, client: Client, chance: random.Random) -> None:
    orders = server.venue.exchange.orders
    while not server.market_ended.is_set() or len(orders) < ORDERS_MIN:
        if len(orders) >= ORDERS_MAX:
            await server.market_ended.wait()
            return
        _, quoted = await client.raw("GET", "/api/v3/ticker/bookTicker?symbol=BTCUSDT")
        bid, ask = Decimal(quoted["bidPrice"]), Decimal(quoted["askPrice"])
        if not bid:
            continue
        side, tif = chance.choice(["BUY", "SELL"]), chance.choice(["GTC", "GTC", "IOC", "FOK"])
        px = chance.choice([bid, ask, bid - 1, ask + 1, bid + Decimal("0.01")])
        qty = f"{chance.randint(1, 400) / 10_000:.4f}"
        kind = chance.choice(["market", "limit", "limit", "limit", "cancel"])
        if kind == "cancel":
            number = chance.randint(1, server.venue.exchange.next_order_id)
            await client.call("DELETE", "order", **BTC, orderId=number)
        else:
            await client.order(
                side, qty, *([str(px)] if kind == "limit" else []), **_tif(kind, tif)
            )


def _tif(kind: str, tif: str) -> dict[str, str]:
    return {"timeInForce": tif} if kind == "limit" else {}


async def _compare(client: Client, heard: list[dict[str, Any]]) -> None:
    reports = [one for one in heard if one["e"] == "executionReport"]
    assert [one["I"] for one in reports] == sorted({one["I"] for one in reports})
    last = {one["i"]: one for one in reports}
    _, orders = await client.call("GET", "allOrders", **BTC, orderId=1, limit=1000)
    assert len(orders) > ORDERS_MIN
    for order in orders:
        told = last.pop(order["orderId"])
        assert (told["X"], told["z"], told["Z"], told["q"]) == (
            order["status"],
            order["executedQty"],
            order["cummulativeQuoteQty"],
            order["origQty"],
        )
    assert not last, "reports of orders that the venue does not have"
    _, trades = await client.call("GET", "myTrades", **BTC, fromId=1, limit=1000)
    names = ("id", "orderId", "price", "qty", "commission", "commissionAsset", "isMaker")
    fills = [tuple(one[name] for name in names) for one in trades]
    assert fills == [
        tuple(one[name] for name in "tiLlnNm") for one in reports if one["x"] == "TRADE"
    ]
    assert {one["isMaker"] for one in trades} == {True, False}
    assert {one["status"] for one in orders} >= {"FILLED", "CANCELED", "EXPIRED", "NEW"}
    _, account = await client.call("GET", "account")
    assert [{"a": b["asset"], "f": b["free"], "l": b["locked"]} for b in account["balances"]] == (
        heard[-1]["B"]
    )
