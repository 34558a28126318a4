"""One ratio: exact, rounded once, in whatever decimal context it is asked."""

from __future__ import annotations

from decimal import Context, Decimal, localcontext

import pytest

from pipelines.exact import total
from replay.ratio import ratio

BIG = Decimal("123456789012345678.1234567891")


@pytest.mark.parametrize(
    ("part", "whole", "wanted"),
    [
        ("2", "310", "0.0065"),
        ("1", "0", "0"),
        ("0.00005", "1", "0.0000"),  # half to even
        ("0.00015", "1", "0.0002"),
        ("-0.00015", "1", "-0.0002"),
        ("0.000150000000000000000000000000000000000000001", "1", "0.0002"),
        ("0.000049999999999999999999999999999999999999999", "1", "0.0000"),
    ],
)
def test_a_ratio_is_rounded_once(part: str, whole: str, wanted: str) -> None:
    assert ratio(Decimal(part), Decimal(whole)) == Decimal(wanted)


def test_no_context_takes_part() -> None:
    with localcontext(Context(prec=3)):
        assert ratio(BIG, Decimal(1)) == Decimal("123456789012345678.1235")
        assert total([BIG, BIG]) == Decimal("246913578024691356.2469135782")
