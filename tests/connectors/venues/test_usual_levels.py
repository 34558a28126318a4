"""Depth as venues usually write it is read at once; whatever comes, a frame says the same."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.venues import binance_parse
from connectors.venues.binance_parse import BinanceParser
from connectors.venues.common_parse import levels, usual_levels
from pipelines.market.logic import MarketLogic
from pipelines.market.parsed import Parsed
from schemas.events import FrameReceived
from schemas.exacts import Exacts
from tests.connectors.venues.test_binance_parse import SPOT_DEPTH, USDM_DEPTH
from tests.pipelines.batches import batch_of
from tests.pipelines.market.captures import binance, records
from tests.pipelines.market.script import told

DIGITS = st.integers(0, 10**18 - 1)
MIDDLES = [b"-", b"0", b"9", b".", b'"', b"[", b"]", b",", b" ", b"\\u0031", b"_", b"e", b"null"]


def text(whole: int, fraction: int, places: int) -> str:
    return f"{whole}.{fraction % 10**places:0{places}}"


@given(
    numbers=st.lists(st.tuples(DIGITS, DIGITS), min_size=1, max_size=4),
    places=st.tuples(st.integers(1, 10), st.integers(1, 10)),
)
def test_numbers_are_the_same(numbers: list[tuple[int, int]], places: tuple[int, int]) -> None:
    pairs = [(text(px + 1, px, places[0]), text(qty, qty, places[1])) for px, qty in numbers]
    found = usual_levels(json.dumps(pairs, separators=(",", ":")).encode())
    if any(px + 1 == 10**18 for px, _ in numbers):
        assert found is None
        return
    assert found is not None
    assert isinstance(found[0], Exacts)
    assert found == levels(pairs)


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b'[["5.1", "1.0"]]', id="a blank"),
        pytest.param(b'[["5","1.0"]]', id="no point in a price"),
        pytest.param(b'[["5.1","1"]]', id="no point in a quantity"),
        pytest.param(b'[["5.","1.0"]]', id="nothing after the point"),
        pytest.param(b'[[".5","1.0"]]', id="nothing before the point"),
        pytest.param(b'[["5.1","1.0"],["5.12","1.0"]]', id="other decimals"),
        pytest.param(b'[["5.1","1.0"],["5.2","1.00"]]', id="other decimals of a quantity"),
        pytest.param(b'[["5.12345678901","1.0"]]', id="eleven decimals"),
        pytest.param(b'[["1234567890123456789.1","1.0"]]', id="too many digits"),
        pytest.param(b'[["0.0","1.0"]]', id="no price"),
        pytest.param(b'[["-5.1","1.0"]]', id="negative"),
        pytest.param(b'[["5.1","1.0","1.0"]]', id="three"),
        pytest.param(b'[["5.1"]]', id="one"),
        pytest.param(b'[["5.1",1.0]]', id="a number"),
        pytest.param(b'[["5.1","1.0"],[]]', id="none"),
        pytest.param(b'[["5_0.1","1.0"]]', id="what int takes"),
        pytest.param(b'[["\\u0035.1","1.0"]]', id="escaped"),
        pytest.param(b"[[]]", id="an empty pair"),
        pytest.param(b"[9]", id="no pair"),
        pytest.param(b'"5.1"', id="no list"),
        pytest.param(b"null", id="null"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_what_is_unusual_is_left(sent: bytes) -> None:
    assert usual_levels(sent) is None


def both_ways(venue: str, payload: bytes) -> tuple[list[Parsed], list[Parsed]]:
    """What the parser says, and what it says when it reads every level by itself."""
    frame, parser = FrameReceived(venue, "A", "c", 17, payload), BinanceParser(venue)
    with pytest.MonkeyPatch.context() as patch:
        found = parser.parse(frame)
        patch.setattr(binance_parse, "_usual_depth", lambda payload: None)
        return found, parser.parse(frame)


@settings(deadline=None, max_examples=400)
@given(data=st.data(), venue=st.sampled_from(["BINANCE", "BINANCE_USDM"]))
def test_every_frame_says_the_same(data: st.DataObject, venue: str) -> None:
    payload = SPOT_DEPTH if venue == "BINANCE" else USDM_DEPTH
    for _ in range(data.draw(st.integers(0, 2))):
        start = data.draw(st.integers(40, len(payload) - 1))
        end = data.draw(st.integers(start, start + 2))
        payload = payload[:start] + data.draw(st.sampled_from(MIDDLES)) + payload[end:]
    found, wanted = both_ways(venue, payload)
    assert found == wanted


def test_a_price_that_is_none_comes_after_a_wrong_place() -> None:
    payload = SPOT_DEPTH.replace(b"55653.87000000", b"0.00000000").replace(b'"u":5', b'"u":4')
    found, wanted = both_ways("BINANCE", payload)
    assert found == wanted
    assert "does not follow" in str(found)


def test_a_state_that_holds_depth_is_the_same() -> None:
    """No snapshot: every message is held, and saved with the state. A second line stops after its
    first message, so what the first one said is remembered, and saved as digests.
    """
    sent = [one for one in binance("binance_spot_btcusdt_20240808", 3) if b"snapshot" not in one[2]]
    at = next(at for at, (_, _, payload) in enumerate(sent) if b"@depth@" in payload)
    sent.insert(at + 1, (sent[at][0], "B", sent[at][2]))
    inputs, dumps, outputs = list(records("BINANCE", sent)), [], []
    for usual in (True, False):
        parser = BinanceParser("BINANCE")
        logic = MarketLogic({"BINANCE": parser.parse})
        with pytest.MonkeyPatch.context() as patch:
            if not usual:
                patch.setattr(binance_parse, "_usual_depth", lambda payload: None)
            state, found = logic.step(logic.initial(), batch_of(inputs))
        dumps.append(logic.dump(state))
        outputs.append(told(found))
        assert state.streams["BTCUSDT.BINANCE|depth"].held
        assert state.streams["BTCUSDT.BINANCE|depth"].seen
        assert logic.dump(logic.load(dumps[-1], 1)) == dumps[-1]
    assert dumps[0] == dumps[1]
    assert outputs[0] == outputs[1]
