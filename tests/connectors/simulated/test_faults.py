"""Every fault on request: what the client sees, what the venue knows, and that it was counted."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import httpx
import pytest

from connectors.simulated.faults import FAULTS, Fault, Faults
from connectors.simulated.server import VenueServer
from tests.connectors.asynchronous import run
from tests.connectors.simulated.rig import Client, Stream, options, quote, stream, trade

NEW, FILLED = ("NEW", "NEW"), ("TRADE", "FILLED")
CANCELED = ("CANCELED", "CANCELED")
PARTLY = ("TRADE", "PARTIALLY_FILLED")
BTC = {"symbol": "BTCUSDT"}

Scenario = Callable[[VenueServer, Client, Stream], Coroutine[Any, Any, None]]


def play(folder: Path, scenario: Scenario, **changes: Any) -> None:
    """With a subscribed private stream."""

    async def main() -> None:
        async with (
            VenueServer(options(folder, state=folder / "state", **changes)) as server,
            Client(server) as client,
            stream(server) as socket,
        ):
            quote(server, "60000", "1", "60001", "1")
            private = Stream(socket)
            assert (await private.subscribe())["result"] == {"subscriptionId": 0}
            await scenario(server, client, private)

    run(main())


async def arm(client: Client, kind: str, **more: Any) -> None:
    assert "armed" in await client.admin("POST", "/faults", kind=kind, **{"count": 1, **more})


async def counted(client: Client) -> dict[str, int]:
    found: dict[str, int] = (await client.admin("GET", "/faults"))["counts"]
    return found


def test_without_faults_reports_come_in_order(tmp_path: Path) -> None:
    async def scenario(server: VenueServer, client: Client, private: Stream) -> None:
        await client.order("BUY", "0.1")
        await client.order("BUY", "0.1", "59000")
        await client.call("DELETE", "order", **BTC, orderId=2)
        assert await private.reports(4) == [NEW, FILLED, NEW, CANCELED]
        assert await counted(client) == {}

    play(tmp_path, scenario)


def test_a_lost_request_was_never_handled(tmp_path: Path) -> None:
    async def scenario(server: VenueServer, client: Client, private: Stream) -> None:
        await arm(client, "lost_request")
        with pytest.raises(httpx.RemoteProtocolError):
            await client.order("BUY", "0.1", "59000")
        assert not server.venue.exchange.orders
        await client.order("BUY", "0.1", "59000")
        assert await private.reports(1) == [NEW]
        assert await counted(client) == {"lost_request": 1}

    play(tmp_path, scenario)


@pytest.mark.parametrize("status", [0, 504])
def test_a_lost_response_was_taken_all_the_same(tmp_path: Path, status: int) -> None:
    async def scenario(server: VenueServer, client: Client, private: Stream) -> None:
        await arm(client, "lost_response", status=status)
        if status:
            answer, body = await client.order("BUY", "0.1", "59000")
            assert (answer, body["code"]) == (504, -1007)
        else:
            with pytest.raises(httpx.RemoteProtocolError):
                await client.order("BUY", "0.1", "59000")
        assert await private.reports(1) == [NEW]
        _, found = await client.call("GET", "openOrders", **BTC)
        assert len(found) == 1
        assert await counted(client) == {"lost_response": 1}

    play(tmp_path, scenario)


def test_a_server_error_was_not_handled(tmp_path: Path) -> None:
    async def scenario(server: VenueServer, client: Client, private: Stream) -> None:
        for status in (500, 503):
            await arm(client, "server_error", status=status)
            assert (await client.order("BUY", "0.1", "59000"))[0] == status
        assert not server.venue.exchange.orders
        assert await counted(client) == {"server_error": 2}

    play(tmp_path, scenario)


def test_a_ban_holds_until_it_is_lifted(tmp_path: Path) -> None:
    async def scenario(server: VenueServer, client: Client, private: Stream) -> None:
        await arm(client, "ban", seconds=300)
        status, body = await client.order("BUY", "0.1", "59000")
        assert (status, body["code"], client.headers["Retry-After"]) == (418, -1003, "300")
        assert (await client.call("GET", "account"))[0] == 418
        await client.admin("DELETE", "/faults/ban")
        assert (await client.call("GET", "account"))[0] == 200
        assert await counted(client) == {"ban": 1}

    play(tmp_path, scenario)


def test_rest_is_down_while_the_stream_works(tmp_path: Path) -> None:
    async def scenario(server: VenueServer, client: Client, private: Stream) -> None:
        await client.order("BUY", "0.1", "60000")
        await arm(client, "rest_down", count=None)
        for target in ("/api/v3/ping", "/api/v3/time"):
            with pytest.raises(httpx.RemoteProtocolError):
                await client.raw("GET", target)
        trade(server, "SELL", "5", "59990")
        assert await private.reports(2) == [NEW, FILLED]
        await client.admin("DELETE", "/faults/rest_down")
        assert (await client.raw("GET", "/api/v3/ping"))[0] == 200
        assert await counted(client) == {"rest_down": 2}

    play(tmp_path, scenario)


def test_the_stream_is_silent_while_rest_works(tmp_path: Path) -> None:
    async def scenario(server: VenueServer, client: Client, private: Stream) -> None:
        await arm(client, "stream_silent", count=None)
        await client.order("BUY", "0.1")
        _, order = await client.call("GET", "order", **BTC, orderId=1)
        assert order["status"] == "FILLED"
        await client.admin("DELETE", "/faults/stream_silent")
        await client.order("BUY", "0.1", "59000")
        report = await private.report()
        assert (report["i"], report["x"]) == (2, "NEW")
        assert await counted(client) == {"stream_silent": 2}

    play(tmp_path, scenario)


def test_a_report_is_late_and_others_overtake_it(tmp_path: Path) -> None:
    async def scenario(server: VenueServer, client: Client, private: Stream) -> None:
        await arm(client, "report_delayed", seconds=1)
        await client.order("BUY", "0.1", "59000")
        await client.order("BUY", "0.1", "59001")
        assert [(await private.report())["i"] for _ in range(2)] == [2, 1]
        assert await counted(client) == {"report_delayed": 1}

    play(tmp_path, scenario)


def test_a_report_comes_twice(tmp_path: Path) -> None:
    async def scenario(server: VenueServer, client: Client, private: Stream) -> None:
        await client.order("BUY", "0.1", "60000")
        assert await private.reports(1) == [NEW]
        await arm(client, "report_duplicated")
        trade(server, "SELL", "5", "59990")
        first, second = await private.report(), await private.report()
        assert first == second
        assert (first["x"], first["t"], first["I"]) == ("TRADE", 1, second["I"])
        assert await counted(client) == {"report_duplicated": 1}

    play(tmp_path, scenario)


def test_reports_change_places(tmp_path: Path) -> None:
    async def scenario(server: VenueServer, client: Client, private: Stream) -> None:
        await arm(client, "reports_out_of_order", seconds=30)
        await client.order("BUY", "0.1")
        assert await private.reports(2) == [FILLED, NEW]
        assert await counted(client) == {"reports_out_of_order": 1}

    play(tmp_path, scenario)


def test_a_held_report_goes_also_if_none_follows(tmp_path: Path) -> None:
    async def scenario(server: VenueServer, client: Client, private: Stream) -> None:
        await arm(client, "reports_out_of_order", seconds=0.01)
        await client.order("BUY", "0.1", "59000")
        assert await private.reports(1) == [NEW]

    play(tmp_path, scenario)


def test_a_fill_comes_before_its_order_is_known(tmp_path: Path) -> None:
    async def scenario(server: VenueServer, client: Client, private: Stream) -> None:
        await arm(client, "fill_before_ack", seconds=2)
        sending = asyncio.create_task(client.order("BUY", "0.1"))
        assert await private.reports(2) == [FILLED, NEW]
        for _ in range(5):
            await client.raw("GET", "/api/v3/ping")
        assert not sending.done(), "the answer does not wait"
        await sending
        assert await counted(client) == {"fill_before_ack": 1}

    play(tmp_path, scenario)


def test_a_fill_is_sent_again_with_the_cancel(tmp_path: Path) -> None:
    async def scenario(server: VenueServer, client: Client, private: Stream) -> None:
        await arm(client, "fill_resent_on_cancel")
        await client.order("BUY", "1", "60000")
        trade(server, "SELL", "0.4", "59990")
        await client.call("DELETE", "order", **BTC, orderId=1)
        reports = [await private.report() for _ in range(4)]
        assert [(one["x"], one["X"]) for one in reports] == [NEW, PARTLY, PARTLY, CANCELED]
        assert reports[1] == reports[2]
        assert reports[3]["z"] == "0.40000000"
        assert await counted(client) == {"fill_resent_on_cancel": 1}

    play(tmp_path, scenario)


def test_a_fill_is_missing_in_the_stream_and_present_in_trades(tmp_path: Path) -> None:
    async def scenario(server: VenueServer, client: Client, private: Stream) -> None:
        await arm(client, "fill_missing")
        await client.order("BUY", "0.1")
        await client.order("BUY", "0.1", "59000")
        assert [(await private.report())["i"] for _ in range(2)] == [1, 2]
        _, trades = await client.call("GET", "myTrades", **BTC)
        assert [one["orderId"] for one in trades] == [1]
        assert await counted(client) == {"fill_missing": 1}

    play(tmp_path, scenario)


def test_the_venues_clock_is_skewed(tmp_path: Path) -> None:
    async def scenario(server: VenueServer, client: Client, private: Stream) -> None:
        await arm(client, "clock_skew", skew_ms=-3_600_000)
        _, body = await client.raw("GET", "/api/v3/time")
        assert abs(time.time() * 1e3 - body["serverTime"] - 3_600_000) < 60_000
        _, body = await client.order("BUY", "0.1", "59000")
        assert (body["code"], "ahead of the server" in body["msg"]) == (-1021, True)
        await arm(client, "clock_skew", skew_ms=3_600_000)
        _, body = await client.order("BUY", "0.1", "59000")
        assert (body["code"], "outside of the recvWindow" in body["msg"]) == (-1021, True)
        await client.admin("DELETE", "/faults/clock_skew")
        assert (await client.order("BUY", "0.1", "59000"))[0] == 200
        assert await counted(client) == {"clock_skew": 2}

    play(tmp_path, scenario)


def test_an_order_appears_that_nobody_sent(tmp_path: Path) -> None:
    async def scenario(server: VenueServer, client: Client, private: Stream) -> None:
        asked = {"account": "desk", **BTC, "side": "BUY", "quantity": "0.1"}
        body = await client.admin("POST", "/foreign-order", **asked)
        assert (body["status"], body["clientOrderId"]) == ("FILLED", "web_1")
        assert await private.reports(2) == [NEW, FILLED]
        refused = await client.admin("POST", "/foreign-order", **asked | {"quantity": "1000"})
        assert refused["code"] == -1013
        assert await counted(client) == {"foreign_order": 1}

    play(tmp_path, scenario)


def test_money_moves_from_outside(tmp_path: Path) -> None:
    async def scenario(server: VenueServer, client: Client, private: Stream) -> None:
        moved = {"account": "desk", "asset": "USDT", "amount": "-1.5"}
        assert await client.admin("POST", "/transfer", **moved) == {}
        event = await private.event()
        assert (event["e"], event["a"], event["d"]) == ("balanceUpdate", "USDT", "-1.50000000")
        refused = await client.admin("POST", "/transfer", **moved | {"amount": "-999999"})
        assert refused["code"] == -2010
        _, account = await client.call("GET", "account", omitZeroBalances="true")
        assert account["balances"][1]["free"] == "99998.50000000"

    play(tmp_path, scenario)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"kind": "earthquake"}, "unknown fault 'earthquake'"),
        ({"kind": "ban", "probability": 2}, "between 0 and 1"),
        ({"kind": "ban", "count": -1}, "fault ban: a count is at least 1"),
        ({"kind": "ban", "count": 0}, "fault ban: a count is at least 1"),
        ({"kind": "ban", "seconds": -1}, "fault ban: seconds lies between 0 and"),
        ({"kind": "ban", "seconds": 1e300}, "fault ban: seconds lies between 0 and"),
        ({"kind": "ban", "for_s": -0.5}, "fault ban: for_s lies between 0 and"),
        ({"kind": "ban", "times": 2}, "unknown field"),
        ({"kind": "foreign_order"}, "POST /foreign-order"),
        ({}, "missing required field"),
    ],
)
def test_a_fault_that_cannot_be_armed_is_refused(
    tmp_path: Path, body: dict[str, Any], message: str
) -> None:
    async def scenario(server: VenueServer, client: Client, private: Stream) -> None:
        assert message in (await client.admin("POST", "/faults", **body))["msg"]
        assert (await client.admin("GET", "/faults"))["armed"] == []

    play(tmp_path, scenario)


def test_a_page_in_a_browser_cannot_arm_faults(tmp_path: Path) -> None:
    async def scenario(server: VenueServer, client: Client, private: Stream) -> None:
        answer = await client.http.post(f"{server.admin_url}/faults", content='{"kind":"ban"}')
        assert answer.status_code == 400
        assert (await client.admin("GET", "/faults"))["armed"] == []

    play(tmp_path, scenario)


def _strikes(seed: int, kind: str, others: int = 0) -> list[bool]:
    faults = Faults(seed, lambda: 0)
    faults.arm(Fault(kind, probability=0.3))
    faults.arm(Fault("ban", probability=0.5))
    found = []
    for number in range(60):
        for _ in range(others if number % 2 else 0):
            faults.strikes("ban")
        found.append(faults.strikes(kind) is not None)
    assert faults.counts[kind] == sum(found)
    return found


@pytest.mark.parametrize("kind", [kind for kind in FAULTS if kind != "ban"])
def test_the_seed_decides_whatever_else_is_armed(kind: str) -> None:
    assert _strikes(7, kind) == _strikes(7, kind, others=3)
    assert _strikes(7, kind) != _strikes(8, kind)
    assert 5 < sum(_strikes(7, kind)) < 35


def test_a_fault_ends_with_its_time() -> None:
    now_ns = 0
    faults = Faults(0, lambda: now_ns)
    faults.arm(Fault("ban", for_s=2.0))
    now_ns = 1_999_999_999
    assert faults.strikes("ban")
    now_ns = 2_000_000_000
    assert not faults.strikes("ban")
    assert faults.armed() == []


def test_faults_can_be_narrowed_to_requests_and_accounts(tmp_path: Path) -> None:
    async def scenario(server: VenueServer, client: Client, private: Stream) -> None:
        await arm(client, "server_error", count=None, verb="GET", path="/api/v3/account")
        assert (await client.call("GET", "account"))[0] == 503
        await arm(client, "stream_silent", count=None, account="other")
        assert (await client.order("BUY", "0.1", "59000"))[0] == 200
        assert await private.reports(1) == [NEW]
        assert await counted(client) == {"server_error": 1}

    play(tmp_path, scenario)
