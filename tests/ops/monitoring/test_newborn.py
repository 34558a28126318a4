"""Counters that begin at what they counted first, of which Prometheus sees no increase.

1. The first faults of a feed count, for five minutes; what is counted is counted once.
2. So do the first orders of a strategy; the first fill of a gateway, which began at 0, is seen.
3. What was counted before Prometheus began, or while a process could not be asked, is not new.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from tests.ops.monitoring.cases import ACCOUNT, FEED, LINE, selector
from tests.ops.monitoring.playing import asked, firing, holds

BIRTH: Final = 100  # samples before it
SEEN: Final = {"job": "tape", "instance": "127.0.0.1:1", "process": "market"}
UP: Final = selector("up", SEEN)
GAPS: Final = selector("trading_feed_gaps_total", {**LINE, **SEEN})
DIVERGENCES: Final = selector("trading_feed_divergences_total", {**FEED, **SEEN})
REQUESTS: Final = selector("trading_order_requests_total", {"strategy": "s", **SEEN})
FILLS: Final = selector("trading_fills_total", ACCOUNT)
ANSWERS: Final = f"1x{BIRTH + 60}"
AWAY: Final = f"1x{BIRTH - 11} 0x9 1x60"  # for ten samples before


@pytest.mark.parametrize(
    ("alert", "series", "values", "up", "count"),
    [
        ("FeedDiverged", DIVERGENCES, f"_x{BIRTH} 1x60", ANSWERS, 1),
        ("FeedDiverged", DIVERGENCES, f"9x{BIRTH} 10x60", ANSWERS, 1),
        ("FeedDiverged", DIVERGENCES, f"9x{BIRTH - 11} stale _x8 9x60", AWAY, 0),
        ("FeedDiverged", DIVERGENCES, f"_x{BIRTH} 9x60", f"_x{BIRTH} 1x60", 0),
        ("FeedGaps", GAPS, f"_x{BIRTH} 6x60", ANSWERS, 1),
        ("FeedGaps", GAPS, f"_x{BIRTH} 3x3 5x60", ANSWERS, 0),
        ("FeedGaps", GAPS, f"_x{BIRTH} 3x3 6x60", ANSWERS, 1),
    ],
)
def test_what_counts_first_counts(
    tmp_path: Path, alert: str, series: str, values: str, up: str, count: int
) -> None:
    told = asked(firing(alert), BIRTH + 10, count), asked(firing(alert), BIRTH + 45, 0)
    holds(tmp_path, {series: values, UP: up}, *told)


@pytest.mark.parametrize(
    ("requests", "fills", "up", "count"),
    [
        (f"_x{BIRTH} 8x60", f"0x{BIRTH + 60}", ANSWERS, 1),
        (f"_x{BIRTH} 8x60", f"0x{BIRTH} 1x60", ANSWERS, 0),
        (f"_x{BIRTH} 800x60", f"_x{BIRTH} 0x60", f"_x{BIRTH} 1x60", 0),
    ],
)
def test_orders_without_a_fill_count_from_the_first_one_on(
    tmp_path: Path, requests: str, fills: str, up: str, count: int
) -> None:
    told = asked(firing("NoFills"), BIRTH + 10, count), asked(firing("NoFills"), BIRTH + 45, 0)
    holds(tmp_path, {REQUESTS: requests, FILLS: fills, UP: up}, *told)
