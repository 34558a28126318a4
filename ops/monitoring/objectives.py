"""What the desk promises over 30 days, and the rules that follow: `rules/slo.yaml` is made of this.

An objective is a share of bad among all, by label. Burn rates are those of Google's SRE workbook:
fast is 2 % of the month's budget in an hour (14.4 times the rate that lasts), slow is 5 % in six
hours (6 times); each over a long window, and a short one so that it ends soon.
`python -m ops.monitoring.objectives > ops/monitoring/rules/slo.yaml` writes it; a test keeps both
equal.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import yaml

FAST: Final = ("5m", "1h", "14.4")
SLOW: Final = ("1h", "6h", "6")
WINDOWS: Final = ("5m", "1h", "6h")
HEAD: Final = "# Written by `python -m ops.monitoring.objectives`: change that.\n"


class Objective(NamedTuple):
    """`bad`: a share, `{w}` its window, by the label `by`. `budget`: the share that is allowed.
    `fast` and `slow`: the alerts, and how bad they are.
    """

    name: str
    by: str
    bad: str
    budget: str
    fast: tuple[str, str]
    slow: tuple[str, str]
    says: str


def share(bad: str, total: str, by: str) -> str:
    """Of counters: none is bad where nothing bad was counted yet, and of nothing there is none."""
    some, every = (f"sum by ({by}) (rate({one}[{{w}}]))" for one in (bad, total))
    return f"({some} or 0 * {every}) / ({every} > 0)"


def down(name: str) -> str:
    """The share of the time in which it was not up."""
    return f"1 - avg_over_time(slo:{name}:up[{{w}}])"


OBJECTIVES: Final = (
    Objective(
        "venue_requests",
        "account",
        share(
            'trading_venue_requests_total{outcome=~"FAILED|5xx"}',
            "trading_venue_requests_total",
            "account",
        ),
        "0.005",
        ("VenueBudgetBurns", "page"),
        ("VenueBudgetShrinks", "slack"),
        "of private requests fail (objective 0.5 %)",
    ),
    Objective(
        "epochs",
        "pipeline",
        "1 - "
        + share(
            'tape_epoch_duration_seconds_bucket{le="0.512"}',
            "tape_epoch_duration_seconds_count",
            "pipeline",
        ),
        "0.01",
        ("EpochsSlow", "slack"),
        ("EpochBudgetShrinks", "slack"),
        "of epochs take over 0.5 s (objective 1 %)",
    ),
    Objective(
        "feed",
        "venue",
        down("feed"),
        "0.005",
        ("FeedBudgetBurns", "page"),
        ("FeedBudgetShrinks", "slack"),
        "of the time no line of the feed was up (objective 0.5 %)",
    ),
    Objective(
        "gateway",
        "account",
        down("gateway"),
        "0.01",
        ("GatewayBudgetBurns", "page"),
        ("GatewayBudgetShrinks", "slack"),
        "of the time no order could be sent (objective 1 %)",
    ),
    Objective(
        "flatten",
        "account",
        share(
            'trading_flatten_probes_total{outcome!="ANSWERED"}',
            "trading_flatten_probes_total",
            "account",
        ),
        "0.005",
        ("FlattenBudgetBurns", "page"),
        ("FlattenBudgetShrinks", "slack"),
        "of probes found that the desk could not flatten (objective 0.5 %)",
    ),
)
# What is up or not: objective, figure, by which label.
UP: Final = (
    ("feed", "trading_feed_connection_up", "venue"),
    ("gateway", "trading_gateway_ready", "account"),
)


def ups(name: str, figure: str, by: str) -> Iterator[dict[str, Any]]:
    """First by process: one of the desk that was seen, and now shows nothing, is not up. A time
    without samples would count as if it had not been.
    """
    seen, own = f"slo:{name}:seen", "on (instance, process)"
    gone = f"0 * last_over_time({seen}[1h]) and {own} up unless {own} {figure}"
    yield {"record": seen, "expr": f"{figure} > bool 0 or ({gone})"}
    yield {"record": f"slo:{name}:up", "expr": f"max by ({by}) ({seen})"}


def recorded(one: Objective, window: str) -> str:
    return f"slo:{one.name}:bad_ratio{window}"


def records(one: Objective) -> Iterator[dict[str, Any]]:
    for window in WINDOWS:
        yield {"record": recorded(one, window), "expr": one.bad.replace("{w}", window)}


def alerts(one: Objective) -> Iterator[dict[str, Any]]:
    for (name, severity), (short, long, times) in ((one.fast, FAST), (one.slow, SLOW)):
        over = [f"{recorded(one, w)} > {times} * {one.budget}" for w in (short, long)]
        yield {
            "alert": name,
            "expr": " and ".join(over),
            "labels": {"severity": severity},
            "annotations": {
                "summary": f"{{{{ $labels.{one.by} }}}}: "
                f"{{{{ $value | humanizePercentage }}}} {one.says}",
                "runbook": f"ops/runbooks/{name}.md",
            },
        }


def page() -> str:
    rules = [rule for one in UP for rule in ups(*one)]
    rules += [rule for one in OBJECTIVES for rule in (*records(one), *alerts(one))]
    found = {"groups": [{"name": "objectives", "rules": rules}]}
    return HEAD + yaml.safe_dump(found, sort_keys=False, width=120)


if __name__ == "__main__":
    sys.stdout.write(page())
