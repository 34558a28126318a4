"""EMA cross: both forms by hand, over the whole range of prices, and exactness of the cast."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise
from typing import Any

import msgspec
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.strategy.ema_cross import EmaCross, EmaState, average, follow, smoothing
from pipelines.strategy.signal import QUANTITY
from pipelines.strategy.testing import assert_twins_equal, targets, trades
from schemas.numbers import from_unscaled

steady = settings(deadline=None)
PRICES = ["100", "100", "104", "102", "90", "90", "100"]


def test_long_above_flat_below_by_default() -> None:
    signal = EmaCross(fast_span=1, slow_span=3, size=Decimal(2))
    assert targets(signal, trades(PRICES)) == [0, 0, 2, 0, 0, 0, 2]


def test_short_below_flat_where_equal() -> None:
    signal = EmaCross(fast_span=1, slow_span=3, size=Decimal(2), short=True)
    assert targets(signal, trades(PRICES)) == [0, 0, 2, 0, -2, -2, 2]


def test_the_averages_by_hand() -> None:
    signal = EmaCross(fast_span=1, slow_span=3)
    state = EmaState(100.0, 100.0)
    state, _ = signal.row(state, trades(["104"])[0])
    assert state == EmaState(104.0, 102.0)


@steady
@given(st.lists(st.integers(1, 10**28 - 1), min_size=1, max_size=50))
def test_twins_over_all_prices(units: list[int]) -> None:
    events = [trades(["1"])[0]._replace(last_px=from_unscaled(number)) for number in units]
    assert_twins_equal(EmaCross(fast_span=3, slow_span=7, short=True), events)


@steady
@given(st.lists(st.floats(1e-9, 1e18), min_size=1, max_size=60), st.integers(1, 5_000))
def test_polars_averages_in_our_order_of_operations(values: list[float], span: int) -> None:
    alpha = smoothing(span)
    expected = [values[0]]
    for value in values[1:]:
        expected.append(follow(expected[-1], value, alpha))
    found = pl.Series(values).to_frame("x").select(average(pl.col("x"), alpha))["x"]
    assert found.to_list() == expected


@steady
@given(st.lists(st.integers(-(10**28) + 1, 10**28 - 1), min_size=1))
def test_polars_casts_decimals_as_python_does(units: list[int]) -> None:
    decimals = [from_unscaled(number) for number in units]
    found = pl.Series([Decimal(d) for d in decimals], dtype=QUANTITY).cast(pl.Float64)
    assert found.to_list() == [float(number) for number in decimals]


def test_a_long_run_at_one_price_stays_there() -> None:
    signal = EmaCross(fast_span=50, slow_span=200)
    state = signal.initial()
    states = [state := signal.row(state, event)[0] for event in trades(["61234.5678901234"] * 50)]
    assert all(before == after for before, after in pairwise(states))


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"fast_span": 0}, "fast_span"),
        ({"fast_span": 200, "slow_span": 200}, "less than slow_span"),
        ({"size": "-1"}, "size must be above 0"),
        ({"size": "0.00000000001"}, "size: .* does not fit"),
        ({"size": "NaN"}, "size: NaN is not a number"),
        ({"fast": 3}, "unknown field `fast`"),
        ({"fast_span": "3"}, r"Expected `int`, got `str` - at `\$.fast_span`"),
    ],
)
def test_wrong_settings_are_refused(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=says):
        msgspec.convert(settings, EmaCross)
