"""The rules as promtool plays them over made-up series."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import yaml

from ops.monitoring import config
from tests.ops.monitoring.cases import STEP_S
from tests.programs import program

FILES = sorted(config.RULES.glob("*.yaml"))


def play(folder: Path, tests: list[dict[str, Any]]) -> subprocess.CompletedProcess[str]:
    file = folder / "tests.yaml"
    found = {"rule_files": [*map(str, FILES)], "evaluation_interval": f"{STEP_S}s", "tests": tests}
    file.write_text(yaml.safe_dump(found))
    command = [program("prometheus", "promtool"), "test", "rules", str(file)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def asked(expr: str, at: int, *values: float) -> dict[str, Any]:
    """That an expression has these values, without labels, at a sample."""
    found = [{"labels": "{}", "value": value} for value in values]
    return {"expr": expr, "eval_time": f"{at * STEP_S}s", "exp_samples": found}


def firing(alert: str) -> str:
    """How many of an alert fire."""
    return f'count(ALERTS{{alertname="{alert}",alertstate="firing"}}) or vector(0)'


def holds(folder: Path, series: dict[str, str], *questions: dict[str, Any]) -> None:
    """What was asked is so over these series."""
    given = [{"series": name, "values": values} for name, values in series.items()]
    case = {"interval": f"{STEP_S}s", "input_series": given, "promql_expr_test": [*questions]}
    done = play(folder, [case])
    assert done.returncode == 0, done.stdout + done.stderr
