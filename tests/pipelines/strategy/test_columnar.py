"""A columnar form that does not fit is refused when the signal is loaded, with the reason."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, NamedTuple

import polars as pl
import pytest

from pipelines.strategy.changes import TargetNotExact
from pipelines.strategy.columnar import BadColumns
from pipelines.strategy.ema_cross import EmaCross
from pipelines.strategy.signal import Columns, quantity
from pipelines.strategy.testing import assert_twins_equal, logic_of, trades
from schemas.errors import NotExact
from schemas.events import TradePrinted
from tests.pipelines.batches import batch_of, inputs_of


class Highest(NamedTuple):
    highest: Decimal | None


class Scripted(NamedTuple):
    """Long at a new high; its columnar form is given."""

    form: Columns
    empty: Any = Highest(None)

    @property
    def reads(self) -> type[TradePrinted]:
        return TradePrinted

    def initial(self) -> Any:
        return self.empty

    def row(self, state: Highest, event: TradePrinted) -> tuple[Highest, Decimal]:
        if state.highest is None or event.last_px > state.highest:
            return Highest(event.last_px), Decimal(1)
        return state, Decimal(0)

    def columns(self) -> Columns:
        return self.form


HIGHEST = pl.coalesce("highest", pl.col("last_px").cast(pl.Decimal(38, 10))).cum_max()
TARGET = pl.when("rose").then(quantity(Decimal(1))).otherwise(quantity(Decimal(0)))
FLAT = quantity(Decimal(0))


class HighestAndRose(NamedTuple):
    highest: Decimal | None
    rose: bool


class NewHigh(Scripted):
    def row(self, state: Any, event: TradePrinted) -> tuple[Any, Decimal]:
        rose = state.highest is None or event.last_px > state.highest
        highest = event.last_px if rose else state.highest
        return HighestAndRose(highest, rose), Decimal(1 if rose else 0)


RISES = (HIGHEST.shift(1) < HIGHEST).fill_null(pl.col("highest").shift(1).is_null())
FORM = Columns({"highest": HIGHEST, "rose": RISES}, TARGET)
PRICES = ["5", "6", "6", "4", "7", "8", "1"]


def test_a_state_may_hold_decimals_and_look_back() -> None:
    signal = NewHigh(FORM, HighestAndRose(None, False))
    mixed = zip(trades(PRICES), trades(PRICES, "ETHUSDT.BINANCE"), strict=True)
    assert_twins_equal(signal, [event for pair in mixed for event in pair])


class Nested(NamedTuple):
    highest: tuple[float, ...]


class Clashing(NamedTuple):
    venue: str


@pytest.mark.parametrize(
    ("form", "empty", "says"),
    [
        pytest.param(
            Columns({}, FLAT), Highest(None), r"must give \['highest'\]", id="field missing"
        ),
        pytest.param(
            Columns({"highest": pl.col("px")}, FLAT), Highest(None), '"px"', id="no such column"
        ),
        pytest.param(
            Columns({"highest": pl.col("highest").cast(pl.Float64)}, FLAT),
            Highest(None),
            "give highest as Float64, not Decimal",
            id="wrong type of state",
        ),
        pytest.param(
            Columns({"highest": HIGHEST}, pl.lit(1.0)),
            Highest(None),
            "give _target as",
            id="wrong type of target",
        ),
        pytest.param(
            Columns({"highest": HIGHEST}, FLAT + pl.col("last_px").cum_sum()),
            Highest(None),
            "target must follow from its row alone",
            id="target looks back",
        ),
        pytest.param(
            Columns({"highest": HIGHEST}, pl.when(HIGHEST > 1).then(FLAT)),
            Highest(None),
            "target must follow from its row alone",
            id="target looks back deep inside",
        ),
        pytest.param(
            Columns({"highest": HIGHEST}, pl.col("last_px").map_elements(abs)),
            Highest(None),
            "target must follow from its row alone",
            id="target is a Python function",
        ),
        pytest.param(
            Columns({"highest": HIGHEST}, FLAT),
            Nested(()),
            "are not float, int, bool, str or Decimal",
            id="nested state",
        ),
        pytest.param(
            Columns({"venue": pl.col("venue")}, FLAT),
            Clashing(""),
            r"\['venue'\] are also columns",
            id="field named like a column",
        ),
    ],
)
def test_a_form_that_does_not_fit(form: Columns, empty: Any, says: str) -> None:
    with pytest.raises(BadColumns, match=f"^signal signal: .*{says}"):
        logic_of(Scripted(form, empty))


def test_a_null_target_stops() -> None:
    form = Columns({"highest": HIGHEST}, pl.when(pl.col("last_px") > 9).then(FLAT))
    logic = logic_of(Scripted(form))
    with pytest.raises(TargetNotExact, match=r"target of BTCUSDT\.BINANCE: null"):
        logic.step(logic.initial(), batch_of(inputs_of(trades(["1"]), "md.trade.v1")))


def test_a_literal_is_never_rounded() -> None:
    with pytest.raises(NotExact):
        quantity(Decimal("0.00000000001"))


def test_twins_that_differ_are_shown() -> None:
    form = Columns({"highest": HIGHEST}, quantity(Decimal(2)))
    with pytest.raises(
        AssertionError, match=r"columns\(\) want 2\.0000000000 of .* at offset 0, row\(\) wants 1"
    ):
        assert_twins_equal(Scripted(form), trades(PRICES))


def test_states_that_differ_are_shown() -> None:
    class Sum(Scripted):
        def row(self, state: Any, event: TradePrinted) -> tuple[Any, Decimal]:
            return Highest(event.last_px), Decimal(0)

    with pytest.raises(AssertionError, match="the states are not"):
        assert_twins_equal(Sum(Columns({"highest": HIGHEST}, FLAT)), trades(PRICES))


@pytest.mark.parametrize("count", [1, 2, 300], ids="{} instruments".format)
def test_many_instruments(count: int) -> None:
    """Up to 255, 65,535 and more instruments polars numbers categories in different types."""
    names = [f"S{number}.BINANCE" for number in range(count)]
    rounds = [trades(PRICES, name) for name in names]
    events = [event for together in zip(*rounds, strict=True) for event in together]
    assert_twins_equal(EmaCross(fast_span=1, slow_span=3, short=True), events)


def test_the_calls_into_polars_do_not_grow_with_instruments(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls: list[int] = []
    collect = pl.LazyFrame.collect

    def counted(frame: pl.LazyFrame, **options: Any) -> Any:
        calls.append(1)
        return collect(frame, **options)

    logic = logic_of(EmaCross())
    counts = []
    for names in (["A.X"], [f"S{number}.X" for number in range(200)]):
        batch = batch_of(inputs_of([t for n in names for t in trades(PRICES, n)], "md.trade.v1"))
        assert batch.tables
        monkeypatch.setattr(pl.LazyFrame, "collect", counted)
        logic.step(logic.initial(), batch)
        monkeypatch.undo()
        counts.append(len(calls))
        calls.clear()
    assert counts[0] == counts[1] > 0
