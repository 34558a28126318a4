"""Candles of every interval are what the trades say, however narrow or wide; few are kept."""

from __future__ import annotations

from decimal import Decimal
from random import Random

import pytest

from ops.console.candles import (
    CANDLES,
    INTERVALS_S,
    KEPT_S,
    Candle,
    Candles,
    NoSuchInterval,
    interval_of,
)

BEGIN_MS = 1_700_000_100_000  # the begin of a candle of every interval
LAST_MS = 4_000_000


def trades() -> list[tuple[int, Decimal, Decimal]]:
    """Over an hour, at uneven times; some seconds have many, some none."""
    found, random = [], Random(7)
    for at_ms in sorted(random.randrange(LAST_MS) for _ in range(3_000)):
        price, quantity = Decimal(random.randrange(900, 1_100)), Decimal(random.randrange(1, 9))
        found.append((BEGIN_MS + at_ms, price / 10, quantity / 100))
    return found


def summed(interval_s: int, since_ms: int) -> list[tuple[int, Candle]]:
    """The same by definition: every candle from all of its trades."""
    groups: dict[int, list[tuple[Decimal, Decimal]]] = {}
    for at_ms, price, quantity in trades():
        begin_ms = at_ms - at_ms % (1_000 * interval_s)
        groups.setdefault(begin_ms, []).append((price, quantity))
    found = []
    for begin_ms, group in groups.items():
        prices, volume = [price for price, _ in group], sum((q for _, q in group), Decimal(0))
        one = Candle(prices[0], max(prices), min(prices), prices[-1], volume)
        found.append((begin_ms, one))
    return [one for one in found if one[0] >= since_ms][-CANDLES:]


@pytest.mark.parametrize("interval_s", INTERVALS_S)
def test_candles_are_what_the_trades_say(interval_s: int) -> None:
    candles = Candles()
    for one in trades():
        candles.add(*one)
    for since_ms in (0, BEGIN_MS + 1_800_000):
        assert candles.since(since_ms, interval_s) == summed(interval_s, since_ms)
    again = candles.since(0, interval_s)
    assert again == summed(interval_s, 0), "what is put together leaves what is kept as it was"


def test_few_are_kept_however_many_trades() -> None:
    candles = Candles()
    for second in range(10 * CANDLES):
        candles.add(BEGIN_MS + 1_000 * second, Decimal(1), Decimal(1))
    assert all(len(one.candles) <= CANDLES for one in candles.series)
    assert [one.interval_ms for one in candles.series] == [1_000 * width for width in KEPT_S]


@pytest.mark.parametrize("text", ["7", "-1", "1.0", "x" * 40])
def test_an_interval_that_there_is_none_of_is_said(text: str) -> None:
    with pytest.raises(NoSuchInterval, match="only of 1, 10, 60, 300 or 900"):
        interval_of(text)
    assert (interval_of(""), interval_of("300")) == (60, 300)
