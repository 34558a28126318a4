"""A benchmark that is told to stop ends with everything that it started.

1. The command, while its broker starts.
2. A measurement that others wait beside.
3. A desk that a measurement, killed, left in its run's folder.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from ops import stack
from ops.bench import run
from ops.bench.run import Bench, Plan, run_bench
from ops.settings import ROOT, load
from ops.stack import processes
from ops.stack.progress import silent
from ops.supervisor.leftovers import FOLDER

FOREVER = (sys.executable, "-c", "import time; time.sleep(60)")


def test_sigterm_ends_it_with_its_broker(tmp_path: Path) -> None:
    environment = {**os.environ, "TAPE_RUN_DIR": str(tmp_path)}
    with subprocess.Popen(
        [sys.executable, "-m", "ops", "bench", "messages", "--events", "1000"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as bench:
        folder = tmp_path / "bench" / "kafka"
        assert processes.wait_for(lambda: bool(processes.find(folder)), 60.0)
        bench.send_signal(signal.SIGTERM)
        out, err = bench.communicate(timeout=60.0)
    assert (bench.returncode, out) == (130, "")
    assert err.splitlines()[-1] == "tape: interrupted"
    assert not processes.find(folder)
    assert not (tmp_path / "bench").exists()


def test_two_measurements_at_once_end_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    began: list[int] = []

    def sample(bench: Bench, name: str, command: object, prefix: str) -> Any:
        if not began:
            began.append(1)
            assert processes.wait_for(lambda: bool(run.UNDER_WAY), 60.0)
            raise KeyboardInterrupt
        return run.ended(FOREVER, tmp_path, os.environ)

    monkeypatch.setattr(Bench, "_sample", sample)
    begun_s = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        Bench(Plan(frozenset()), tmp_path, silent)._pair(10, {})
    assert time.monotonic() - begun_s < 50.0
    assert not run.UNDER_WAY


def test_a_desk_that_was_left_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left = tmp_path / "seeing01" / FOLDER / "clock"

    def interrupted(*_: object, **__: object) -> None:
        left.mkdir(parents=True)
        command = (*FOREVER, processes.marker(left))
        processes.spawn(command, left, left / "log", os.environ)
        assert processes.wait_for(lambda: bool(processes.find(left)), 60.0)
        raise KeyboardInterrupt

    monkeypatch.setattr(stack, "start", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_bench(Plan(frozenset()), load(run_dir=tmp_path), silent)
    assert not processes.find(left)
