"""What each venue is asked and how its answers are read, against real and documented frames."""

from __future__ import annotations

import json

import pytest

from connectors.connector import Connector
from connectors.venues import FOLDERS, UnknownVenue, venue
from connectors.venues.binance_spot.protocol import PROTOCOL as SPOT
from connectors.venues.binance_usdm.protocol import PROTOCOL as USDM
from connectors.venues.coinbase.protocol import PROTOCOL as COINBASE
from connectors.venues.protocol import BadSubscription, Kind, VenueProtocol
from tests.connectors.venues.rig import KeepingSink


def test_registry() -> None:
    assert venue("BINANCE").protocol() is SPOT
    assert venue("COINBASE").route()(b"{}") is None
    with pytest.raises(UnknownVenue, match="one of BINANCE"):
        venue("MTGOX")
    with pytest.raises(UnknownVenue, match="no protocol"):
        venue("HITBTC").protocol()
    assert all(venue(code).route() for code in FOLDERS)


def test_spot_subscribes_by_message() -> None:
    [plan] = SPOT.plan(["BTCUSDT", "ethusdt"])
    assert plan.url == "wss://stream.binance.com:9443/stream"
    assert plan.streams[:3] == ("btcusdt@trade", "btcusdt@bookTicker", "btcusdt@depth@100ms")
    [request] = plan.requests
    message = json.loads(request.text)
    assert message == {"method": "SUBSCRIBE", "params": list(plan.streams), "id": 1}
    assert request.tokens == {"1"}


def test_usdm_uses_the_entry_point_of_each_channel() -> None:
    channels = ["trade", "depth@0ms", "depth5@100ms", "aggTrade", "markPrice@1s"]
    public, market = USDM.plan(["BTCUSDT"], channels)
    assert public.url == "wss://fstream.binance.com/public/stream"
    assert public.streams == ("btcusdt@trade", "btcusdt@depth@0ms", "btcusdt@depth5@100ms")
    assert market.url == "wss://fstream.binance.com/market/stream"
    assert market.streams == ("btcusdt@aggTrade", "btcusdt@markPrice@1s")


def test_depth_changes_need_a_snapshot() -> None:
    [plan] = SPOT.plan(["BTCUSDT", "ethusdt"])
    assert [snapshot.stream for snapshot in plan.snapshots] == [
        "btcusdt@depth_snapshot", "ethusdt@depth_snapshot",
    ]  # fmt: skip
    assert plan.snapshots[1].url.endswith("/api/v3/depth?limit=1000&symbol=ETHUSDT")
    assert SPOT.plan(["BTCUSDT"], ["trade", "depth5@100ms"])[0].snapshots == ()
    assert SPOT.plan(["BTCUSDT"], url="ws://127.0.0.1:1")[0].snapshots == (), "not from elsewhere"
    assert COINBASE.plan(["BTC-USD"])[0].snapshots == (), "sent in the stream"


@pytest.mark.parametrize(
    ("protocol", "weight", "allowed"),
    [pytest.param(SPOT, 50, 6_000, id="spot"), pytest.param(USDM, 20, 2_400, id="futures")],
)
def test_snapshots_take_a_quarter_of_the_venues_weight(
    protocol: VenueProtocol, weight: int, allowed: int
) -> None:
    [plan] = protocol.plan(["BTCUSDT"])
    assert "limit=1000&" in plan.snapshots[0].url, "it weighs by its depth"
    assert protocol.limits.snapshots_per_minute * weight <= allowed / 4


def test_many_streams_are_several_requests_and_connections() -> None:
    symbols = [f"X{number}USDT" for number in range(400)]
    first, second = SPOT.plan(symbols)
    assert len(first.streams) == 1024
    assert len(second.streams) == 176
    assert len(first.requests) == 11
    assert [request.tokens for request in second.requests] == [{"1"}, {"2"}]


def test_coinbase_asks_per_channel_and_always_for_heartbeats() -> None:
    [plan] = COINBASE.plan(["btc-usd", "ETH-USD"])
    messages = [json.loads(request.text) for request in plan.requests]
    assert [m["channel"] for m in messages] == [
        "heartbeats", "market_trades", "ticker", "level2",
    ]  # fmt: skip
    assert messages[1]["product_ids"] == ["BTC-USD", "ETH-USD"]
    assert plan.requests[0].tokens == {"heartbeats:heartbeats"}
    assert plan.requests[1].tokens == {"market_trades:BTC-USD", "market_trades:ETH-USD"}


@pytest.mark.parametrize(
    ("protocol", "symbols"),
    [(SPOT, ["BTC/USDT"]), (SPOT, []), (COINBASE, ["BTCUSD"]), (COINBASE, [])],
)
def test_bad_symbols_are_refused(protocol: VenueProtocol, symbols: list[str]) -> None:
    with pytest.raises(BadSubscription):
        protocol.plan(symbols)


def test_a_usdc_product_is_that_of_usd_on_public_channels() -> None:
    with pytest.raises(BadSubscription, match="'BTC-USDC' comes as BTC-USD: subscribe that"):
        COINBASE.plan(["ETH-USD", "btc-usdc"])
    [plan] = COINBASE.plan(["USDT-USDC", "EURC-USDC"], ["ticker"])
    assert plan.streams == ("heartbeats", "ticker:USDT-USDC", "ticker:EURC-USDC")


@pytest.mark.parametrize("protocol", [SPOT, COINBASE])
@pytest.mark.parametrize("url", ["nonsense", "http://host:1", "ws://", "ws://host:none", "ws://[1"])
def test_bad_addresses_are_refused(protocol: VenueProtocol, url: str) -> None:
    with pytest.raises(BadSubscription, match="is not an address of the form ws://HOST:PORT"):
        protocol.plan(["BTC-USD" if protocol is COINBASE else "BTCUSDT"], url=url)


ACKED = (
    b'{"channel":"subscriptions","timestamp":"2026-08-09T21:05:48.228846629Z","sequence_num":2,'
    b'"events":[{"subscriptions":{"market_trades":["BTC-USD"],"heartbeats":["heartbeats"]}}]}'
)


@pytest.mark.parametrize(
    ("protocol", "payload", "kind", "alive"),
    [
        pytest.param(SPOT, b'{"stream":"btcusdt@trade","data":{}}', Kind.DATA, True, id="data"),
        pytest.param(SPOT, b'{"result":null,"id":1}', Kind.ACK, True, id="ack"),
        pytest.param(
            SPOT, b'{"code":2,"msg":"Invalid request","id":1}', Kind.REFUSED, True, id="refused"
        ),
        pytest.param(
            SPOT, b'{"error":{"code":2,"msg":"x"},"id":1}', Kind.REFUSED, True, id="refused, nested"
        ),
        pytest.param(SPOT, b'{"e":"serverShutdown","E":1}', Kind.LEAVING, True, id="shutdown"),
        pytest.param(SPOT, b"\xff\xfe", Kind.DATA, False, id="garbage"),
        pytest.param(SPOT, b"[" * 100_000, Kind.DATA, False, id="deep"),
        pytest.param(SPOT, b"[1]", Kind.DATA, False, id="not an object"),
        pytest.param(SPOT, b"", Kind.DATA, False, id="empty"),
        pytest.param(COINBASE, ACKED, Kind.ACK, False, id="subscriptions"),
        pytest.param(
            COINBASE, b'{"channel":"heartbeats","events":[]}', Kind.HEARTBEAT, True, id="heartbeat"
        ),
        pytest.param(
            COINBASE, b'{ "channel": "heartbeats" }', Kind.HEARTBEAT, True, id="heartbeat, spaced"
        ),
        pytest.param(
            COINBASE, b'{"channel":"l2_data","events":[]}', Kind.DATA, False, id="data is no beat"
        ),
        pytest.param(COINBASE, b'{"type":"error","message":"no"}', Kind.REFUSED, False, id="error"),
        pytest.param(COINBASE, b"\xff", Kind.DATA, False, id="coinbase garbage"),
        pytest.param(COINBASE, b"[" * 100_000, Kind.DATA, False, id="coinbase deep"),
        pytest.param(
            COINBASE,
            b'{"channel":"l2_data","sequence_num":1,"events":' + b"[" * 10_000,
            Kind.DATA,
            False,
            id="coinbase deep depth",
        ),
        pytest.param(
            COINBASE,
            b'{"channel":"subscriptions","events":[5]}',
            Kind.ACK,
            False,
            id="ack of another form acknowledges nothing",
        ),
    ],
)
def test_read(protocol: VenueProtocol, payload: bytes, kind: Kind, alive: bool) -> None:
    control = protocol.read(payload)
    assert (control.kind, control.alive) == (kind, alive)


def test_acks_name_what_they_acknowledge() -> None:
    assert SPOT.read(b'{"result":null,"id":1}').tokens == {"1"}
    assert COINBASE.read(ACKED).tokens == {"market_trades:BTC-USD", "heartbeats:heartbeats"}
    assert COINBASE.read(b'{"channel":"subscriptions","events":[5]}').tokens == set()


@pytest.mark.parametrize(
    ("code", "channel", "named"),
    [
        pytest.param("BINANCE_USDM", "aggTrade", "bookTicker, depth, trade can", id="trades"),
        pytest.param("BINANCE_USDM", "depth5@100ms", "bookTicker, depth, trade can", id="depth"),
        pytest.param("BINANCE", "depth_snapshot", "bookTicker, depth, trade can", id="REST alone"),
        pytest.param("COINBASE", "l2_data", "level2, market_trades", id="a frame's name"),
        pytest.param("COINBASE", "user", "level2, market_trades", id="not public"),
    ],
)
def test_a_channel_that_the_parser_refuses_is_not_subscribed(
    code: str, channel: str, named: str
) -> None:
    symbols = ["BTC-USD" if code == "COINBASE" else "BTCUSDT"]
    channels = [*venue(code).protocol().channels, channel]
    with pytest.raises(BadSubscription, match=f"'{channel}' cannot be read: .*{named}"):
        Connector(code, "A", symbols, KeepingSink(), channels=channels)


@pytest.mark.parametrize("code", ["BINANCE", "BINANCE_USDM", "COINBASE"])
def test_the_usual_channels_of_a_venue_are_read(code: str) -> None:
    venue(code).check(venue(code).protocol().channels)
