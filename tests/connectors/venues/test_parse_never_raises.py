"""No bytes make a parser raise, and every event it gives can be written to the log."""

from __future__ import annotations

import gzip
import json
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.feed.capture import load
from connectors.venues.binance_spot import parse as spot
from connectors.venues.binance_usdm import parse as usdm
from connectors.venues.coinbase import parse as coinbase
from connectors.venues.hitbtc import parse as hitbtc
from pipelines.market.parsed import Market, Parse, Refused
from schemas.events import FrameReceived
from tests.pipelines.batches import local_codec

LINE = "tests/data/redundant_hitbtc/line1.gz"
CAPTURES = {
    "BINANCE": "binance_spot_btcusdt_20240808",
    "BINANCE_USDM": "binance_usdm_btcusdt_20240808",
    "COINBASE": "coinbase_advanced_20260809_sample",
}
PARSERS = [
    pytest.param("BINANCE", spot.parse, spot.route, id="binance_spot"),
    pytest.param("BINANCE_USDM", usdm.parse, usdm.route, id="binance_usdm"),
    pytest.param("COINBASE", coinbase.parse, coinbase.route, id="coinbase"),
    pytest.param("HITBTC", hitbtc.parse, hitbtc.route, id="hitbtc"),
]
VALUES = [b"-1", b'"-1"', b"null", b'""', b"1e400", b'"\\ud800"', b"\xff", b"9" * 25, b"[]", b"{}"]


@cache
def frames(venue: str) -> list[bytes]:
    """Short real frames, one of each beginning."""
    if venue == "HITBTC":
        with gzip.open(LINE, "rt") as lines:
            found = [line.partition(": ")[2].strip().encode() for line in lines if line[0] == "1"]
    else:
        found = [frame.payload for frame in load([CAPTURES[venue]], 0, 10)]
    short = [payload for payload in found if len(payload) < 2_000]
    return list({payload[:60]: payload for payload in reversed(short)}.values())


@pytest.mark.parametrize(("venue", "parse", "route"), PARSERS)
@settings(deadline=None, max_examples=300)
@given(data=st.data())
def test_whatever_comes(venue: str, parse: Parse, route: object, data: st.DataObject) -> None:
    payload = data.draw(st.sampled_from(frames(venue)))
    start = data.draw(st.integers(0, len(payload)))
    end = data.draw(st.integers(start, min(len(payload), start + 30)))
    middle = data.draw(st.one_of(st.sampled_from(VALUES), st.binary(max_size=8)))
    payload = payload[:start] + middle + payload[end:]
    items = parse(FrameReceived(venue, "A", "c", 17, payload))
    assert callable(route)
    assert route(payload) is None or isinstance(route(payload), str)
    for item in items:
        if isinstance(item, Market) and item.event is not None:
            local_codec().encode(item.event)


@pytest.mark.parametrize(("venue", "parse", "route"), PARSERS)
@settings(deadline=None, max_examples=300)
@given(data=st.data())
def test_any_value_in_any_field(
    venue: str, parse: Parse, route: object, data: st.DataObject
) -> None:
    """Real frames in which one value is replaced by another of JSON."""
    message = json.loads(data.draw(st.sampled_from(frames(venue))))
    node = message
    while isinstance(node, dict | list) and node:
        keys = list(node) if isinstance(node, dict) else range(len(node))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(node[key], dict | list) or data.draw(st.booleans()):
            break
        node = node[key]
    if node:
        node[key] = data.draw(
            st.one_of(st.none(), st.integers(), st.floats(allow_nan=False), st.text(), st.just([]))
        )
    items = parse(FrameReceived(venue, "A", "c", 17, json.dumps(message).encode()))
    assert items or venue in ("COINBASE", "HITBTC")
    for item in items:
        if isinstance(item, Market) and item.event is not None:
            local_codec().encode(item.event)


@pytest.mark.parametrize(("venue", "parse", "route"), PARSERS)
def test_no_real_frame_is_refused(venue: str, parse: Parse, route: object) -> None:
    found = [parse(FrameReceived(venue, "A", "c", 17, payload)) for payload in frames(venue)]
    assert found
    assert not [item for items in found for item in items if isinstance(item, Refused)]
