"""Limits from a file: exact, complete, and refused by name where they are not."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import get_args

import pytest

from ops.desk.prepare import desk_file
from ops.limits import KINDS, BadLimits, load_limits, parse
from ops.settings import ROOT
from schemas.events import DenialReason, LimitsChanged

EXAMPLE = desk_file("limits.yaml").read_text()


def limits(text: str) -> LimitsChanged:
    return parse(text, 3, "ada", "why", 7)


def test_the_example_says_what_it_says() -> None:
    found = limits(EXAMPLE)
    values = {(x.kind, x.account, x.strategy, x.instrument): x.value for x in found.limits}
    btc = "BTCUSDT.BINANCE"
    assert values["POSITION_QTY_MAX", None, "ema-cross", btc] == Decimal("0.01")
    assert values["PRICE_COLLAR_BPS", None, None, None] == 100
    assert [t.instrument for t in found.instruments] == [btc, "ETHUSDT.BINANCE"]
    assert (found.limits_version, found.person, found.currency) == (3, "ada", "USDT")
    assert (found.instruments[0].venue, found.instruments[0].restricted) == ("BINANCE", False)


def test_numbers_are_never_floats() -> None:
    found = limits(EXAMPLE.replace("0.00001", "0.0000000001"))
    assert found.instruments[0].lot_size == Decimal("0.0000000001")


def test_the_page_explains_every_limit_and_reason() -> None:
    page = (ROOT / "docs" / "risk.md").read_text()
    names = KINDS | set(get_args(DenialReason)) - {"UNKNOWN"}
    assert {name for name in names if f"`{name}`" not in page} == set()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        pytest.param("PRICE_COLLAR_BPS", "PRICE_COLLAR", "PRICE_COLLAR is no limit", id="kind"),
        pytest.param("    lot_size: 0.00001\n", "", "lot_size is missing", id="term missing"),
        pytest.param("tick_size", "tik_size", "tik_size is not known", id="term unknown"),
        pytest.param("strategies:", "strategy:", "strategy is not known", id="scope unknown"),
        pytest.param("DAILY_MAX: 1000", "DAILY_MAX: lots", "'lots' is not a decimal", id="number"),
        pytest.param("DAILY_MAX: 1000", "DAILY_MAX: -1", "at least 0", id="below zero"),
        pytest.param("OPEN_MAX: 20", "OPEN_MAX: 1.5", "whole", id="half an order"),
        pytest.param("BPS: 100", "BPS: 10000", "below 10000", id="collar of everything"),
        pytest.param("tick_size: 0.01", "tick_size: 0", "tick_size is not above 0", id="tick"),
        pytest.param("quote_asset: USDT", "quote_asset: EUR", "quoted in EUR", id="currency"),
        pytest.param("qty_max: 9000", "qty_max: 0", "qty_min is above qty_max", id="bounds"),
        pytest.param("POSITION_QTY_MAX: 20", "LOSS_DAILY_MAX: 20", "names an instr", id="sum"),
        pytest.param("desk:\n  PRICE", "desk: 5\nx:\n  PRICE", "x is not known", id="no mapping"),
        pytest.param("currency: USDT", "currency: [", "not YAML", id="no YAML"),
        pytest.param(
            "  ORDERS_OPEN_MAX: 20\n",
            "  ORDERS_OPEN_MAX: 20\n  LOSS_DAILY_MAX: 99999\n",
            "LOSS_DAILY_MAX again in line 16",
            id="a limit twice",
        ),
        pytest.param(
            "  EXECUTIONS_WINDOW_MS: 60000\n", "", "needs an EXECUTIONS_WINDOW_MS", id="no window"
        ),
        pytest.param("WINDOW_MS: 60000", "WINDOW_MS: 0", "needs an EXEC", id="an empty window"),
        pytest.param("  ETHUSDT", "  BTCUSDT", "BTCUSDT.BINANCE again", id="an instrument twice"),
        pytest.param("0.01\n", "0.00000000001\n", "does not fit", id="too many digits"),
    ],
)
def test_what_is_wrong_is_named(old: str, new: str, said: str) -> None:
    assert old in EXAMPLE
    with pytest.raises(BadLimits, match=said):
        limits(EXAMPLE.replace(old, new, 1))


def test_a_window_holds_for_the_throttles_of_narrower_scopes() -> None:
    limits(EXAMPLE.replace("    ORDERS_OPEN_MAX: 2\n", "    EXECUTIONS_REPEATED_MAX: 2\n", 1))
    moved = EXAMPLE.replace("  EXECUTIONS_WINDOW_MS: 60000\n", "", 1)
    moved = moved.replace("    ORDERS_OPEN_MAX: 2\n", "    EXECUTIONS_WINDOW_MS: 60000\n", 1)
    with pytest.raises(BadLimits, match=r"^EXECUTIONS_REPEATED_MAX of \*/\*/\* needs"):
        limits(moved)


def test_a_sum_over_an_account_and_a_strategy_is_not_kept() -> None:
    both = "accounts:\n  a:\n    POSITION_QTY_MAX: 1\n"
    with pytest.raises(BadLimits, match="names no instrument"):
        limits(both + EXAMPLE)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadLimits, match=r"absent cannot be read: No such file or directory$"):
        load_limits(tmp_path / "absent", 1, "ada", "test", 0)
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    with pytest.raises(BadLimits, match="bytes is not text in UTF-8"):
        load_limits(tmp_path / "bytes", 1, "ada", "test", 0)
