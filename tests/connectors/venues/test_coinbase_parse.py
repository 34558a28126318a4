"""Coinbase frames to market events."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from connectors.venues.coinbase.parse import parse, route
from pipelines.market.parsed import (
    Heartbeat,
    Ignored,
    Market,
    Numbered,
    Order,
    Parsed,
    Refused,
    SubscriptionAcked,
    VenueError,
)
from schemas.events import BookChanged, FrameReceived, QuoteChanged, TradePrinted

TICKER = {
    "product_id": "BTC-USD",
    "best_bid": "65083.66",
    "best_ask": "65083.67",
    "best_bid_quantity": "0.2",
    "best_ask_quantity": "0.3",
}


def trade(number: int, side: str = "SELL", **changed: str) -> dict[str, str]:
    time = "2026-08-09T21:05:42.514318Z"
    known = {"product_id": "BTC-USD", "trade_id": str(number), "price": "65083.67", "size": "0.5"}
    return {**known, "time": time, "side": side, **changed}


def read(channel: str, *events: dict[str, Any], number: int = 5) -> list[Parsed]:
    stamp = "2026-08-09T21:05:48.228568804Z"
    body = {"channel": channel, "timestamp": stamp, "sequence_num": number, "events": events}
    return parse(FrameReceived("COINBASE", "A", "c", 17, json.dumps(body).encode()))


def test_trades_come_in_the_order_of_their_ids() -> None:
    found = read("market_trades", {"type": "snapshot", "trades": [trade(3), trade(2), trade(1)]})
    assert found[0] == Numbered("COINBASE", 5)
    assert [item.sequence for item in found[1:] if isinstance(item, Market)] == [1, 2, 3]


def test_a_trades_side_is_the_makers() -> None:
    _, item = read("market_trades", {"type": "update", "trades": [trade(7, "SELL")]})
    assert isinstance(item, Market)
    assert item.event == TradePrinted(
        "COINBASE",
        "BTC-USD.COINBASE",
        "7",
        "BUY",
        Decimal("65083.67"),
        Decimal("0.5"),
        1786309542514318000,
        17,
        "A",
    )
    assert (item.order, item.sequence, item.previous) == (Order.CHAINED, 7, 6)
    assert (item.feed, item.stream) == ("COINBASE", "BTC-USD.COINBASE|trade")


def test_ticker() -> None:
    _, item = read("ticker", {"type": "update", "tickers": [TICKER]})
    assert isinstance(item, Market)
    assert isinstance(item.event, QuoteChanged)
    assert item.event.sequence is None
    assert item.event[3:] == (
        *(Decimal("65083.66"), Decimal("0.2"), Decimal("65083.67"), Decimal("0.3")),
        *(1786309548228568804, 17, "A"),
    )
    assert item.order is Order.FOLLOWED
    assert item.whole


REAL_TICKER = (
    b'{"channel":"ticker","timestamp":"2026-08-09T21:05:48.229198328Z","sequence_num":6,"events":[{'
    b'"type":"snapshot","tickers":[{"type":"ticker","product_id":"BTC-USD","price":"65086.18",'
    b'"volume_24_h":"2867.54532609","low_24_h":"64675.22","high_24_h":"65252.99",'
    b'"low_52_w":"57717.55","high_52_w":"126296","price_percent_chg_24_h":"0.09601107287722",'
    b'"best_bid":"65083.66","best_ask":"65083.67","best_bid_quantity":"0.20371215",'
    b'"best_ask_quantity":"0.24290402"}]}]}'
)


def read_ticker(payload: bytes) -> list[Parsed]:
    return parse(FrameReceived("COINBASE", "A", "c", 17, payload))


def test_a_falling_day_is_no_bad_price() -> None:
    falling = REAL_TICKER.replace(b'"0.09601107287722"', b'"-4.15736120951"')
    assert falling != REAL_TICKER
    assert read_ticker(falling) == read_ticker(REAL_TICKER)


@pytest.mark.parametrize("sign", [b"-", rb"\u002d"])
@pytest.mark.parametrize(
    "field", ["best_bid", "best_ask", "best_bid_quantity", "best_ask_quantity"]
)
def test_a_negative_number_of_a_quote_is_refused(field: str, sign: bytes) -> None:
    payload = REAL_TICKER.replace(b'"%b":"' % field.encode(), b'"%b":"%b' % (field.encode(), sign))
    numbered, refused = read_ticker(payload)
    assert numbered == Numbered("COINBASE", 6)
    assert isinstance(refused, Refused)
    assert refused.reason == "NEGATIVE_PRICE"


def test_depth() -> None:
    updates = [
        {"side": "bid", "price_level": "5", "new_quantity": "1"},
        {"side": "offer", "price_level": "6", "new_quantity": "0"},
        {"side": "bid", "price_level": "4", "new_quantity": "2"},
    ]
    _, item = read("l2_data", {"type": "snapshot", "product_id": "ETH-USD", "updates": updates})
    assert isinstance(item, Market)
    assert isinstance(item.event, BookChanged)
    assert item.event.snapshot
    assert item.event[6:10] == (
        (Decimal(5), Decimal(4)),
        (Decimal(1), Decimal(2)),
        (Decimal(6),),
        (Decimal(0),),
    )


@pytest.mark.parametrize(
    ("channel", "event", "expected"),
    [
        pytest.param("heartbeats", {"heartbeat_counter": 9}, Heartbeat("COINBASE"), id="heartbeat"),
        pytest.param("candles", {"candles": []}, Ignored("candles"), id="candles"),
        pytest.param(
            "subscriptions",
            {"subscriptions": {"ticker": ["BTC-USD"], "heartbeats": ["heartbeats"]}},
            SubscriptionAcked(("heartbeats:heartbeats", "ticker:BTC-USD")),
            id="acknowledged",
        ),
    ],
)
def test_control_frames(channel: str, event: dict[str, Any], expected: Parsed) -> None:
    assert read(channel, event) == [Numbered("COINBASE", 5), expected]


def test_an_error_of_the_venue() -> None:
    frame = FrameReceived("COINBASE", "A", "c", 17, b'{"type":"error","message":"no"}')
    assert parse(frame) == [VenueError("no")]


BAD = [
    ("market_trades", {"trades": [trade(1, price="-1")]}, "NEGATIVE_PRICE"),
    ("market_trades", {"trades": [trade(1, price="0")]}, "NEGATIVE_PRICE"),
    ("market_trades", {"trades": [trade(1, price="1.00000000001")]}, "TOO_PRECISE"),
    ("market_trades", {"trades": [trade(1, trade_id="x")]}, "WRONG_TYPE"),
    ("market_trades", {"trades": [trade(1, product_id="BTC|USD")]}, "WRONG_TYPE"),
    ("market_trades", {"trades": [trade(1, product_id="BTC-USD\n")]}, "WRONG_TYPE"),
    ("market_trades", {"trades": [trade(1, trade_id="12\n")]}, "WRONG_TYPE"),
    ("market_trades", {"trades": [trade(1, time="yesterday")]}, "WRONG_TYPE"),
    ("market_trades", {"trades": [trade(1, time="9999-08-09T21:05:48Z")]}, "WRONG_TYPE"),
    ("market_trades", {"trades": [trade(1, side="BOTH")]}, "WRONG_TYPE"),
    ("market_trades", {}, "MISSING_FIELD"),
    ("ticker", {"tickers": [TICKER | {"best_bid": "65083.67"}]}, "CROSSED_QUOTE"),
    ("ticker", {"tickers": [TICKER | {"best_bid": ""}]}, "WRONG_TYPE"),
    ("weather", {}, "UNKNOWN_STREAM"),
]


@pytest.mark.parametrize(("channel", "event", "reason"), BAD)
def test_a_refused_frame_keeps_its_number(channel: str, event: dict[str, Any], reason: str) -> None:
    numbered, refused = read(channel, event)
    assert numbered == Numbered("COINBASE", 5)
    assert isinstance(refused, Refused)
    assert refused.reason == reason


def test_refused_depth_leaves_a_hole_in_the_count() -> None:
    (refused,) = read("l2_data", {"type": "other", "product_id": "X", "updates": []})
    assert isinstance(refused, Refused)
    assert refused.reason == "WRONG_TYPE"


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"{", "MALFORMED_JSON"),
        (b"[]", "WRONG_TYPE"),
        (b'{"channel":"ticker","events":[]}', "MISSING_FIELD"),
        (b'{"sequence_num":-1}', "WRONG_TYPE"),
    ],
)
def test_a_frame_without_a_number(payload: bytes, reason: str) -> None:
    (refused,) = parse(FrameReceived("COINBASE", "A", "c", 17, payload))
    assert isinstance(refused, Refused)
    assert refused.reason == reason


def test_frames_of_a_connection_stay_together() -> None:
    assert route(b'{"channel":"ticker","product_id":"BTC-USD"}') is None
