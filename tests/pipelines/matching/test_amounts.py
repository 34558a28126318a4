"""Numbers of matching: cut once, shown whole."""

from __future__ import annotations

from decimal import Decimal

import pytest

from pipelines.matching.amounts import commission, is_multiple, lots_for, text, whole_lots


@pytest.mark.parametrize(
    ("amount", "rate", "expected"),
    [("0.12345", "0.00075", "0.00009258"), ("0.00001", "0.00075", "0"), ("3", "0.001", "0.003")],
)
def test_a_commission_is_cut_to_eight_decimals(amount: str, rate: str, expected: str) -> None:
    assert commission(Decimal(amount), Decimal(rate)) == Decimal(expected)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("1", "1.00000000"),
        ("0.1234567891", "0.1234567891"),
        ("1E+3", "1000.00000000"),
        ("-0.50", "-0.50000000"),
        ("1.00000000000000000000", "1.00000000"),
    ],
)
def test_a_number_shown_is_never_rounded(value: str, expected: str) -> None:
    assert text(Decimal(value)) == expected


def test_whole_lots() -> None:
    assert whole_lots(Decimal("1.29"), Decimal("0.1")) == Decimal("1.2")
    assert lots_for(Decimal(420), Decimal(101), Decimal("0.1")) == Decimal("4.1")
    assert is_multiple(Decimal("1.3"), Decimal("0.1"))
    assert not is_multiple(Decimal("1.35"), Decimal("0.1"))
    assert is_multiple(Decimal("1.35"), Decimal(0))
