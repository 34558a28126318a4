"""A gateway's caps from their file: exact, refused where they do not say what is allowed."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from ops.desk.prepare import desk_file
from ops.processes.caps import load_caps
from pipelines.gateway.caps import CapsRefused

EXAMPLE = desk_file("caps.yaml").read_text()


def file(folder: Path, old: str = "", new: str = "") -> Path:
    assert old in EXAMPLE
    path = folder / "caps.yaml"
    path.write_text(EXAMPLE.replace(old, new, 1))
    return path


def test_amounts_are_what_stands_there(tmp_path: Path) -> None:
    caps = load_caps(file(tmp_path, "notional_max: 20000", "notional_max: 100000000.1234567891"))
    assert caps.order_notional_max == Decimal("100000000.1234567891")
    assert caps.position_max["BTCUSDT.BINANCE"] == 2
    assert not caps.live


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        pytest.param("live: false", "live: no", "live: 'no' is neither", id="a word"),
        pytest.param("orders_per_second_max: 5", "orders_per_second_max: 010", "'010'", id="octal"),
        pytest.param(": 50\n", ": 50\nopen_orders_max: 500\n", "open_orders_max again", id="twice"),
        pytest.param("  ETHUSDT", "  BTCUSDT", "BTCUSDT.BINANCE again in line 14", id="two caps"),
        pytest.param("20000", "1e999", "order_notional_max: ", id="too much"),
        pytest.param("account: sim-1", "- 1", "cannot be read", id="no table"),
    ],
)
def test_what_is_unclear_is_refused(tmp_path: Path, old: str, new: str, said: str) -> None:
    with pytest.raises(CapsRefused, match=said) as refused:
        load_caps(file(tmp_path, old, new))
    assert "\n" not in str(refused.value)
