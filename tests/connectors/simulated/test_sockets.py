"""The WebSocket API by hand: the same methods as over HTTP, refusals, and the private stream."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Callable, Coroutine
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from connectors.simulated.limits import LimitSettings
from connectors.simulated.server import VenueServer
from pipelines.matching.latency import Latency
from tests.connectors.asynchronous import run
from tests.connectors.simulated.rig import (
    API_KEY,
    READ_KEY,
    SECRET,
    Client,
    Stream,
    options,
    quote,
    stream,
)

Scenario = Callable[[VenueServer, Client, Stream], Coroutine[Any, Any, None]]


def play(folder: Path, scenario: Scenario, **changes: Any) -> None:
    async def main() -> None:
        async with (
            VenueServer(options(folder, **changes)) as server,
            Client(server) as client,
            stream(server) as socket,
        ):
            quote(server, "60000", "1", "60001", "1")
            await scenario(server, client, Stream(socket))

    run(main())


def signed(api_key: str = API_KEY, secret: str = SECRET, **params: Any) -> dict[str, Any]:
    sent = {"apiKey": api_key, "timestamp": time.time_ns() // 1_000_000, **params}
    payload = "&".join(f"{name}={value}" for name, value in sorted(sent.items()))
    return sent | {
        "signature": hmac.new(secret.encode(), payload.encode(), hashlib.sha256).hexdigest()
    }


LIMIT = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}


def test_methods_answer_as_over_http(tmp_path: Path) -> None:
    async def scenario(server: VenueServer, client: Client, socket: Stream) -> None:
        assert (await socket.ask("ping"))["result"] == {}
        order = signed(**LIMIT, price="59000", quantity="0.01")
        placed = await socket.ask("order.place", **order)
        assert (placed["id"], placed["status"], placed["result"]["status"]) == (1, 200, "NEW")
        assert placed["rateLimits"][0]["count"] == 2
        _, http = await client.call("GET", "order", symbol="BTCUSDT", orderId=1)
        assert (await socket.ask("order.status", **signed(symbol="BTCUSDT", orderId=1)))[
            "result"
        ] == http
        gone = await socket.ask("order.cancel", **signed(symbol="BTCUSDT", orderId=1))
        assert gone["result"]["status"] == "CANCELED"
        info = await socket.ask("exchangeInfo", symbols=["BTCUSDT"])
        assert len(info["result"]["symbols"]) == 1

    play(tmp_path, scenario)


@pytest.mark.parametrize(
    ("message", "status", "code"),
    [
        pytest.param("{", 400, -1000, id="no JSON"),
        pytest.param("[" * 100_000, 400, -1000, id="deep JSON"),
        pytest.param("[]", 400, -1000, id="no object"),
        pytest.param('{"method":"order.dance"}', 404, -1000, id="unknown method"),
        pytest.param('{"method":"ping","params":[1]}', 400, -1000, id="no parameters"),
        pytest.param('{"method":"order.place"}', 401, -2014, id="no key"),
        pytest.param('{"method":"order.place","params":{"apiKey":"abc"}}', 400, -1102, id="naked"),
        pytest.param('{"method":"userDataStream.unsubscribe"}', 400, -1100, id="not subscribed"),
        pytest.param('{"id":"\\ud800","method":"ping"}', 400, -1000, id="an id nobody can write"),
    ],
)
def test_a_bad_message_is_refused_and_the_connection_lives(
    tmp_path: Path, message: str, status: int, code: int
) -> None:
    async def scenario(server: VenueServer, client: Client, socket: Stream) -> None:
        await socket.socket.send(message[:60_000])
        answer = json.loads(await socket.socket.recv())
        assert (answer["status"], answer["error"]["code"]) == (status, code)
        assert (await socket.ask("ping"))["status"] == 200

    play(tmp_path, scenario)


def test_signatures_and_permissions_count_here_too(tmp_path: Path) -> None:
    async def scenario(server: VenueServer, client: Client, socket: Stream) -> None:
        order = {**LIMIT, "price": "59000", "quantity": "0.01"}
        bad = await socket.ask("order.place", **(signed(**order) | {"quantity": "0.02"}))
        assert bad["error"]["code"] == -1022
        reader = await socket.ask("order.place", **signed(READ_KEY, **order))
        assert (reader["status"], reader["error"]["code"]) == (401, -2015)
        assert (await socket.subscribe(READ_KEY))["result"] == {"subscriptionId": 0}
        assert (await socket.subscribe(API_KEY, "wrong"))["error"]["code"] == -1022
        assert not server.venue.exchange.orders

    play(tmp_path, scenario)


@pytest.mark.parametrize("name", ["signature", "symbol", "apiKey", "\ud800"])
def test_what_is_no_unicode_is_refused_and_the_private_stream_goes_on(
    tmp_path: Path, name: str
) -> None:
    async def scenario(server: VenueServer, client: Client, socket: Stream) -> None:
        await socket.subscribe()
        bad = signed(**LIMIT, price="59000", quantity="0.01") | {name: "\ud800"}
        code = (await socket.ask("order.place", **bad))["error"]["code"]
        assert code == (-2014 if name == "apiKey" else -1022)
        await client.order("BUY", "0.01", "59000")
        assert (await socket.report())["x"] == "NEW"

    play(tmp_path, scenario)


def test_what_nobody_foresaw_is_answered_and_the_private_stream_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario(server: VenueServer, client: Client, socket: Stream) -> None:
        await socket.subscribe()
        monkeypatch.setattr(server.venue, "take", lambda request: 1 // 0)
        order = signed(**LIMIT, price="59000", quantity="0.01")
        text = "An unknown error occurred while processing the request."
        error = {"code": -1000, "msg": text}
        told = await socket.ask("order.place", **order)
        assert told == {"id": 1, "status": 500, "error": error}
        [record] = caplog.records
        assert (record.name, record.levelname) == ("tape.venue", "ERROR")
        assert record.exc_info is not None
        monkeypatch.undo()
        await client.order("BUY", "0.01", "59000")
        assert (await socket.report())["x"] == "NEW"

    play(tmp_path, scenario)


def test_unsubscribing_ends_the_stream(tmp_path: Path) -> None:
    async def scenario(server: VenueServer, client: Client, socket: Stream) -> None:
        await socket.subscribe()
        await client.order("BUY", "0.01", "59000")
        assert (await socket.report())["x"] == "NEW"
        assert (await socket.event())["e"] == "outboundAccountPosition"
        ended = await socket.ask("userDataStream.unsubscribe", subscriptionId=0)
        assert ended["event"]["e"] == "eventStreamTerminated"
        assert json.loads(await socket.socket.recv())["status"] == 200
        await client.order("BUY", "0.01", "59001")
        assert (await socket.ask("ping"))["result"] == {}

    play(tmp_path, scenario)


def test_a_report_of_a_cancel_names_both_ids(tmp_path: Path) -> None:
    async def scenario(server: VenueServer, client: Client, socket: Stream) -> None:
        await socket.subscribe()
        await client.order("BUY", "0.01", "59000", newClientOrderId="mine")
        gone = {"symbol": "BTCUSDT", "origClientOrderId": "mine", "newClientOrderId": "cancel"}
        await client.call("DELETE", "order", **gone)
        new, cancelled = await socket.report(), await socket.report()
        assert (new["c"], new["C"]) == ("mine", "")
        assert (cancelled["c"], cancelled["C"]) == ("cancel", "mine")

    play(tmp_path, scenario)


def test_a_report_shows_what_was_true_right_after_its_event(tmp_path: Path) -> None:
    """NEW and two fills of one decision: each shows the order and the money as they were then."""

    async def scenario(server: VenueServer, client: Client, socket: Stream) -> None:
        await socket.subscribe()
        quote(server, "60000", "1", "60001", "0.1")
        await client.order("BUY", "0.3", "60001", timeInForce="IOC")
        told = [await socket.event() for _ in range(6)]
        orders, held = told[::2], [{one["a"]: one for one in event["B"]} for event in told[1::2]]
        assert [one["X"] for one in orders] == ["NEW", "PARTIALLY_FILLED", "EXPIRED"]
        assert [Decimal(one["z"]) for one in orders] == [0, Decimal("0.1"), Decimal("0.1")]
        reserved = [Decimal(one["USDT"]["l"]) / 60001 for one in held]
        assert reserved == [Decimal("0.3"), Decimal("0.2"), 0]

    play(tmp_path, scenario)


def test_two_connections_hear_the_same(tmp_path: Path) -> None:
    async def scenario(server: VenueServer, client: Client, first: Stream) -> None:
        async with stream(server) as socket:
            second = Stream(socket)
            await first.subscribe()
            await second.subscribe()
            await client.order("BUY", "0.01")
            reports = [await first.report(), await first.report()]
            assert reports == [await second.report(), await second.report()]
            assert [one["x"] for one in reports] == ["NEW", "TRADE"]
            assert reports[1]["n"] == "0.00001000"

    play(tmp_path, scenario)


def test_weight_is_one_for_http_and_websocket(tmp_path: Path) -> None:
    async def scenario(server: VenueServer, client: Client, socket: Stream) -> None:
        for _ in range(2):
            assert (await socket.ask("ping"))["status"] == 200
        assert (await client.raw("GET", "/api/v3/ping"))[0] == 429
        assert (await socket.ask("ping"))["error"]["code"] == -1003

    play(tmp_path, scenario, limits=LimitSettings(weight=2))


def test_a_method_has_its_own_weight(tmp_path: Path) -> None:
    async def scenario(server: VenueServer, client: Client, socket: Stream) -> None:
        used = [
            (await socket.ask(name, **sent))["rateLimits"][0]["count"]
            for name, sent in (("ping", {}), ("account.status", signed()), ("exchangeInfo", {}))
        ]
        assert used == [1, 21, 41]
        assert (await socket.ask("order.dance"))["status"] == 404
        assert (await client.raw("GET", "/api/v3/ping"))[0] == 200
        assert client.headers["X-MBX-USED-WEIGHT"] == "43"

    play(tmp_path, scenario)


def test_reports_travel_in_order(tmp_path: Path) -> None:
    async def scenario(server: VenueServer, client: Client, socket: Stream) -> None:
        await socket.subscribe()
        for number in range(20):
            await client.order("BUY", "0.01", f"{59_000 + number}")
        assert [(await socket.report())["i"] for _ in range(20)] == list(range(1, 21))

    latency = Latency(report_ns=1_000_000, jitter_ns=30_000_000, seed=3)
    play(tmp_path, scenario, latency=latency)


def test_an_answer_travels_back(tmp_path: Path) -> None:
    async def scenario(server: VenueServer, client: Client, socket: Stream) -> None:
        begun = time.monotonic()
        order = signed(**LIMIT, price="59000", quantity="0.01")
        assert (await socket.ask("order.place", **order))["status"] == 200
        assert time.monotonic() - begun >= 0.5

    play(tmp_path, scenario, latency=Latency(report_ns=500_000_000))


def test_the_venue_says_goodbye(tmp_path: Path) -> None:
    async def main() -> None:
        async with VenueServer(options(tmp_path)) as server:
            socket = await stream(server)
            await Stream(socket).subscribe()
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1001

    run(main())
