"""The order API as a client without a library sees it: refusals in the venue's codes and words."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest

from connectors.simulated.limits import LimitSettings
from connectors.simulated.rest import parsed
from connectors.simulated.server import VenueServer
from pipelines.matching.latency import Latency
from tests.connectors.simulated.rig import (
    API_KEY,
    ED_KEY,
    PRIVATE,
    READ_KEY,
    SECRET,
    WITHDRAW_KEY,
    Client,
    play,
    signed,
    trade,
)

NOW_NS = 1_800_000_000_000_000_000


@pytest.mark.parametrize(
    "part",
    ["", "a=1", "a=1&b=", "a&b=2", "&a=1&&b=2&", "a=1=2", "=1", "a=%20", "a=1+2", "a=\xe9"],
)
def test_what_is_not_quoted_is_read_as_the_library_reads_it(part: str) -> None:
    assert parsed(part) == parse_qsl(part, True)


@pytest.mark.parametrize(
    ("expected", "first"),
    [
        ("100-continue", b"HTTP/1.1 100 Continue\r\n\r\n"),
        ("a miracle", b"HTTP/1.1 417 Expectation Failed\r\n"),
    ],
)
def test_a_client_that_asks_whether_to_send_a_body_is_told(
    tmp_path: Path, expected: str, first: bytes
) -> None:
    async def scenario(server: VenueServer, client: Client) -> None:
        url = client.http.base_url
        reader, writer = await asyncio.open_connection(url.host, url.port)
        head = f"POST /api/v3/order HTTP/1.1\r\nHost: x\r\nExpect: {expected}\r\n"
        writer.write(head.encode() + b"Content-Length: 3\r\n\r\n")
        assert await reader.readexactly(len(first)) == first
        if expected == "100-continue":
            writer.write(b"a=1")
            assert (await reader.readline()).startswith(b"HTTP/1.1 401 ")
        writer.close()

    play(tmp_path, scenario)


def test_the_path_of_the_websocket_answers_no_other_verb(tmp_path: Path) -> None:
    async def scenario(server: VenueServer, client: Client) -> None:
        status, body = await client.raw("POST", "/ws-api/v3")
        assert (status, body["msg"]) == (404, "Not found.")
        assert (await client.http.get("/ws-api/v3")).status_code == 400

    play(tmp_path, scenario)


ORDER = {
    "symbol": "BTCUSDT",
    "side": "BUY",
    "type": "LIMIT",
    "timeInForce": "GTC",
    "quantity": "0.01",
    "price": "59000",
}
#  what differs from a good order               code   message
REFUSED = [
    ({"symbol": "NOPE"}, -1121, "Invalid symbol."),
    ({"symbol": None}, -1102, "Mandatory parameter 'symbol'"),
    ({"side": "HOLD"}, -1117, "Invalid side."),
    ({"type": "MAYBE"}, -1116, "Invalid orderType."),
    ({"type": "STOP_LOSS"}, -2010, "not supported"),
    ({"timeInForce": None}, -1102, "'timeInForce'"),
    ({"timeInForce": "GTX"}, -1115, "Invalid timeInForce."),
    ({"type": "LIMIT_MAKER"}, -1106, "'timeInForce' sent when not required"),
    ({"type": "MARKET", "timeInForce": None}, -1106, "'price' sent when not required"),
    ({"quantity": None}, -1102, "'quantity'"),
    ({"quantity": "0"}, -1102, "'quantity'"),
    ({"quantity": "-1"}, -1100, "Illegal characters found in parameter 'quantity'"),
    ({"quantity": "1e3"}, -1100, "'quantity'"),
    ({"quantity": "0.0100000001"}, -1111, "too much precision"),
    ({"price": None}, -1102, "'price'"),
    ({"newClientOrderId": "no spaces"}, -1100, "'newClientOrderId'"),
    ({"newClientOrderId": "x" * 37}, -1100, "'newClientOrderId'"),
    ({"newOrderRespType": "ALL"}, -1014, "Unsupported order combination."),
    ({"selfTradePreventionMode": "TRANSFER"}, -1013, "self-trade prevention mode"),
    ({"colour": "red"}, -1104, "Not all sent parameters were read; read '8' parameter(s)"),
    ({"quoteOrderQty": "5"}, -1106, "'quoteOrderQty'"),
    ({"price": "59000.001"}, -1013, "Filter failure: PRICE_FILTER"),
    ({"quantity": "0.000015"}, -1013, "Filter failure: LOT_SIZE"),
    ({"quantity": "0.00001"}, -1013, "Filter failure: NOTIONAL"),
    ({"price": "900000", "side": "SELL"}, -1013, "Filter failure: PERCENT_PRICE_BY_SIDE"),
    ({"quantity": "5"}, -2010, "Account has insufficient balance for requested action."),
    ({"type": "LIMIT_MAKER", "timeInForce": None, "price": "60001"}, -2010, "immediately match"),
]


@pytest.mark.parametrize(("change", "code", "message"), REFUSED)
def test_an_order_is_refused(
    tmp_path: Path, change: dict[str, str | None], code: int, message: str
) -> None:
    async def scenario(server: VenueServer, client: Client) -> None:
        sent = {name: value for name, value in {**ORDER, **change}.items() if value is not None}
        status, body = await client.call("POST", "order", **sent)
        assert (status, body["code"]) == (400, code)
        assert message in body["msg"]
        assert not server.venue.exchange.orders

    play(tmp_path, scenario)


def test_a_good_order_is_taken_with_every_answer_form(tmp_path: Path) -> None:
    async def scenario(server: VenueServer, client: Client) -> None:
        _, ack = await client.call("POST", "order", **ORDER, newOrderRespType="ACK")
        assert set(ack) == {"symbol", "orderId", "orderListId", "clientOrderId", "transactTime"}
        _, result = await client.call("POST", "order", **ORDER, newOrderRespType="RESULT")
        assert (result["status"], result["executedQty"]) == ("NEW", "0.00000000")
        assert "fills" not in result
        _, full = await client.order("BUY", "0.6", "60001")
        assert (full["status"], full["executedQty"]) == ("PARTIALLY_FILLED", "0.50000000")
        assert [one["qty"] for one in full["fills"]] == ["0.50000000"]
        assert full["fills"][0]["commission"] == "0.00050000"
        _, body = await client.call("POST", "order/test", **ORDER)
        assert body == {}
        assert len(server.venue.exchange.orders) == 3

    play(tmp_path, scenario)


def _off_by(milliseconds: int, **more: Any) -> dict[str, Any]:
    return {"timestamp": NOW_NS // 1_000_000 + milliseconds, **more}


#  timestamp less the venue's, ms; recvWindow      code, None: taken
STAMPS = [
    (_off_by(0), None),
    (_off_by(999), None),
    (_off_by(1_000), -1021),
    (_off_by(-5_000), None),
    (_off_by(-5_001), -1021),
    (_off_by(-300, recvWindow="200.5"), -1021),
    (_off_by(-200, recvWindow="200.5"), None),
    (_off_by(-50_000, recvWindow=60_000), None),
    (_off_by(0, recvWindow=60_001), -1131),
    (_off_by(0, recvWindow=10_000_000), -1131),
    (_off_by(0, recvWindow=0), -1131),
    (_off_by(-300, recvWindow="300.125"), None),
    *(
        (_off_by(0, recvWindow=text), -1100)
        for text in ("soon", "NaN", "sNaN", "Infinity", "-1", "1e3", "5000.1234", " 5", "5\n", "5.")
    ),
    ({"timestamp": NOW_NS // 1_000}, None),
    ({"timestamp": "now"}, -1100),
]


@pytest.mark.parametrize(("params", "code"), STAMPS)
def test_a_request_lives_as_long_as_it_says(
    tmp_path: Path, params: dict[str, Any], code: int | None
) -> None:
    async def scenario(server: VenueServer, client: Client) -> None:
        _, body = await client.call("GET", "account", **params)
        assert body.get("code") == code

    play(tmp_path, scenario, now_ns=lambda: NOW_NS)


def test_a_request_may_grow_too_old_on_its_way(tmp_path: Path) -> None:
    async def scenario(server: VenueServer, client: Client) -> None:
        _, body = await client.call("POST", "order", **ORDER, recvWindow=30)
        assert body["code"] == -1021
        assert not server.venue.exchange.orders
        status, _ = await client.call("POST", "order", **ORDER, recvWindow=60_000)
        assert status == 200

    play(tmp_path, scenario, latency=Latency(order_ns=60_000_000))


@pytest.mark.parametrize(
    ("api_key", "secret", "status", "code"),
    [
        pytest.param(API_KEY, "wrong", 400, -1022, id="wrong secret"),
        pytest.param(ED_KEY, SECRET, 400, -1022, id="HMAC for an Ed25519 key"),
        pytest.param(API_KEY, PRIVATE, 400, -1022, id="Ed25519 for an HMAC key"),
        pytest.param("unknownkey1", SECRET, 401, -2015, id="unknown key"),
        pytest.param("not a key", SECRET, 401, -2014, id="malformed key"),
        pytest.param(READ_KEY, SECRET, 401, -2015, id="may not trade"),
    ],
)
def test_who_may_not_trade(
    tmp_path: Path, api_key: str, secret: Any, status: int, code: int
) -> None:
    async def scenario(server: VenueServer, client: Client) -> None:
        async with Client(server, api_key, secret) as other:
            answer, body = await other.call("POST", "order", **ORDER)
            assert (answer, body["code"]) == (status, code)
        assert not server.venue.exchange.orders

    play(tmp_path, scenario)


def test_signature_and_timestamp_are_asked_for(tmp_path: Path) -> None:
    async def scenario(server: VenueServer, client: Client) -> None:
        for target, name in (
            ("/api/v3/account", "signature"),
            ("/api/v3/account?signature=ab", "timestamp"),
        ):
            _, body = await client.raw("GET", target)
            assert (body["code"], name in body["msg"]) == (-1102, True)
        tampered = signed(symbol="BTCUSDT", orderId=1).replace("orderId=1", "orderId=2")
        assert (await client.raw("DELETE", f"/api/v3/order?{tampered}"))[1]["code"] == -1022
        twice = signed(symbol="BTCUSDT") + "&symbol=ETHUSDT"
        assert (await client.raw("GET", f"/api/v3/myTrades?{twice}"))[1]["code"] == -1101

    play(tmp_path, scenario)


def test_signed_bodies_and_mixed_ones(tmp_path: Path) -> None:
    async def scenario(server: VenueServer, client: Client) -> None:
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        body = signed(**ORDER)
        answer = await client.http.post("/api/v3/order", content=body, headers=form)
        assert answer.json()["status"] == "NEW"
        # What is signed is the query and the body, joined without a separator.
        query, rest = "symbol=BTCUSDT", "orderId=1&timestamp=" + str(time.time_ns() // 1_000_000)
        mark = hmac.new(SECRET.encode(), (query + rest).encode(), hashlib.sha256).hexdigest()
        answer = await client.http.request(
            "DELETE", f"/api/v3/order?{query}", content=f"{rest}&signature={mark}", headers=form
        )
        assert answer.json()["status"] == "CANCELED"

    play(tmp_path, scenario)


def test_a_key_says_what_it_may(tmp_path: Path) -> None:
    async def scenario(server: VenueServer, client: Client) -> None:
        for key, trades, withdraws in (
            (API_KEY, True, False),
            (READ_KEY, False, False),
            (WITHDRAW_KEY, True, True),
        ):
            async with Client(server, key) as other:
                _, body = await other.raw("GET", f"/sapi/v1/account/apiRestrictions?{signed()}")
                assert body["enableSpotAndMarginTrading"] is trades
                assert body["enableWithdrawals"] is withdraws
                assert (await other.call("GET", "account"))[1]["canWithdraw"] is withdraws

    play(tmp_path, scenario)


def test_client_ids_are_unique_among_open_orders_only(tmp_path: Path) -> None:
    async def scenario(server: VenueServer, client: Client) -> None:
        for expected in ("NEW", None):
            _, body = await client.order("BUY", "0.01", "59000", newClientOrderId="one")
            assert body.get("status") == expected
        assert (body["code"], body["msg"]) == (-2010, "Duplicate order sent.")
        await client.call("DELETE", "order", symbol="BTCUSDT", origClientOrderId="one")
        _, again = await client.order("BUY", "0.01", "59000", newClientOrderId="one")
        assert (again["status"], again["orderId"]) == ("NEW", 2)
        _, found = await client.call("GET", "order", symbol="BTCUSDT", origClientOrderId="one")
        assert (found["orderId"], found["status"]) == (2, "NEW")

    play(tmp_path, scenario)


@pytest.mark.parametrize(("px", "status"), [("59000", 200), ("1", 400)])
def test_an_answer_travels_back(tmp_path: Path, px: str, status: int) -> None:
    """Also that of an order which the market refused; a question does not go there."""

    async def scenario(server: VenueServer, client: Client) -> None:
        begun = time.monotonic()
        assert (await client.call("GET", "account"))[0] == 200
        asked = time.monotonic()
        assert (await client.order("BUY", "0.01", px))[0] == status
        assert time.monotonic() - asked >= 0.5 > asked - begun

    play(tmp_path, scenario, latency=Latency(report_ns=500_000_000))


def test_orders_without_a_client_id_get_one_each_also_on_a_long_way(tmp_path: Path) -> None:
    async def scenario(server: VenueServer, client: Client) -> None:
        sent = (client.call("POST", "order", **ORDER) for _ in range(5))
        bodies = [body for _, body in await asyncio.gather(*sent)]
        assert len({one["clientOrderId"] for one in bodies}) == 5

    play(tmp_path, scenario, latency=Latency(order_ns=50_000_000))


def test_cancelling_and_asking(tmp_path: Path) -> None:
    async def scenario(server: VenueServer, client: Client) -> None:
        btc = {"symbol": "BTCUSDT"}
        _, body = await client.call("DELETE", "openOrders", **btc)
        assert body["code"] == -2011
        for px in ("59000", "59001"):
            await client.order("BUY", "0.01", px)
        _, found = await client.call("GET", "openOrders")
        assert [one["orderId"] for one in found] == [1, 2]
        both = {**btc, "orderId": 1, "origClientOrderId": "another"}
        assert (await client.call("DELETE", "order", **both))[1]["code"] == -2011
        _, body = await client.call("DELETE", "order", **btc, orderId=1, newClientOrderId="c")
        assert (body["status"], body["clientOrderId"]) == ("CANCELED", "c")
        for verb, code in (("DELETE", -2011), ("GET", -2013)):
            _, body = await client.call(verb, "order", **btc, orderId=99)
            assert body["code"] == code
            _, body = await client.call(verb, "order", **btc)
            assert body["code"] == -1102
        _, body = await client.call("DELETE", "order", **btc, orderId=1)
        assert (body["code"], body["msg"]) == (-2011, "Unknown order sent.")
        _, body = await client.call("DELETE", "openOrders", **btc)
        assert [one["orderId"] for one in body] == [2]
        _, body = await client.call("GET", "allOrders", **btc, limit=1)
        assert [(one["orderId"], one["status"]) for one in body] == [(2, "CANCELED")]
        _, body = await client.call("GET", "allOrders", **btc, orderId=1)
        assert [one["orderId"] for one in body] == [1, 2]

    play(tmp_path, scenario)


def test_cancel_replace(tmp_path: Path) -> None:
    async def scenario(server: VenueServer, client: Client) -> None:
        await client.order("BUY", "0.01", "59000")

        async def replace(number: int, mode: str, **change: str) -> tuple[int, Any]:
            sent = {**ORDER, "cancelOrderId": number, "cancelReplaceMode": mode, **change}
            return await client.call("POST", "order/cancelReplace", **sent)

        status, body = await replace(1, "STOP_ON_FAILURE", price="59100")
        assert (status, body["cancelResult"], body["newOrderResult"]) == (200, *["SUCCESS"] * 2)
        assert body["newOrderResponse"]["orderId"] == 2
        status, body = await replace(1, "STOP_ON_FAILURE")
        assert (status, body["code"]) == (400, -2022)
        assert body["data"]["cancelResponse"]["code"] == -2011
        assert body["data"]["newOrderResult"] == "NOT_ATTEMPTED"
        status, body = await replace(1, "ALLOW_FAILURE")
        assert (status, body["code"]) == (409, -2021)
        assert body["data"]["newOrderResponse"]["orderId"] == 3
        status, body = await replace(3, "STOP_ON_FAILURE", quantity="7")
        assert (status, body["code"]) == (409, -2021)
        assert body["data"]["newOrderResponse"]["code"] == -2010
        assert [one.order_id for one in server.venue.exchange.open_orders("desk")] == [2]

    play(tmp_path, scenario)


def test_fills_show_in_trades_account_and_order(tmp_path: Path) -> None:
    async def scenario(server: VenueServer, client: Client) -> None:
        await client.order("SELL", "0.4", "60100")
        trade(server, "BUY", "0.1", "60200")
        trade(server, "BUY", "0.1", "60200")
        _, order = await client.call("GET", "order", symbol="BTCUSDT", orderId=1)
        assert (order["status"], order["executedQty"]) == ("PARTIALLY_FILLED", "0.20000000")
        assert order["cummulativeQuoteQty"] == "12020.00000000"
        _, found = await client.call("GET", "myTrades", symbol="BTCUSDT", orderId=1)
        assert [(one["id"], one["isMaker"], one["price"]) for one in found] == [
            (1, True, "60100.00000000"),
            (2, True, "60100.00000000"),
        ]
        _, rest = await client.call("GET", "myTrades", symbol="BTCUSDT", fromId=2)
        assert [one["id"] for one in rest] == [2]
        _, account = await client.call("GET", "account")
        assert account["balances"] == [
            {"asset": "BTC", "free": "1.60000000", "locked": "0.20000000"},
            {"asset": "USDT", "free": "112007.98000000", "locked": "0.00000000"},
        ]

    play(tmp_path, scenario)


def test_the_market_is_shown(tmp_path: Path) -> None:
    async def scenario(server: VenueServer, client: Client) -> None:
        _, body = await client.raw("GET", "/api/v3/ticker/bookTicker?symbol=BTCUSDT")
        assert (body["bidPrice"], body["askQty"]) == ("60000.00000000", "0.50000000")
        _, body = await client.raw("GET", "/api/v3/depth?symbol=BTCUSDT&limit=5")
        assert body["bids"] == [["60000.00000000", "1.00000000"]]
        assert client.headers["X-MBX-USED-WEIGHT-1M"] == "7"
        _, body = await client.raw("GET", '/api/v3/exchangeInfo?symbols=["ETHUSDT"]')
        assert [one["symbol"] for one in body["symbols"]] == ["ETHUSDT"]
        assert (await client.raw("GET", "/api/v3/exchangeInfo?symbol=X"))[1]["code"] == -1121
        assert (await client.raw("GET", "/api/v3/nothing"))[0] == 404
        assert (await client.raw("PUT", "/api/v3/ping"))[0] == 405
        assert (await client.raw("GET", "/api/v3/ping")) == (200, {})

    play(tmp_path, scenario)


def test_too_much_weight_is_429_and_going_on_is_a_ban(tmp_path: Path) -> None:
    async def scenario(server: VenueServer, client: Client) -> None:
        now = [NOW_NS]
        server.clock._now_ns = lambda: now[0]  # the windows and bans follow the venue's clock
        answers = [await client.raw("GET", "/api/v3/time") for _ in range(14)]
        assert [status for status, _ in answers] == [200] * 10 + [429] * 3 + [418]
        assert answers[10][1]["code"] == answers[13][1]["code"] == -1003
        assert client.headers["Retry-After"] == "100"
        now[0] += 99_000_000_000
        assert (await client.raw("GET", "/api/v3/time"))[0] == 418
        now[0] += 1_000_000_000
        assert (await client.raw("GET", "/api/v3/time"))[0] == 200

    limits = LimitSettings(weight=10, offences_max=3, ban_s=100)
    play(tmp_path, scenario, limits=limits, now_ns=lambda: NOW_NS)


def test_too_many_orders_are_429(tmp_path: Path) -> None:
    async def scenario(server: VenueServer, client: Client) -> None:
        stamp = {"timestamp": NOW_NS // 1_000_000}
        answers = [await client.call("POST", "order", **ORDER, **stamp) for _ in range(4)]
        assert [status for status, _ in answers] == [200, 200, 200, 429]
        assert answers[3][1]["code"] == -1015
        assert client.headers["Retry-After"] == "10"
        assert client.headers["X-MBX-ORDER-COUNT-10S"] == "4"
        _, counts = await client.call("GET", "rateLimit/order", **stamp)
        assert [one["count"] for one in counts] == [4, 4]

    play(tmp_path, scenario, limits=LimitSettings(orders_10s=3), now_ns=lambda: NOW_NS)


def test_the_dead_mans_switch_cancels(tmp_path: Path) -> None:
    async def scenario(server: VenueServer, client: Client) -> None:
        await client.order("BUY", "0.01", "59000")
        armed = {"symbol": "BTCUSDT", "countdownTime": 60_000}
        assert (await client.call("POST", "countdownCancelAll", **armed))[0] == 200
        armed["countdownTime"] = 0
        await client.call("POST", "countdownCancelAll", **armed)
        assert len(server.venue.exchange.open_orders("desk")) == 1
        armed["countdownTime"] = 1
        await client.call("POST", "countdownCancelAll", **armed)
        while server.venue.exchange.open_orders("desk"):
            await client.raw("GET", "/api/v3/ping")
        _, body = await client.call("GET", "order", symbol="BTCUSDT", orderId=1)
        assert body["status"] == "CANCELED"

    play(tmp_path, scenario)
