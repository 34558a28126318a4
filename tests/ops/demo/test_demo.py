"""The demo survives its own end.

1. A demo is interrupted (SIGINT) once its pipelines run: one line, and nothing of it is left.
2. The next one is killed (SIGKILL) there; what it started lives on without it.
3. The next demo ends all that, starts from an empty log, and comes to its verdict.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ops.settings import ROOT
from ops.stack import processes
from ops.supervisor.leftovers import folders

DEMO = (sys.executable, "-m", "ops", "demo", "--seconds", "2", "--speed", "max")
RUNS_S, WHOLE_S = 150.0, 300.0


def left(folder: Path, environment: dict[str, str], number: signal.Signals) -> tuple[int, str]:
    """A demo, given a signal once a process works in the folder: its exit code, what it said."""
    with subprocess.Popen(DEMO, env=environment, stderr=subprocess.PIPE, text=True) as demo:
        assert processes.wait_for(lambda: bool(processes.find(folder)), RUNS_S)
        demo.send_signal(number)
        _, said = demo.communicate(timeout=WHOLE_S)
    return demo.returncode, said


@pytest.mark.broker
def test_a_demo_after_interrupted_and_killed_ones_comes_to_its_verdict(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TAPE_RUN_DIR": str(tmp_path)}
    folder = tmp_path / "demo" / "processes" / "market"
    code, said = left(folder, environment, signal.SIGINT)
    assert (code, said.splitlines()[-1]) == (130, "tape: interrupted")
    parts = [tmp_path / "demo" / part for part in ("kafka", "registry")]
    assert not any(map(processes.find, [*folders(tmp_path / "demo"), *parts]))
    assert left(folder, environment, signal.SIGKILL)[0] == -signal.SIGKILL
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
