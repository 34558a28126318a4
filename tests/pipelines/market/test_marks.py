"""Marks: exact mids, at most one per instrument and 100 ms of log time."""

from __future__ import annotations

from decimal import Decimal

import pytest

from pipelines.logic import Input, Position
from schemas.events import FrameReceived, MarkPublished
from tests.pipelines.batches import local_codec
from tests.pipelines.market.script import played


def quote(at_ms: int, sequence: int, bid: str = "1", ask: str = "2", symbol: str = "x") -> Input:
    text = (
        f'{{"stream":"{symbol}@bookTicker","data":'
        f'{{"u":{sequence},"b":"{bid}","B":"1","a":"{ask}","A":"1"}}}}'
    )
    event = FrameReceived("BINANCE", "A", "c", at_ms * 10**6, text.encode())
    return Input(Position("md.raw.v1", 0, sequence), at_ms, b"", event)


def marks(*inputs: Input) -> list[MarkPublished]:
    return [output.event for output in played(list(inputs))[1] if output.topic == "md.mark.v1"]


@pytest.mark.parametrize(
    ("times_ms", "expected"),
    [
        pytest.param([0, 50, 99], [0], id="one in 100 ms"),
        pytest.param([0, 100, 199, 200], [0, 100, 200], id="and the next after 100 ms"),
        pytest.param([0, 130, 229, 230], [0, 130, 230], id="counted from the last mark"),
        pytest.param([500, 480, 599], [500], id="a little disorder between lines adds none"),
        pytest.param([9000, 5000, 5050, 5100], [9000, 5000, 5100], id="the clock was set back"),
    ],
)
def test_marks_keep_their_distance(times_ms: list[int], expected: list[int]) -> None:
    found = marks(*(quote(at_ms, number) for number, at_ms in enumerate(times_ms)))
    assert [mark.ts_recv_ns // 10**6 for mark in found] == expected


def test_every_instrument_has_its_own() -> None:
    found = marks(quote(0, 1, symbol="x"), quote(1, 2, symbol="y"))
    assert [mark.instrument for mark in found] == ["X.BINANCE", "Y.BINANCE"]


def test_the_mid_is_exact() -> None:
    (mark,) = marks(quote(0, 1, "0.0000000001", "0.0000000002"))
    assert mark.mark_px == Decimal("0.00000000015")


def test_the_largest_mid_can_be_written() -> None:
    (mark,) = marks(quote(0, 1, "999999999999999999.9999999998", "999999999999999999.9999999999"))
    assert mark.mark_px == Decimal("999999999999999999.99999999985")
    assert local_codec().decode(local_codec().encode(mark)) == mark
