"""Counters that begin at what they counted first, of which Prometheus sees no increase.

1. The first faults of a feed count, for five minutes; what is counted is counted once.
2. A line that counted long before, and was not asked for a while, does not count anew.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.ops.monitoring.cases import FEED, LINE, STEP_S, selector
from tests.ops.monitoring.test_rules import play

BIRTH = 300  # samples before it
SEEN = {"job": "tape", "process": "market"}
GAPS = selector("trading_feed_gaps_total", {**LINE, **SEEN})
DIVERGENCES = selector("trading_feed_divergences_total", {**FEED, **SEEN})


def firing(alert: str, at: int, count: int) -> dict[str, Any]:
    """That so many of an alert fire at a sample."""
    expr = f'count(ALERTS{{alertname="{alert}",alertstate="firing"}}) or vector(0)'
    found = [{"labels": "{}", "value": count}]
    return {"expr": expr, "eval_time": f"{at * STEP_S}s", "exp_samples": found}


@pytest.mark.parametrize(
    ("alert", "series", "values", "count"),
    [
        ("FeedDiverged", DIVERGENCES, f"_x{BIRTH} 1x60", 1),
        ("FeedGaps", GAPS, f"_x{BIRTH} 6x60", 1),
        ("FeedGaps", GAPS, f"_x{BIRTH} 3x3 5x60", 0),
        ("FeedGaps", GAPS, f"_x{BIRTH} 3x3 6x60", 1),
        ("FeedDiverged", DIVERGENCES, f"9x{BIRTH - 20} _x19 9x60", 0),
        ("FeedDiverged", DIVERGENCES, f"9x{BIRTH} 10x60", 1),
    ],
)
def test_what_counts_first_counts(
    tmp_path: Path, alert: str, series: str, values: str, count: int
) -> None:
    asked = [firing(alert, BIRTH + 10, count), firing(alert, BIRTH + 45, 0)]
    found = [{"series": series, "values": values}]
    case = {"interval": f"{STEP_S}s", "input_series": found, "promql_expr_test": asked}
    done = play(tmp_path, [case])
    assert done.returncode == 0, done.stdout + done.stderr
