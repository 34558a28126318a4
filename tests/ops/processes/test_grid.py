"""Parameter sets: what `--grid` asks for, and how a set changes a desk's settings."""

from __future__ import annotations

from decimal import Decimal

import pytest

from ops.processes.backtesting import Assumed, BadDelay
from ops.processes.grid import BadGrid, changed, sets_of
from ops.settings import ROOT, load_file

FILE = ROOT / "ops/desk/example/tape.toml"
SPAN = "strategy.signals.ema-cross.options.fast_span"


def test_every_combination_in_the_order_given() -> None:
    assert sets_of([]) == [{}]
    assert sets_of(["a=1,2", "b.c=x, y"]) == [
        {"a": "1", "b.c": "x"},
        {"a": "1", "b.c": "y"},
        {"a": "2", "b.c": "x"},
        {"a": "2", "b.c": "y"},
    ]


@pytest.mark.parametrize("text", ["a", "=1", "a=", "a=1,,2"])
def test_a_grid_has_a_name_and_values(text: str) -> None:
    with pytest.raises(BadGrid, match="NAME=VALUE"):
        sets_of([text])


@pytest.mark.parametrize(
    ("grids", "says"),
    [
        (["a=1", "b=2", " a =3"], "--grid a: given twice"),
        (["a=1,2,1"], "--grid a=1,2,1: a value is named twice"),
    ],
)
def test_nothing_is_named_twice(grids: list[str], says: str) -> None:
    with pytest.raises(BadGrid, match=says):
        sets_of(grids)


def test_a_set_changes_what_it_names_and_nothing_else() -> None:
    before = load_file(FILE)
    tick = "strategy.signals.book-imbalance.execution.instruments.ETHUSDT.BINANCE"
    after = load_file(FILE, **changed(before, {SPAN: "7", "desk.balances.USDT": "5.5"}))
    assert after.strategy.signals[0].options == {
        **before.strategy.signals[0].options,
        "fast_span": 7,
    }
    assert after.strategy.signals[1] == before.strategy.signals[1]
    assert after.desk.balances["USDT"] == Decimal("5.5")
    assert after.desk.feeds == before.desk.feeds
    size = changed(before, {"strategy.signals.book-imbalance.options.size": "2"})
    assert size["strategy"]["signals"][1]["options"]["size"] == "2", "a text stays one"
    options = {"enter": "0.5", "leave": "0", "other": "x"}
    named = {f"strategy.signals.book-imbalance.options.{key}": options[key] for key in options}
    unset = changed(before, named)["strategy"]["signals"][1]["options"]
    assert [unset[key] for key in options] == [Decimal("0.5"), 0, "x"]
    assert type(unset["leave"]) is int
    with pytest.raises(BadGrid, match="there is no ETHUSDT"):
        changed(before, {f"{tick}.child_qty_max": "1"})


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("strategy.signals.nobody.options.size", "1", "there is no nobody"),
        ("strategy.signals.ema-cross.options", "1", "names a table"),
        ("desk.balances.USDT", "much", "desk.balances.USDT"),
        ("gateway.url", "x", "there is no gateway"),
        ("desk.simulated", "yes", "yes is neither true nor false"),
    ],
)
def test_what_cannot_be_varied_is_named(name: str, value: str, says: str) -> None:
    with pytest.raises(BadGrid, match=says):
        changed(load_file(FILE), {name: value})


def test_a_set_varies_what_is_assumed_of_the_venue() -> None:
    varied = Assumed().varied({"order_ms": "0.5", "seed": "3", SPAN: "7"})
    assert varied == Assumed()._replace(order_ms=Decimal("0.5"), seed=3)
    assert varied.model().latency.order_ns == 500_000
    with pytest.raises(BadGrid, match="maker_fee"):
        Assumed().varied({"maker_fee": "free"})
    with pytest.raises(BadGrid, match="no whole number"):
        Assumed().varied({"seed": "1.5"})


@pytest.mark.parametrize("leg", ["order_ms", "cancel_ms", "report_ms", "jitter_ms"])
@pytest.mark.parametrize("delay", ["-1", "0.0000001"])
def test_a_delay_is_a_number_of_nanoseconds(leg: str, delay: str) -> None:
    with pytest.raises(BadDelay, match=f"{leg} is {delay}: at least 0"):
        Assumed().varied({leg: delay}).model()
