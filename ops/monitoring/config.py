"""The configurations of Prometheus and Alertmanager, as values, written as YAML.

Who is told: PAGE at once and again every hour, SLACK gathered, the watchdog every minute to whoever
expects it. What explains another alert silences it. An address may carry a secret, so the files are
for their owner's eyes alone.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

import yaml

from ops.figures.desk import TARGETS
from ops.settings import ROOT, MonitoringSettings
from ops.stack.ports import HOST
from schemas.secret import Secret

RULES: Final = ROOT / "ops" / "monitoring" / "rules"
GROUP_BY: Final = ["alertname", "account", "venue"]
SEVERITIES: Final = ("page", "slack", "watchdog")
INHIBITED: Final = (
    # (what explains, what it silences, where these labels are equal)
    ('alertname="DeskUnseen"', 'alertname!~"DeskUnseen|Watchdog"', ()),
    ('alertname="LogUnreachable"', 'alertname=~"RiskSilent|GatewayNotReady"', ("account",)),
    ('alertname="RiskSilent"', 'alertname="GatewayNotReady"', ("account",)),
    ('alertname="PrivateStreamDown"', 'alertname="GatewayNotReady"', ("account",)),
    ('alertname="FeedDown"', 'alertname="FeedSilent"', ("venue", "line")),
    ('alertname="PositionDrift"', 'alertname="BreaksOpen"', ("account",)),
    (
        'alertname=~"Fenced|ProcessRefused|DigestMismatch|OrdersLeftOpen"',
        'alertname="ProcessDown"',
        ("process",),
    ),
    ('alertname="DiskNearlyFull"', 'alertname="DiskFilling"', ("folder",)),
    (
        'alertname="GatewayNotReady"',
        'alertname=~"GatewayBudgetBurns|FlattenBudgetBurns"',
        ("account",),
    ),
    ('alertname="GatewayBudgetBurns"', 'alertname="GatewayBudgetShrinks"', ("account",)),
    ('alertname="FlattenBudgetBurns"', 'alertname="FlattenBudgetShrinks"', ("account",)),
    ('alertname="FeedBudgetBurns"', 'alertname="FeedBudgetShrinks"', ("venue",)),
    ('alertname="EpochsSlow"', 'alertname="EpochBudgetShrinks"', ("pipeline",)),
    ('alertname="VenueBudgetBurns"', 'alertname="VenueBudgetShrinks"', ("account",)),
)


def prometheus(
    run_dir: Path, alertmanager: str, every_s: int, rules: Path = RULES
) -> dict[str, Any]:
    """Scrapes whatever the supervisor says it runs."""
    return {
        "global": {
            "scrape_interval": f"{every_s}s",
            "scrape_timeout": f"{every_s}s",
            "evaluation_interval": f"{every_s}s",
        },
        "rule_files": [f"{rules}/*.yaml"],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [alertmanager]}]}]},
        "scrape_configs": [
            {
                "job_name": "tape",
                "file_sd_configs": [{"files": [str(run_dir / TARGETS)], "refresh_interval": "5s"}],
            }
        ],
    }


def alertmanager(settings: MonitoringSettings) -> dict[str, Any]:
    """Routes by severity to the webhooks that are set; what has none is shown and sent nowhere."""
    urls = dict(zip(SEVERITIES, settings.urls(), strict=True))
    return {
        "route": {
            "receiver": "slack",
            "group_by": GROUP_BY,
            "group_wait": "30s",
            "group_interval": "5m",
            "repeat_interval": "4h",
            "routes": [
                _route("page", group_wait="1s", group_interval="30s", repeat_interval="1h"),
                _route("watchdog", group_wait="0s", group_interval="1m", repeat_interval="1m"),
            ],
        },
        "receivers": [_receiver(name, url) for name, url in urls.items()],
        "inhibit_rules": [
            {"source_matchers": [source], "target_matchers": [target], "equal": list(equal)}
            for source, target, equal in INHIBITED
        ],
    }


def _route(severity: str, **times: str) -> dict[str, Any]:
    return {"receiver": severity, "matchers": [f'severity="{severity}"'], **times}


def _receiver(name: str, url: Secret | None) -> dict[str, Any]:
    hooks = [{"url": url.reveal().strip(), "send_resolved": name != "watchdog"}] if url else []
    return {"name": name, "webhook_configs": hooks}


def write(file: Path, found: dict[str, Any]) -> None:
    """For the owner's eyes alone from the first byte on."""
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as stream:
        yaml.safe_dump(found, stream, sort_keys=False)


def show(run_dir: Path, settings: MonitoringSettings) -> str:
    """Both, as they would be written; addresses without what they may carry."""
    named = settings.model_copy(update=dict.fromkeys(("page_url", "slack_url", "watchdog_url")))
    found = (prometheus(run_dir, f"{HOST}:9093", settings.every_s), alertmanager(named))
    return "---\n".join(yaml.safe_dump(one, sort_keys=False) for one in found)
