"""HitBTC frames to market events."""

from __future__ import annotations

from decimal import Decimal

import pytest

from connectors.venues.hitbtc.parse import parse, route
from pipelines.market.parsed import Ignored, Market, Parsed, Refused, SubscriptionAcked, VenueError
from schemas.events import BookChanged, FrameReceived

UPDATE = (
    b'{"jsonrpc":"2.0","method":"updateOrderbook","params":{"ask":[{"price":"0.0000022032",'
    b'"size":"11840"}],"bid":[],"sequence":20309604,"timestamp":"2021-07-15T03:06:49.090Z",'
    b'"symbol":"VETBTC"}}'
)
TRADES = (
    b'{"jsonrpc":"2.0","method":"snapshotTrades","params":{"data":[{"id":7,"price":"0.5",'
    b'"quantity":"2.95","side":"sell","timestamp":"2021-07-13T11:07:53Z"}],"symbol":"GRTBTC"}}'
)


def read(payload: bytes) -> Parsed:
    (item,) = parse(FrameReceived("HITBTC", "A", "c", 17, payload))
    return item


def test_an_update_follows_the_one_before() -> None:
    item = read(UPDATE)
    assert isinstance(item, Market)
    assert item.event == BookChanged(
        "HITBTC",
        "VETBTC.HITBTC",
        False,
        20309604,
        20309604,
        20309603,
        (),
        (),
        (Decimal("0.0000022032"),),
        (Decimal(11840),),
        1626318409090000000,
        17,
        "A",
    )
    assert (item.sequence, item.previous, item.strict) == (20309604, 20309603, True)


def test_a_snapshot_may_be_repeated() -> None:
    item = read(UPDATE.replace(b"updateOrderbook", b"snapshotOrderbook"))
    assert isinstance(item, Market)
    assert (item.whole, item.strict) == (True, False)


def test_trades() -> None:
    item = read(TRADES)
    assert isinstance(item, Market)
    assert item.event is not None
    assert item.event[2:7] == ("7", "SELL", Decimal("0.5"), Decimal("2.95"), 1626174473000000000)


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (b'{"jsonrpc":"2.0","result":true,"id":"1"}', SubscriptionAcked(())),
        (b'{"error":{"code":2001,"message":"no"},"id":1}', VenueError("2001 no")),
        (b'{"method":"ticker","params":{}}', Ignored("ticker")),
        (b'{"method":"dance"}', Refused("UNKNOWN_STREAM", "method 'dance'")),
    ],
)
def test_other_frames(payload: bytes, expected: Parsed) -> None:
    assert read(payload) == expected


@pytest.mark.parametrize(
    ("payload", "instrument"),
    [(UPDATE, "VETBTC.HITBTC"), (TRADES, "GRTBTC.HITBTC"), (b"{}", None), (b"", None)],
)
def test_route_names_the_instrument(payload: bytes, instrument: str | None) -> None:
    assert route(payload) == instrument
