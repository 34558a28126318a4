"""The alerts in Prometheus' own judgement: quiet, firing, quiet again. And who is told.

1. promtool checks the rules and plays one case per alert (`cases`).
2. amtool checks the configuration and shows which receiver an alert reaches.
3. What a rule names exists: its metrics, its labels, its runbook.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from connectors.metrics.declared import FIGURES
from ops.monitoring import config, objectives
from ops.settings import ROOT, MonitoringSettings
from tests.ops.monitoring.cases import CASES, played, selector, together
from tests.ops.monitoring.playing import FILES, play
from tests.ops.monitoring.queries import TARGET, unknown
from tests.programs import program

GROUPS = [group for file in FILES for group in yaml.safe_load(file.read_text())["groups"]]
RULES = [rule for group in GROUPS for rule in group["rules"]]
ALERTS = {rule["alert"]: rule for rule in RULES if "alert" in rule}
SEVERITIES = {alert: rule["labels"]["severity"] for alert, rule in ALERTS.items()}


def said(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_alert_fires_and_resolves(tmp_path: Path) -> None:
    tests = [played(group, SEVERITIES) for group in together(CASES)]
    done = play(tmp_path, tests)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_case_that_does_not_hold_is_seen_amid_the_others(tmp_path: Path) -> None:
    (group,) = [group for group in together(CASES) if group[0].alert == "PositionDrift"]
    calm = group[0]._replace(series=(group[0].series[0]._replace(wrong=0.9),))
    done = play(tmp_path, [played([calm, *group[1:]], SEVERITIES)])
    said = done.stdout + done.stderr
    assert done.returncode == 1
    assert said.count("expr:") == 1
    assert "PositionDrift" in said


def test_every_case_is_played() -> None:
    groups = together(CASES)
    assert sorted(case.alert for group in groups for case in group) == sorted(
        case.alert for case in CASES
    )
    assert [len({case.after for case in group}) for group in groups] == [1] * len(groups)


def test_the_watchdog_never_stops(tmp_path: Path) -> None:
    labels = {"alertname": "Watchdog", "alertstate": "firing"}
    firing = {"labels": selector("ALERTS", {**labels, "severity": "watchdog"}), "value": 1}
    asked = [
        {"expr": selector("ALERTS", labels), "eval_time": at, "exp_samples": [firing]}
        for at in ("0s", "10m")
    ]
    done = play(tmp_path, [{"interval": "15s", "input_series": [], "promql_expr_test": asked}])
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_has_a_case() -> None:
    assert {case.alert for case in CASES} | {"Watchdog"} == {*ALERTS}
    assert len(CASES) == len({case.alert for case in CASES})


def test_the_objectives_are_those_of_the_code() -> None:
    written = (config.RULES / "slo.yaml").read_text()
    assert written == objectives.page(), "python -m ops.monitoring.objectives > .../slo.yaml"


def test_the_rules_are_rules() -> None:
    said(program("prometheus", "promtool"), "check", "rules", *map(str, FILES))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.get("alert") or rule["record"])
def test_a_rule_names_what_there_is(rule: dict[str, Any]) -> None:
    assert unknown(rule["expr"], rule.get("annotations", {}).get("summary", "")) == set()


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_says_how_bad_it_is_and_what_to_do(name: str) -> None:
    rule = ALERTS[name]
    assert rule["labels"]["severity"] in config.SEVERITIES
    assert rule["annotations"]["runbook"] == f"ops/runbooks/{name}.md"
    assert (ROOT / rule["annotations"]["runbook"]).is_file()


@pytest.fixture
def routing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("HOOK", "http://127.0.0.1:1/secret")
    settings = MonitoringSettings(page_url="env:HOOK", slack_url="env:HOOK")
    file = tmp_path / "alertmanager.yaml"
    config.write(file, config.alertmanager(settings))
    assert file.stat().st_mode & 0o777 == 0o600
    return str(file)


def test_who_is_told(routing: str) -> None:
    amtool = program("prometheus", "amtool")
    assert "SUCCESS" in said(amtool, "check-config", routing)
    for severity in config.SEVERITIES:
        to = said(
            amtool, "config", "routes", "test", f"--config.file={routing}", f"severity={severity}"
        )
        assert to.strip() == severity
    assert "secret" not in config.show(Path("/run"), MonitoringSettings(page_url="env:HOOK"))


def test_what_silences_what_exists() -> None:
    matchers = [text for source, target, _ in config.INHIBITED for text in (source, target)]
    named = {name for text in matchers for name in re.findall(r"[A-Z][A-Za-z]+", text)}
    assert named <= {*ALERTS}
    for _, _, equal in config.INHIBITED:
        assert {*equal} <= {label for one in FIGURES for label in one.labels} | TARGET


def test_prometheus_takes_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "targets.json").write_text("[]")
    file = tmp_path / "prometheus.yaml"
    config.write(file, config.prometheus(tmp_path, "127.0.0.1:9093", 5))
    said(program("prometheus", "promtool"), "check", "config", str(file))
