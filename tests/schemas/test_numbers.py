"""Exact numbers: every text is kept exactly or refused."""

from __future__ import annotations

import copy
import pickle
from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import numbers
from schemas.errors import NotExact
from schemas.numbers import Exact, exact, unscaled, wire

_LARGEST = 10**28 - 1


@pytest.mark.parametrize(
    ("text", "value"),
    [
        pytest.param("61800.30", "61800.3", id="price"),
        pytest.param("0", "0", id="zero"),
        pytest.param("-0", "0", id="zero has no sign"),
        pytest.param("-0.00", "0", id="zero with decimals has no sign"),
        pytest.param("-2.5", "-2.5", id="negative"),
        pytest.param("007", "7", id="leading zeros"),
        pytest.param("1e-10", "0.0000000001", id="exponent that fits"),
        pytest.param("1.5E+3", "1500", id="positive exponent"),
        pytest.param("1.00000000000000", "1", id="zeros beyond the tenth decimal"),
        pytest.param("999999999999999999.9999999999", "999999999999999999.9999999999", id="most"),
        pytest.param(
            "-999999999999999999.9999999999", "-999999999999999999.9999999999", id="least"
        ),
    ],
)
def test_text_that_fits_is_kept(text: str, value: str) -> None:
    found = exact(text)
    assert found == Decimal(value)
    assert isinstance(found, Exact)
    assert found.wire == wire(Decimal(value), 10, 28)
    assert found.as_tuple().exponent == -10
    assert not found.is_signed() or found < 0


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("0.00000000001", id="eleven decimals"),
        pytest.param("1e-11", id="eleven decimals as exponent"),
        pytest.param("1000000000000000000", id="nineteen digits before the point"),
        pytest.param("1e18", id="too large as exponent"),
        pytest.param("1e999", id="huge exponent"),
        pytest.param("1e99999999999", id="exponent no one computes"),
        pytest.param("1" * 90 + "." + "1" * 90, id="more digits than the context"),
        pytest.param("NaN", id="nan"),
        pytest.param("Infinity", id="infinity"),
        pytest.param("inf", id="inf"),
        pytest.param("", id="empty"),
        pytest.param(" 1", id="space before"),
        pytest.param("1\n", id="newline after"),
        pytest.param("+1", id="plus"),
        pytest.param("1_000", id="underscore"),
        pytest.param("1,5", id="comma"),
        pytest.param("\N{ARABIC-INDIC DIGIT ONE}", id="digit of another script"),
        pytest.param("\N{SUPERSCRIPT TWO}", id="superscript"),
        pytest.param("1.", id="no decimals after the point"),
        pytest.param(".5", id="nothing before the point"),
        pytest.param(".", id="point"),
        pytest.param("--1", id="two signs"),
        pytest.param("0x10", id="hexadecimal"),
        pytest.param("1.2.3", id="two points"),
    ],
)
def test_text_that_does_not_fit_is_refused(text: str) -> None:
    with pytest.raises(NotExact):
        exact(text)
    with pytest.raises(NotExact):  # nothing was cached
        exact(text)


@pytest.mark.parametrize("value", [1, 1.5, None, b"1", Decimal(1), True])
def test_what_is_no_text_is_refused(value: object) -> None:
    with pytest.raises(NotExact):
        exact(value)  # type: ignore[arg-type]


@given(st.integers(-_LARGEST, _LARGEST), st.integers(0, 10))
def test_every_decimal_in_bounds_is_kept(number: int, decimals: int) -> None:
    text = f"{Decimal(number):f}"
    whole, sign = text.lstrip("-"), "-" if number < 0 else ""
    whole = whole.rjust(decimals + 1, "0")
    text = sign + (f"{whole[:-decimals]}.{whole[-decimals:]}" if decimals else whole)
    if abs(number) * 10 ** (10 - decimals) <= _LARGEST:
        assert unscaled(exact(text), 10, 28) == number * 10 ** (10 - decimals)
    else:
        with pytest.raises(NotExact):
            exact(text)


@given(st.text(alphabet="0123456789.-+eE_ naif\N{ARABIC-INDIC DIGIT ONE}", max_size=12))
def test_no_text_is_kept_inexactly(text: str) -> None:
    try:
        found = exact(text)
    except NotExact:
        return
    assert found == Decimal(text)


def test_an_exact_is_a_decimal_in_all_but_its_bytes() -> None:
    number = exact("1.5")
    assert number == Decimal("1.5")
    assert hash(number) == hash(Decimal("1.5"))
    assert type(number + number) is Decimal
    for twin in (pickle.loads(pickle.dumps(number)), copy.deepcopy(number)):
        assert twin == number
        assert str(twin) == str(number)
    assert type(pickle.loads(pickle.dumps(number))) is Decimal


def test_the_callers_context_changes_nothing() -> None:
    with localcontext() as context:
        context.prec = 3
        assert str(exact("123456.789")) == "123456.7890000000"
        assert wire(Decimal("123456.789"), 10, 28) == exact("123456.789").wire  # type: ignore[attr-defined]


def test_the_cache_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numbers, "CACHE_ENTRIES_MAX", 10)
    cache = numbers._Texts()
    for number in range(1000):
        assert cache[str(number)] == number
        assert len(cache) <= 10


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(Decimal("NaN"), id="nan"),
        pytest.param(Decimal("sNaN"), id="signalling nan"),
        pytest.param(Decimal("-Infinity"), id="infinity"),
        pytest.param(Decimal("1e-11"), id="too many decimals"),
        pytest.param(Decimal(10**28), id="too many digits"),
        pytest.param(Decimal("1e999999"), id="huge"),
        pytest.param(1, id="int"),
        pytest.param(1.5, id="float"),
        pytest.param("1.5", id="text"),
        pytest.param(None, id="none"),
    ],
)
def test_a_value_that_does_not_fit_has_no_bytes(value: object) -> None:
    with pytest.raises(NotExact):
        wire(value, 10, 28)  # type: ignore[arg-type]
