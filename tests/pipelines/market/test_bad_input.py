"""What cannot be used goes to the dead-letter topic, with reason, position and original."""

from __future__ import annotations

from decimal import Decimal
from hashlib import sha256

import pytest

from pipelines.dead_letters import DeadLetterLimit, DeadLetterShareExceeded
from pipelines.logic import Input, Output, Position
from pipelines.market.logic import MarketLogic
from pipelines.market.settings import DEFAULTS, MarketSettings
from schemas.events import DeadLettered, FrameReceived
from tests.pipelines.batches import batch_of
from tests.pipelines.market.feeds import VENUES
from tests.pipelines.market.script import PARSERS, frame_of, played

TRADE = '{"stream":"btcusdt@trade","data":{"t":1,"p":"1.5","q":"1","T":5,"m":true}}'
QUOTE = '{"stream":"btcusdt@bookTicker","data":{"u":1,"b":"1","B":"1","a":"2","A":"1"}}'
DEPTH = '{"stream":"btcusdt@depth","data":{"E":5,"U":1,"u":2,"b":[["1","2"]],"a":[]}}'
BAD = [
    # frame                                              reason
    ("", "MALFORMED_JSON", "empty"),
    (TRADE[:-1], "MALFORMED_JSON", "cut short"),
    (f"{TRADE}x", "MALFORMED_JSON", "trailing bytes"),
    ("\x00\x01\x02", "MALFORMED_JSON", "binary"),
    ("[" * 100_000, "MALFORMED_JSON", "deep"),
    ("17", "WRONG_TYPE", "no object"),
    ("{}", "UNKNOWN_STREAM", "names no stream"),
    (TRADE.replace("@trade", "@kline_1m"), "UNKNOWN_STREAM", "unknown stream"),
    (TRADE.replace("@trade", "@kline_1m")[:-1], "MALFORMED_JSON", "unknown stream, cut short"),
    (TRADE.replace("btcusdt", "btc|usdt"), "UNKNOWN_STREAM", "no symbol"),
    (TRADE.replace('"p":"1.5",', ""), "MISSING_FIELD", "trade without price"),
    (DEPTH.replace('"U":1,', ""), "MISSING_FIELD", "depth without first id"),
    (TRADE.replace('"1.5"', "1.5"), "WRONG_TYPE", "a float for a price"),
    (TRADE.replace('"1.5"', '"abc"'), "WRONG_TYPE", "no number"),
    (TRADE.replace('"1.5"', '"NaN"'), "WRONG_TYPE", "not a number"),
    (TRADE.replace('"t":1', '"t":-1'), "WRONG_TYPE", "negative id"),
    (TRADE.replace('"t":1', f'"t":{2**63}'), "WRONG_TYPE", "an id over 63 bits"),
    (TRADE.replace('"T":5', f'"T":{10**15}'), "WRONG_TYPE", "a time beyond the year 2262"),
    (TRADE.replace('"1.5"', '"-1.5"'), "NEGATIVE_PRICE", "negative price"),
    (TRADE.replace('"1.5"', r'"\u002d1.5"'), "NEGATIVE_PRICE", "negative price, escaped"),
    (TRADE.replace('"1.5"', '"0.00"'), "NEGATIVE_PRICE", "price zero"),
    (TRADE.replace('"q":"1"', '"q":"-1"'), "NEGATIVE_PRICE", "negative quantity"),
    (QUOTE.replace('"b":"1"', '"b":"-1"'), "NEGATIVE_PRICE", "negative bid"),
    (QUOTE.replace('"b":"1"', r'"b":"\u002d1"'), "NEGATIVE_PRICE", "negative bid, escaped"),
    (DEPTH.replace('["1","2"]', '["-1","2"]'), "NEGATIVE_PRICE", "negative level"),
    (DEPTH.replace('["1","2"]', r'["\u002d1","2"]'), "NEGATIVE_PRICE", "negative level, escaped"),
    (DEPTH.replace('["1","2"]', '["0","2"]'), "NEGATIVE_PRICE", "level zero"),
    (DEPTH.replace('["1","2"]', '["1"]'), "WRONG_TYPE", "half a level"),
    (QUOTE.replace('"b":"1"', '"b":"2.1"'), "CROSSED_QUOTE", "bid above ask"),
    (QUOTE.replace('"b":"1"', '"b":"2.0"'), "CROSSED_QUOTE", "bid at ask"),
    (TRADE.replace('"1.5"', '"1.00000000001"'), "TOO_PRECISE", "eleven decimals"),
    (TRADE.replace('"1.5"', '"1234567890123456789"'), "TOO_PRECISE", "29 digits"),
    (TRADE.replace('"1"', f'"1"{" " * 1_000_000}'), "TOO_LARGE", "over 1 MB"),
    ('{"error":{"code":2,"msg":"no"},"id":1}', "VENUE_ERROR", "an error of the venue"),
    ('{"code":2,"msg":"Invalid request","id":1}', "VENUE_ERROR", "the same in its other form"),
]


def frame(payload: bytes, offset: int, line: str = "A", venue: str = "BINANCE") -> Input:
    event = FrameReceived(venue, line, f"connection {line}", 17, payload)
    return Input(Position("md.raw.v1", 3, offset), 1_000, b"", event)


def outputs_of(*payloads: bytes, settings: MarketSettings = DEFAULTS) -> list[Output]:
    return played([frame(payload, at) for at, payload in enumerate(payloads)], settings)[1]


@pytest.mark.parametrize(("text", "reason"), [pytest.param(*b[:2], id=b[2]) for b in BAD])
def test_a_bad_frame_is_kept_with_the_reason(text: str, reason: str) -> None:
    payload = text.encode()
    (output,) = outputs_of(payload)
    assert output.topic == "md.raw.v1.dlq"
    assert output.position == Position("md.raw.v1", 3, 0)
    assert output.detail or reason == "VENUE_ERROR"
    assert output.event == DeadLettered(
        reason,  # type: ignore[arg-type]
        "market",
        "md.raw.v1",
        3,
        0,
        len(payload),
        sha256(payload).digest(),
        payload,
        17,
    )


@pytest.mark.parametrize("text", [TRADE, QUOTE])
def test_the_frames_above_are_good_unspoilt(text: str) -> None:
    (output, *_) = outputs_of(text.encode())
    assert output.topic in ("md.trade.v1", "md.quote.v1")


def test_duplicates_and_steps_back_on_one_line_are_refused() -> None:
    found = outputs_of(*(frame_of("btcusdt", what) for what in "1221"))
    assert [output.event.reason for output in found[2:]] == ["DUPLICATE", "OUT_OF_ORDER"]


def test_bad_frames_disturb_nothing_else() -> None:
    texts = [text.encode() for text, *_ in BAD]
    good = [frame_of("btcusdt", str(number)) for number in range(len(texts))]
    mixed = [payload for pair in zip(good, texts, strict=True) for payload in pair]
    passed = [o.event.trade_id for o in outputs_of(*mixed) if o.topic == "md.trade.v1"]
    assert passed == [str(number) for number in range(len(texts))]


def test_a_large_original_is_kept_by_its_head() -> None:
    settings = DEFAULTS._replace(frame_bytes_max=10, original_bytes_max=4)
    (output,) = outputs_of(b"0123456789ab", settings=settings)
    assert output.event.original == b"0123"
    assert output.event.size == 12
    assert output.event.sha256 == sha256(b"0123456789ab").digest()


def test_an_unknown_venue_is_refused() -> None:
    (output,) = played([frame(b"{}", 0, venue="NYSE")])[1]
    assert output.event.reason == "UNKNOWN_STREAM"


def test_the_venues_own_limit_counts() -> None:
    """Coinbase sends a whole book in one frame."""
    logic = MarketLogic(VENUES)
    large = frame(b"[" + b" " * 2_000_000, 0, venue="COINBASE")
    _, (output,) = logic.step(logic.initial(), batch_of([large]))
    assert output.event.reason == "MALFORMED_JSON"


@pytest.mark.parametrize(("bad", "stops"), [pytest.param(5, False), pytest.param(6, True)])
def test_too_large_a_share_stops_the_process(bad: int, stops: bool) -> None:
    """At most 5 of 100, counted over batches; `DeadLetterLimit` tells windows apart."""
    limit = DeadLetterLimit(share=Decimal("0.05"), records=100)
    logic = MarketLogic(PARSERS, DEFAULTS._replace(dead_letters=limit))
    state = logic.initial()
    payloads = [b"?" if at % 10 < 1 and at // 10 < bad else b'{"result":null}' for at in range(90)]
    inputs = [frame(payload, at) for at, payload in enumerate(payloads)]
    state, _ = logic.step(state, batch_of(inputs[:50]))
    if stops:
        with pytest.raises(DeadLetterShareExceeded, match=r"6 of the 100 records"):
            logic.step(state, batch_of(inputs[50:]))
    else:
        logic.step(state, batch_of(inputs[50:]))
