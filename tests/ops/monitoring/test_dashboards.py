"""Dashboards are what the code gives, and ask for nothing that does not exist.

1. The JSON in the repository is that of the code; ids are unique, panels do not overlap.
2. Every metric and label of a query and its legend is declared.
3. promtool takes every query; what it does not take, and what does not exist, is seen.
"""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from ops.monitoring.dashboards.pages import FOLDER, ROWS, pages
from tests.ops.monitoring.queries import unknown
from tests.programs import program

FOUND: dict[str, Any] = {name: json.loads(text) for name, text in pages().items()}
QUERIES = [
    (one["expr"], one.get("legendFormat", ""))
    for found in FOUND.values()
    for panel in found["panels"]
    for one in panel.get("targets", ())
]
RATE = re.compile(r"\$__rate_interval")


def test_the_files_are_those_of_the_code() -> None:
    written = {file.name: file.read_text() for file in FOLDER.glob("*.json")}
    assert written == pages(), "python -m ops.monitoring.dashboards"
    assert {*written} == {f"{name}.json" for name in ROWS}


@pytest.mark.parametrize("name", FOUND)
def test_panels_have_ids_and_places_of_their_own(name: str) -> None:
    panels = FOUND[name]["panels"]
    ids = [panel["id"] for panel in panels]
    assert len({*ids}) == len(ids)
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in panels)
        for x in range(place.get("x", 0), place.get("x", 0) + place["w"])
        for y in range(place.get("y", 0), place.get("y", 0) + place["h"])
    ]
    assert len({*cells}) == len(cells)
    assert max(x for x, _ in cells) < 24


@pytest.mark.parametrize(("expr", "legend"), QUERIES, ids=range(len(QUERIES)))
def test_a_query_names_what_there_is(expr: str, legend: str) -> None:
    assert unknown(expr, legend) == set()


@pytest.mark.parametrize(
    ("expr", "shown", "missing"),
    [
        ("sum by (account) (trading_exposure)", "", {"trading_exposure", "account"}),
        ("sum by (venue) (trading_exposure_quote)", "", {"venue"}),
        ("trading_exposure_quote", "{{venue}}", {"venue"}),
        ("trading_exposure_quote", "{{ $labels.venue }}", {"venue"}),
        ('trading_exposure_quote{venue="B"}', "", {"trading_exposure_quote{venue}"}),
        ('up{job="tape"} == 0', "{{process}}", set()),
        ("slo:feeds:bad_ratio5m", "", {"slo:feeds:bad_ratio5m"}),
        ("rate(trading_orders_total[5m]) and on (account, side) up", "", set()),
    ],
)
def test_what_does_not_exist_is_seen(expr: str, shown: str, missing: set[str]) -> None:
    assert unknown(expr, shown) == missing


def taken(folder: Path, exprs: list[str]) -> bool:
    """Whether Prometheus can evaluate them."""
    found = [{"record": f"q{n}", "expr": RATE.sub("5m", one)} for n, one in enumerate(exprs)]
    file = folder / "queries.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": found}]}))
    command = [program("prometheus", "promtool"), "check", "rules", str(file)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_prometheus_takes_every_query(tmp_path: Path) -> None:
    assert taken(tmp_path, [expr for expr, _ in QUERIES])
    assert not taken(tmp_path, ["sum by (a (up)"])
