"""The venues' side of the protocols, message by message."""

from __future__ import annotations

import json
from typing import Any

import pytest

from connectors.feed.capture import Frame
from connectors.feed.dialect import Dialect, dialect_of


def hear(dialect: Dialect, message: Any) -> Any:
    [answer] = dialect.hear(message if isinstance(message, str) else json.dumps(message))
    return json.loads(answer)


def dialect(path: str) -> Dialect:
    found = dialect_of(path)
    assert found is not None
    return found


def frame(venue: str, stream: str) -> Frame:
    return Frame(0, venue, (stream,), b"{}")


@pytest.mark.parametrize(
    ("message", "answer"),
    [
        pytest.param(
            {"method": "SUBSCRIBE", "params": ["btcusdt@trade"], "id": 1},
            {"result": None, "id": 1},
            id="subscribe",
        ),
        pytest.param(
            {"method": "SUBSCRIBE", "params": ["nobody@trade"], "id": "x"},
            {"result": None, "id": "x"},
            id="the venue acknowledges streams that do not exist",
        ),
        pytest.param(
            {"method": "UNSUBSCRIBE", "params": ["a@trade"], "id": 2},
            {"result": None, "id": 2},
            id="unsubscribe",
        ),
        pytest.param(
            {"method": "LIST_SUBSCRIPTIONS", "id": 3}, {"result": ["a@trade"], "id": 3}, id="list"
        ),
        pytest.param(
            {"method": "HELLO", "id": 4},
            {"code": 2, "msg": "Invalid request: unknown variant `HELLO`", "id": 4},
            id="unknown method",
        ),
        pytest.param(
            {"method": "SUBSCRIBE", "params": "a@trade", "id": 5},
            {"code": 2, "msg": "Invalid request: params must be an array of strings", "id": 5},
            id="params of a wrong type",
        ),
        pytest.param(
            "{",
            {"code": 3, "msg": "Invalid JSON: expected value at line 1 column 1"},
            id="no JSON",
        ),
        pytest.param(
            "[]",
            {
                "code": 2,
                "msg": "Invalid request: request ID must be an unsigned integer",
                "id": None,
            },
            id="no id",
        ),
    ],
)
def test_binance_answers(message: Any, answer: Any) -> None:
    assert hear(dialect("/binance_spot/stream?streams=a@trade"), message) == answer


def test_binance_sends_what_was_subscribed() -> None:
    spot = dialect("/binance_spot/stream?streams=btcusdt@trade/ethusdt@depth@100ms")
    assert spot.subscribed()
    assert spot.wants(frame("BINANCE", "btcusdt@trade"))
    assert not spot.wants(frame("BINANCE", "btcusdt@bookTicker"))
    hear(spot, {"method": "SUBSCRIBE", "params": ["btcusdt@bookTicker"], "id": 1})
    assert spot.wants(frame("BINANCE", "btcusdt@bookTicker"))
    hear(spot, {"method": "UNSUBSCRIBE", "params": ["btcusdt@trade"], "id": 2})
    assert not spot.wants(frame("BINANCE", "btcusdt@trade"))


def test_snapshot_goes_to_subscribers_of_that_depth() -> None:
    spot = dialect("/binance_spot/stream?streams=ethusdt@depth@100ms")
    assert spot.wants(frame("BINANCE", "ethusdt@depth_snapshot"))
    assert not spot.wants(frame("BINANCE", "btcusdt@depth_snapshot"))


def test_usdm_entry_points_stay_silent_for_what_is_not_theirs() -> None:
    public = dialect("/binance_usdm/public/stream?streams=btcusdt@trade/btcusdt@aggTrade")
    assert public.wants(frame("BINANCE_USDM", "btcusdt@trade"))
    assert not public.wants(frame("BINANCE_USDM", "btcusdt@aggTrade"))
    market = dialect("/binance_usdm/market/stream?streams=btcusdt@trade")
    assert not market.subscribed()


def test_no_such_venue() -> None:
    assert dialect_of("/") is None
    assert dialect_of("/kraken/stream") is None


def test_coinbase_answers_with_everything_subscribed() -> None:
    coinbase = dialect("/coinbase")
    hear(coinbase, {"type": "subscribe", "channel": "heartbeats"})
    assert not coinbase.subscribed()
    answer = hear(coinbase, {"type": "subscribe", "channel": "ticker", "product_ids": ["BTC-USD"]})
    assert answer["channel"] == "subscriptions"
    assert answer["events"] == [
        {"subscriptions": {"heartbeats": ["heartbeats"], "ticker": ["BTC-USD"]}}
    ]
    assert coinbase.subscribed()
    assert coinbase.wants(frame("COINBASE", "ticker:BTC-USD"))
    assert not coinbase.wants(frame("COINBASE", "ticker:ETH-USD"))
    hear(coinbase, {"type": "unsubscribe", "channel": "ticker"})
    assert not coinbase.wants(frame("COINBASE", "ticker:BTC-USD"))


@pytest.mark.parametrize(
    "message",
    ["x", "[]", {"type": "subscribe"}, {"type": "subscribe", "channel": "nope"}, {"type": 5}],
)
def test_coinbase_refuses(message: Any) -> None:
    assert hear(dialect("/coinbase"), message)["type"] == "error"


def test_coinbase_numbers_what_it_sends() -> None:
    coinbase = dialect("/coinbase")
    captured = b'{"channel":"ticker","timestamp":"t","sequence_num":395,"events":[]}'
    assert [json.loads(coinbase.finish(captured))["sequence_num"] for _ in range(3)] == [0, 1, 2]
    assert coinbase.finish(captured) == captured.replace(b"395", b"3")


def test_coinbase_heartbeats_only_when_subscribed() -> None:
    coinbase = dialect("/coinbase")
    assert coinbase.heartbeat(0) is None
    hear(coinbase, {"type": "subscribe", "channel": "heartbeats"})
    counters = [
        json.loads(coinbase.heartbeat(0) or b"")["events"][0]["heartbeat_counter"] for _ in "12"
    ]
    assert counters == [1, 2]
