"""ccxt's `binance` and the venue's official client, both as they are published, with other URLs.

Each: load the rules, place a limit order, see it open, cancel it, trade at market, and see trades,
balance and the private stream. With an HMAC and with an Ed25519 key.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import ccxt.pro
import pytest
from binance_common.configuration import ConfigurationRestAPI, ConfigurationWebSocketAPI
from binance_common.errors import BadRequestError
from binance_sdk_spot.spot import Spot

from connectors.simulated.server import VenueServer
from tests.connectors.asynchronous import run
from tests.connectors.simulated.rig import (
    API_KEY,
    ED_KEY,
    PRIVATE_PEM,
    SECRET,
    options,
    quote,
    trade,
)

KEYS = [pytest.param(API_KEY, SECRET, id="hmac"), pytest.param(ED_KEY, PRIVATE_PEM, id="ed25519")]


@asynccontextmanager
async def open_venue(folder: Path) -> AsyncIterator[VenueServer]:
    async with VenueServer(options(folder, state=folder / "state")) as server:
        quote(server, "60000", "1", "60001", "0.5")
        yield server


@asynccontextmanager
async def ccxt_client(server: VenueServer, api_key: str, secret: str) -> AsyncIterator[Any]:
    client = ccxt.pro.binance(
        {"apiKey": api_key, "secret": secret, "options": {"fetchMarkets": {"types": ["spot"]}}}
    )
    api = client.urls["api"]
    api["public"] = api["private"] = f"{server.url}/api/v3"
    api["sapi"] = f"{server.url}/sapi/v1"
    api["ws"]["ws-api"]["spot"] = server.socket_url
    try:
        yield client
    finally:
        await client.close()


@pytest.mark.parametrize(("api_key", "secret"), KEYS)
def test_ccxt_trades(tmp_path: Path, api_key: str, secret: str) -> None:
    async def scenario() -> None:
        async with open_venue(tmp_path) as server, ccxt_client(server, api_key, secret) as client:
            markets = await client.load_markets()
            assert markets["BTC/USDT"]["precision"] == {
                "amount": 0.00001,
                "price": 0.01,
                "base": 1e-08,
                "quote": 1e-08,
            }
            rests = await client.create_order("BTC/USDT", "limit", "buy", 0.01, 59_000)
            assert (rests["status"], rests["price"], rests["amount"]) == ("open", 59_000, 0.01)
            assert [one["id"] for one in await client.fetch_open_orders("BTC/USDT")] == ["1"]
            held = await client.fetch_balance()
            assert (held["USDT"]["used"], held["USDT"]["total"]) == (590, 100_000)
            cancelled = await client.cancel_order("1", "BTC/USDT")
            assert cancelled["status"] == "canceled"
            assert (await client.fetch_order("1", "BTC/USDT"))["status"] == "canceled"
            bought = await client.create_order("BTC/USDT", "market", "buy", 0.01)
            assert (bought["status"], bought["filled"], bought["cost"]) == ("closed", 0.01, 600.01)
            (mine,) = await client.fetch_my_trades("BTC/USDT")
            assert (mine["price"], mine["takerOrMaker"], mine["side"]) == (60_001, "taker", "buy")
            assert mine["fee"] == {"cost": 0.00001, "currency": "BTC"}
            assert (await client.fetch_balance())["BTC"]["free"] == 2.00999
            assert [one["id"] for one in await client.fetch_orders("BTC/USDT")] == ["1", "2"]
            book = await client.fetch_order_book("BTC/USDT")
            assert book["asks"] == [[60_001, 0.5]]

    run(scenario())


def test_ccxt_refusals_have_the_venues_meaning(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with open_venue(tmp_path) as server, ccxt_client(server, API_KEY, SECRET) as client:
            with pytest.raises(ccxt.InsufficientFunds):
                await client.create_order("BTC/USDT", "limit", "buy", 5, 59_000)
            with pytest.raises(ccxt.OrderNotFound):
                await client.fetch_order("77", "BTC/USDT")
            with pytest.raises(ccxt.OrderNotFound):
                await client.cancel_order("77", "BTC/USDT")
            with pytest.raises(ccxt.OrderImmediatelyFillable):
                await client.create_order(
                    "BTC/USDT", "limit", "buy", 0.01, 60_001, {"postOnly": True}
                )
            client.secret = "wrong"
            with pytest.raises(ccxt.AuthenticationError):
                await client.fetch_balance()

    run(scenario())


@pytest.mark.parametrize(("api_key", "secret"), KEYS)
def test_ccxt_hears_its_private_stream(tmp_path: Path, api_key: str, secret: str) -> None:
    async def scenario() -> None:
        async with open_venue(tmp_path) as server, ccxt_client(server, api_key, secret) as client:
            await client.load_markets()
            await client.ensure_user_data_stream_ws_subscribe_signature("spot")
            orders = asyncio.create_task(client.watch_orders("BTC/USDT"))
            trades = asyncio.create_task(client.watch_my_trades("BTC/USDT"))
            await asyncio.sleep(0)  # both watch before anything happens
            await client.create_order("BTC/USDT", "limit", "sell", 0.02, 60_100)
            assert [(one["id"], one["status"]) for one in await orders] == [("1", "open")]
            trade(server, "BUY", "5", "60200")
            (mine,) = await trades
            assert (mine["order"], mine["amount"], mine["takerOrMaker"]) == ("1", 0.02, "maker")

    run(scenario())


def official(server: VenueServer, signs_with: dict[str, Any]) -> Any:
    rest = ConfigurationRestAPI(base_path=server.url, retries=0, timeout=10_000, **signs_with)
    socket = ConfigurationWebSocketAPI(stream_url=server.socket_url, **signs_with)
    return Spot(config_rest_api=rest, config_ws_api=socket)


SIGNS = [
    pytest.param({"api_key": API_KEY, "api_secret": SECRET}, id="hmac"),
    pytest.param({"api_key": ED_KEY, "private_key": PRIVATE_PEM}, id="ed25519"),
]


@pytest.mark.parametrize("signs_with", SIGNS)
def test_the_official_client_trades(
    tmp_path: Path, signs_with: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        async with open_venue(tmp_path) as server:
            client = official(server, signs_with).rest_api
            await asyncio.to_thread(_trade, client)

    with caplog.at_level(logging.WARNING):  # it logs what it cannot read as its model
        run(scenario())
    assert not caplog.records


def _trade(client: Any) -> None:
    symbol = "BTCUSDT"
    (rules,) = client.exchange_info(symbol=symbol).data().symbols
    assert (rules.base_asset, rules.order_types) == ("BTC", ["LIMIT", "LIMIT_MAKER", "MARKET"])
    new: Callable[..., Any] = client.new_order
    rests = new(
        symbol=symbol,
        side="BUY",
        type="LIMIT",
        time_in_force="GTC",
        quantity=0.01,
        price=59_000.5,
        new_client_order_id="mine",
    ).data()
    assert (rests.status, rests.client_order_id, rests.price) == ("NEW", "mine", "59000.50000000")
    assert [one.order_id for one in client.get_open_orders(symbol=symbol).data()] == [1]
    gone = client.delete_order(symbol=symbol, orig_client_order_id="mine").data()
    assert (gone.status, gone.orig_client_order_id) == ("CANCELED", "mine")
    with pytest.raises(BadRequestError) as refused:
        client.delete_order(symbol=symbol, order_id=1)
    assert refused.value.status_code == -2011
    bought = new(symbol=symbol, side="BUY", type="MARKET", quantity=0.01).data()
    assert (bought.status, bought.fills[0].price) == ("FILLED", "60001.00000000")
    (trade_,) = client.my_trades(symbol=symbol).data()
    assert (trade_.qty, trade_.is_maker, trade_.order_id) == ("0.01000000", False, 2)
    balances = {one.asset: one.free for one in client.get_account().data().balances}
    assert balances == {"BTC": "2.00999000", "USDT": "99399.99000000"}
    assert [one.status for one in client.all_orders(symbol=symbol).data()] == ["CANCELED", "FILLED"]


@pytest.mark.filterwarnings("ignore:parameter 'timeout' of type:DeprecationWarning")  # its own
@pytest.mark.parametrize("signs_with", SIGNS)
def test_the_official_client_hears_its_private_stream(
    tmp_path: Path, signs_with: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        async with open_venue(tmp_path) as server:
            client = official(server, signs_with)
            connection = await client.websocket_api.create_connection()
            heard: asyncio.Queue[Any] = asyncio.Queue()
            try:
                subscribed = await connection.user_data_stream_subscribe_signature()
                subscribed.stream.on("message", heard.put_nowait)
                placed = await connection.order_place(
                    symbol="BTCUSDT", side="BUY", type="MARKET", quantity=0.01
                )
                assert placed.data().result.status == "FILLED"
                events = [(await heard.get()).actual_instance for _ in range(4)]
            finally:
                await connection.close_connection()
        assert [type(one).__name__ for one in events] == [
            "ExecutionReport",
            "OutboundAccountPosition",
        ] * 2
        assert [(one.x, one.X) for one in events[::2]] == [("NEW", "NEW"), ("TRADE", "FILLED")]
        assert [(one.a, one.f) for one in events[3].B] == [
            ("BTC", "2.00999000"),
            ("USDT", "99399.99000000"),
        ]

    with caplog.at_level(logging.WARNING):
        run(scenario())
    assert not caplog.records
