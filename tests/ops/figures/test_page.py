"""docs/metrics.md is what the code declares."""

from __future__ import annotations

import re

from connectors.metrics.declared import FIGURES
from connectors.metrics.kinds import REGISTRY
from ops.figures.page import page
from ops.settings import ROOT

UNITS = ("seconds", "bytes", "ratio", "percent", "records", "info", "total", "quote", "quantity")
UNBOUNDED = {"cl_ord_id", "order_id", "trade_id", "correlation_id", "connection", "break_id"}


def test_the_page_is_what_is_declared() -> None:
    written = (ROOT / "docs" / "metrics.md").read_text()
    assert written == page(), "python -m ops.figures.page > docs/metrics.md"


def test_what_is_declared_is_what_is_exposed() -> None:
    exposed = {family.name for family in REGISTRY.collect()}
    ours = {name for name in exposed if name.startswith(("tape_", "trading_"))}
    assert {one.name.removesuffix("_total") for one in FIGURES} == {
        name.removesuffix("_total") for name in ours
    }


def test_names_and_labels_are_as_prometheus_wants_them() -> None:
    for one in FIGURES:
        assert re.fullmatch(r"(tape|trading)_[a-z_]+", one.name), one.name
        assert not UNBOUNDED & {*one.labels}, one.name
        assert one.name.endswith("_total") == (one.kind == "counter"), one.name
        assert one.kind != "histogram" or one.name.endswith(UNITS), one.name
