"""What counts against an objective, in Prometheus' own judgement.

1. The time in which a process is gone, or answers without its figures yet, is bad time; the other
   line of a feed makes it good.
2. What is no part of the desk any more, or of another account now, counts for nobody.
3. Good time counts before anything ever failed, and a time without requests for nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from ops.monitoring.dashboards.operations import budget
from ops.monitoring.objectives import OBJECTIVES
from tests.ops.monitoring.cases import ACCOUNT, FEED, STEP_S, selector
from tests.ops.monitoring.playing import asked, firing, holds

HOUR: Final = 3_600 // STEP_S
GATEWAY: Final = {"instance": "127.0.0.1:1", "process": "gateway"}
READY: Final = selector("trading_gateway_ready", {**ACCOUNT, **GATEWAY})
UP: Final = selector("up", {"job": "tape", **GATEWAY})
NOT_READY: Final = "max(slo:gateway:bad_ratio1h)"


def line(name: str) -> dict[str, str]:
    return {"instance": f"127.0.0.1:{name}", "process": f"binance-{name}"}


def connected(name: str) -> str:
    return selector("trading_feed_connection_up", {**FEED, "line": name, **line(name)})


def answers(name: str) -> str:
    return selector("up", {"job": "tape", **line(name)})


def test_a_gateway_that_is_gone_is_bad_time(tmp_path: Path) -> None:
    series = {READY: f"1x{HOUR - 1} stale _x{2 * HOUR}", UP: f"1x{HOUR - 1} 0x{2 * HOUR}"}
    holds(
        tmp_path,
        series,
        asked(NOT_READY, HOUR - 1, 0),
        asked(f"round({NOT_READY}, 0.01)", HOUR + HOUR // 2, 0.5),
        asked(NOT_READY, 3 * HOUR - 2, 1),
        asked(firing("GatewayNotReady"), HOUR + 2, 0),
        asked(firing("GatewayNotReady"), HOUR + 10, 1),
        asked(firing("GatewayNotReady"), 3 * HOUR - 2, 1),
        asked(firing("GatewayBudgetBurns"), HOUR + HOUR // 2, 1),
    )


def test_a_gateway_that_starts_again_is_bad_time_until_it_says_more(tmp_path: Path) -> None:
    series = {READY: f"1x{HOUR} stale _x{HOUR}", UP: f"1x{2 * HOUR}"}
    holds(tmp_path, series, asked(f"round({NOT_READY}, 0.01)", 2 * HOUR, 1))


def test_a_feed_is_down_where_no_connector_is_left(tmp_path: Path) -> None:
    both = {connected("A"): f"1x{HOUR} stale _x{HOUR}", answers("A"): f"1x{HOUR} 0x{HOUR}"}
    one = {connected("B"): f"1x{2 * HOUR}", answers("B"): f"1x{2 * HOUR}"}
    last = HOUR + HOUR // 2
    gone = {connected("B"): f"1x{last} stale _x{HOUR}", answers("B"): f"1x{last} 0x{HOUR}"}
    bad = "round(max(slo:feed:bad_ratio1h), 0.1)"
    holds(tmp_path, {**both, **one}, asked(bad, 2 * HOUR, 0))
    holds(tmp_path, {**both, **gone}, asked(bad, 2 * HOUR, 0.5))


def test_what_is_not_of_the_desk_any_more_counts_for_nobody(tmp_path: Path) -> None:
    gone = {READY: f"1x{HOUR} stale _x{HOUR}", UP: f"1x{HOUR} stale _x{HOUR}"}
    holds(tmp_path, gone, asked(firing("GatewayNotReady"), HOUR + 40, 0))
    other = selector("trading_gateway_ready", {"account": "sim-2", **GATEWAY})
    now = {READY: f"1x{HOUR} stale _x{HOUR}", other: f"_x{HOUR} 1x{HOUR}", UP: f"1x{2 * HOUR}"}
    holds(tmp_path, now, asked(firing("GatewayNotReady"), HOUR + 40, 0))


def test_good_time_counts_before_anything_failed(tmp_path: Path) -> None:
    """An hour without requests, three without a failure, then a few minutes of failures."""
    requests = "trading_venue_requests_total"
    well, calm = 3 * HOUR, f"0x{HOUR - 1}"
    failed = f"_x{HOUR + well - 1} 0+15x19 300x{HOUR}"
    series = {
        selector(requests, {**ACCOUNT, "outcome": "2xx"}): f"{calm} 0+15x{well + HOUR}",
        selector(requests, {**ACCOUNT, "outcome": "4xx"}): f"{calm} 0x{well + HOUR}",
        selector(requests, {**ACCOUNT, "outcome": "5xx"}): failed,
    }
    (promise,) = [one for one in OBJECTIVES if one.name == "venue_requests"]
    expr, _ = budget(promise)
    bad = 'max(avg_over_time(slo:venue_requests:bad_ratio5m{account="sim-1"}[30d]))'
    holds(
        tmp_path,
        series,
        asked(f"max({expr})", HOUR + well - 1, 1),
        asked(f"round({bad}, 0.01)", HOUR + well + 40, 0.02),
    )
