"""Binance frames to market events; what cannot be used is in the market pipeline's table."""

from __future__ import annotations

from decimal import Decimal

import pytest

from connectors.venues import venue
from connectors.venues.binance_parse import snapshot_frame
from connectors.venues.binance_spot.parse import parse as parse_spot
from connectors.venues.binance_spot.parse import route as route_spot
from connectors.venues.binance_usdm.parse import parse as parse_usdm
from pipelines.market.parsed import (
    Ignored,
    Market,
    Order,
    Parsed,
    SubscriptionAcked,
    VenueError,
)
from schemas.events import BookChanged, FrameReceived, QuoteChanged, TradePrinted

SPOT_TRADE = (
    b'{"stream":"btcusdt@trade","data":{"e":"trade","E":1723161255343,"s":"BTCUSDT",'
    b'"t":3735683259,"p":"61837.63000000","q":"0.02000000","T":1723161255342,"m":true,"M":true}}'
)
SPOT_QUOTE = (
    b'{"stream":"btcusdt@bookTicker","data":{"u":50093239212,"s":"BTCUSDT","b":"61837.63000000",'
    b'"B":"3.78826000","a":"61837.64000000","A":"1.54698000"}}'
)
SPOT_DEPTH = (
    b'{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1723161255308,"s":"BTCUSDT",'
    b'"U":50093239203,"u":50093239207,"b":[["55653.87000000","0.00000000"]],"a":[]}}'
)
USDM_TRADE = (
    b'{"stream":"btcusdt@trade","data":{"e":"trade","E":1723161256322,"T":1723161256321,'
    b'"s":"BTCUSDT","t":5266583935,"p":"61800.30","q":"0.006","X":"MARKET","m":false}}'
)
USDM_QUOTE = (
    b'{"stream":"btcusdt@bookTicker","data":{"e":"bookTicker","u":5123107839020,"s":"BTCUSDT",'
    b'"b":"61800.20","B":"2.507","a":"61800.30","A":"2.510","T":1723161256313,"E":1723161256314}}'
)
USDM_DEPTH = (
    b'{"stream":"btcusdt@depth@0ms","data":{"e":"depthUpdate","E":1723161256299,"T":1723161256298,'
    b'"s":"BTCUSDT","U":12,"u":15,"pu":9,"b":[],"a":[["58710.20","0.014"],["58710.30","0.000"]]}}'
)
USDM_SNAPSHOT = b'{"lastUpdateId":7,"E":3,"T":2,"bids":[["5","1"]],"asks":[["6","2"]]}'
SPOT_SNAPSHOT = b'{"lastUpdateId":7,"bids":[["5","1"]],"asks":[]}'


def spot(payload: bytes) -> Parsed:
    (item,) = parse_spot(FrameReceived("BINANCE", "A", "c", 17, payload))
    return item


def usdm(payload: bytes) -> Parsed:
    (item,) = parse_usdm(FrameReceived("BINANCE_USDM", "B", "c", 18, payload))
    return item


def test_spot_trade() -> None:
    event = TradePrinted(
        "BINANCE",
        "BTCUSDT.BINANCE",
        "3735683259",
        "SELL",
        Decimal("61837.63"),
        Decimal("0.02"),
        1723161255342000000,
        17,
        "A",
    )
    feed, stream = "BTCUSDT.BINANCE", "BTCUSDT.BINANCE|trade"
    place = (Order.CHAINED, 3735683259, 3735683258, False, True)
    assert spot(SPOT_TRADE) == Market(event, feed, stream, *place)


def test_spot_quote_has_no_event_time() -> None:
    bid, ask = (Decimal("61837.63"), Decimal("3.78826")), (Decimal("61837.64"), Decimal("1.54698"))
    event = QuoteChanged("BINANCE", "BTCUSDT.BINANCE", 50093239212, *bid, *ask, None, 17, "A")
    item = spot(SPOT_QUOTE)
    assert isinstance(item, Market)
    assert item.event == event
    assert (item.stream, item.order) == ("BTCUSDT.BINANCE|quote", Order.LATEST)


def test_spot_depth_follows_the_update_before_its_first() -> None:
    item = spot(SPOT_DEPTH)
    assert isinstance(item, Market)
    assert item.event == BookChanged(
        "BINANCE",
        "BTCUSDT.BINANCE",
        False,
        50093239203,
        50093239207,
        None,
        (Decimal("55653.87"),),
        (Decimal(0),),
        (),
        (),
        1723161255308000000,
        17,
        "A",
    )
    assert (item.stream, item.previous) == ("BTCUSDT.BINANCE|depth", 50093239202)


def test_usdm_trade_side_and_time() -> None:
    item = usdm(USDM_TRADE)
    assert isinstance(item, Market)
    assert isinstance(item.event, TradePrinted)
    assert item.event[:4] == ("BINANCE_USDM", "BTCUSDT.BINANCE_USDM", "5266583935", "BUY")
    assert item.event.ts_event_ns == 1723161256321000000


def test_usdm_trade_outside_the_market_takes_its_place_only() -> None:
    item = usdm(USDM_TRADE.replace(b'"MARKET"', b'"NA"').replace(b"61800.30", b"0"))
    assert isinstance(item, Market)
    assert item.event is None
    assert item.sequence == 5266583935


def test_usdm_quote_time_is_the_transactions() -> None:
    item = usdm(USDM_QUOTE)
    assert isinstance(item, Market)
    assert isinstance(item.event, QuoteChanged)
    assert item.event.ts_event_ns == 1723161256313000000


def test_usdm_depth_names_its_predecessor() -> None:
    item = usdm(USDM_DEPTH)
    assert isinstance(item, Market)
    assert isinstance(item.event, BookChanged)
    assert (item.previous, item.sequence, item.event.prev_sequence) == (9, 15, 9)
    assert item.event.ask_qty == (Decimal("0.014"), Decimal(0))


@pytest.mark.parametrize(
    ("item", "ts_event_ns"),
    [
        pytest.param(spot(snapshot_frame("BTCUSDT", SPOT_SNAPSHOT)), None, id="spot"),
        pytest.param(usdm(snapshot_frame("btcusdt", USDM_SNAPSHOT)), 2_000_000, id="usdm"),
    ],
)
def test_a_wrapped_snapshot_is_the_whole_book(item: Parsed, ts_event_ns: int | None) -> None:
    assert isinstance(item, Market)
    assert isinstance(item.event, BookChanged)
    assert item.event.snapshot
    assert (item.event.last_sequence, item.event.ts_event_ns) == (7, ts_event_ns)
    assert (item.sequence, item.whole, item.strict) == (7, True, False)
    assert item.event.bid_px == (Decimal(5),)


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        pytest.param(b'{"result":null,"id":1}', SubscriptionAcked(()), id="acknowledged"),
        pytest.param(b'{"code":2,"msg":"no","id":1}', VenueError("2 no"), id="refused"),
        pytest.param(b'{"error":{"code":3,"msg":"no"}}', VenueError("3 no"), id="error"),
        pytest.param(
            b'{"e":"serverShutdown","E":1}', Ignored("serverShutdown"), id="about to close"
        ),
    ],
)
def test_control_frames(payload: bytes, expected: Parsed) -> None:
    assert spot(payload) == expected


def test_the_order_of_fields_does_not_matter() -> None:
    head, _, data = SPOT_TRADE[1:-1].partition(b",")
    assert spot(b"{ %b , %b }" % (data, head)) == spot(SPOT_TRADE)


@pytest.mark.parametrize(
    ("payload", "instrument"),
    [
        pytest.param(SPOT_TRADE, "BTCUSDT.BINANCE", id="trade"),
        pytest.param(SPOT_DEPTH, "BTCUSDT.BINANCE", id="depth"),
        pytest.param(snapshot_frame("ETHUSDT", b"{}"), "ETHUSDT.BINANCE", id="snapshot"),
        pytest.param(SPOT_TRADE[:25], "BTCUSDT.BINANCE", id="cut short after the name"),
        pytest.param(SPOT_TRADE[:14], None, id="cut short in the name"),
        pytest.param(b'{"result":null,"id":1}', None, id="acknowledgement"),
        pytest.param(b'{"stream":"\xff\xfe@trade"', None, id="no text"),
        pytest.param(b'{"stream":"a:b@trade"', None, id="no symbol"),
        pytest.param(b"", None, id="empty"),
    ],
)
def test_route_names_the_instrument(payload: bytes, instrument: str | None) -> None:
    assert route_spot(payload) == instrument
    assert venue("BINANCE").route()(payload) == instrument


def test_streams_of_many_symbols_take_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.venues.binance_parse.STREAMS_MAX", 10)
    for number in range(100):
        item = spot(SPOT_TRADE.replace(b"btcusdt@", b"x%d@" % number))
        assert isinstance(item, Market)
        assert item.feed == f"X{number}.BINANCE"
    streams = parse_spot.__self__._streams  # type: ignore[attr-defined]
    assert len(streams) <= 10
