"""The demo survives its own death.

1. A demo is killed (SIGKILL) once its pipelines run; what it started lives on without it.
2. The next demo ends all that, starts from an empty log, and comes to its verdict.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ops.settings import ROOT
from ops.stack import processes
from ops.supervisor.leftovers import folders

DEMO = (sys.executable, "-m", "ops", "demo", "--seconds", "2", "--speed", "max")
RUNS_S, WHOLE_S = 150.0, 300.0


@pytest.mark.broker
def test_a_demo_after_a_killed_one_comes_to_its_verdict(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TAPE_RUN_DIR": str(tmp_path)}
    killed = subprocess.Popen(DEMO, env=environment, stderr=subprocess.DEVNULL)
    folder = tmp_path / "demo" / "processes" / "market"
    assert processes.wait_for(lambda: bool(processes.find(folder)), RUNS_S)
    killed.kill()
    killed.wait()
    orphans = processes.find(folder)
    assert orphans
    done = subprocess.run(
        [*DEMO, "--output", "json"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=WHOLE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary["clean"]
    steps = done.stderr.splitlines()
    assert steps.index("archive the market") < steps.index("archive the log")
    files = list(Path(summary["archive"]["root"]).rglob("*.parquet"))
    assert len(files) == summary["archive"]["files"], "no pass wrote what another had"
    assert summary["topics"]["md.raw.v1"] >= 2 * summary["frames"]
    assert summary["topics"]["md.trade.v1"] > 0
    assert summary["topics"]["signal.target.v1"] > 0
    assert {"ops.clock.v1", "md.quote.v1", "strategy.epochs.v1"} <= {*summary["topics"]}
    assert summary["archive"]["records"] == sum(summary["topics"].values())
    answered = summary["answers"]
    assert sum(bar["trades"] for bar in answered["sql"]["rows"]) > 0
    assert answered["explained"] is None, "nothing was traded"
    [again], [live] = summary["replay"]["archive"], summary["replay"]["strategy"]
    assert {**again, "notes": []} == {**live, "notes": []}
    worked_in = folders(tmp_path / "demo")
    assert {"clock", "market", "strategy", "replay-market"} <= {one.name for one in worked_in}
    assert not any(map(processes.find, worked_in))
    assert not set(orphans) & set(processes.find(folder))
