"""Order-book imbalance: thresholds met exactly, hysteresis, settings."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from pipelines.strategy.book_imbalance import BookImbalance
from pipelines.strategy.testing import assert_twins_equal, quotes, targets

SIGNAL = BookImbalance(enter=Decimal("0.6"), leave=Decimal("0.2"), size=Decimal("0.5"), short=True)

# bid_qty ask_qty  imbalance                      -> target
ROWS = """
  50      50       0                               ->  0
  79      21       0.58, below enter               ->  0
  80      20       0.6, enter exactly              ->  0.5
  60      40       0.2, leave exactly: held        ->  0.5
  59      41       0.18, below leave               ->  0
  70      30       0.4, between: stays out         ->  0
  81      19       0.62                            ->  0.5
   0       0       empty: held                     ->  0.5
  30      70       -0.4, leaves                    ->  0
  20      80       -0.6, enter exactly             -> -0.5
  40      60       -0.2, leave exactly: held       -> -0.5
  99       1       0.98, turns at once             ->  0.5
   1      99       -0.98, turns at once            -> -0.5
  50      50       0                               ->  0
"""


def table() -> list[tuple[str, str, Decimal]]:
    lines = [line.split() for line in ROWS.strip().splitlines()]
    return [(line[0], line[1], Decimal(line[-1])) for line in lines]


def test_the_table() -> None:
    events = quotes((bid, ask) for bid, ask, _ in table())
    assert targets(SIGNAL, events) == [target for _, _, target in table()]


def test_the_table_in_columns() -> None:
    assert_twins_equal(SIGNAL, quotes((bid, ask) for bid, ask, _ in table()))


A_FIFTH = "199999999999999999.9999999999"
FOUR_FIFTHS = "799999999999999999.9999999996"


@pytest.mark.parametrize(
    ("bid", "ask", "target"),
    [
        pytest.param(FOUR_FIFTHS, A_FIFTH, "0.5", id="28 digits, exactly at enter"),
        pytest.param(FOUR_FIFTHS[:-1] + "5", A_FIFTH, "0", id="one unit of 10**-10 below"),
        pytest.param(A_FIFTH, FOUR_FIFTHS, "-0.5", id="short, exactly at enter"),
        pytest.param(A_FIFTH, FOUR_FIFTHS[:-1] + "5", "0", id="short, one unit below"),
    ],
)
def test_no_digit_is_lost(bid: str, ask: str, target: str) -> None:
    events = quotes([(bid, ask)])
    assert targets(SIGNAL, events) == [Decimal(target)]
    assert_twins_equal(SIGNAL, events)


def test_long_only_by_default() -> None:
    assert targets(BookImbalance(), quotes([("1", "99")])) == [Decimal(0)]


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"enter": "0.1"}, "0 <= leave <= enter <= 1"),
        ({"enter": "0", "leave": "0"}, "enter > 0"),
        ({"enter": "1.1"}, "enter <= 1"),
        ({"leave": "-0.1"}, "0 <= leave"),
        ({"enter": "0.60001"}, "at most four decimals"),
        ({"size": "0"}, "size must be above 0"),
        ({"enter": "NaN"}, "number"),
    ],
)
def test_wrong_settings_are_refused(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=says):
        msgspec.convert(settings, BookImbalance)
