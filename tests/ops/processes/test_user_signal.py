"""A user's own signal on the log, as docs/signals.md says; a changed one is another version."""

from __future__ import annotations

import os
import subprocess
import uuid
from pathlib import Path

from ops.init import create
from ops.settings import ROOT
from ops.stack import StackInfo
from tests.ops.processes.desk import Desk

STRATEGY = ("md.trade.v1", "md.quote.v1")


def test_a_users_signal_runs_and_replays_on_the_log(stack: StackInfo, tmp_path: Path) -> None:
    desk = Desk(stack, f"t{uuid.uuid4().hex[:8]}.", tmp_path)
    try:
        desk.produce(seconds=30.0)
        desk.run_until_drained("market", "--from", "earliest", inputs=("md.raw.v1",))
        create(tmp_path / "mydesk", ROOT)
        del desk.environment["TAPE_CONFIG"]
        desk.folder = tmp_path / "mydesk"
        desk.run_until_drained("strategy", "--from", "earliest", inputs=STRATEGY)
        targets = desk.tape("tail", "signal.target.v1").out
        assert '"strategy": "momentum"' in targets
        replayed = make(desk, "replay")
        assert replayed.returncode == 0, replayed.stderr
        assert "0 differences" in replayed.stdout
        signals = desk.folder / "signals.py"
        signals.write_text(signals.read_text() + "\n# another version\n")
        refused = make(desk, "run")
        assert refused.returncode != 0
        assert "--upgrade carry" in refused.stderr
    finally:
        desk.close()


def make(desk: Desk, target: str) -> subprocess.CompletedProcess[str]:
    environment = {**desk.environ(), "TAPE_HOME": os.fspath(ROOT)}
    return subprocess.run(
        ["make", target],
        cwd=desk.folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
