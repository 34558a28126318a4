"""The demo's stage as a supervisor: what asks to be restarted is, what failed is named."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from ops.demo.stage import ProcessFailed, Stage
from ops.stack import processes


class Scripted(Stage):
    """Runs Python code instead of a command of Tape."""

    def start(self, name: str, *arguments: str) -> None:
        folder = self._of(name)
        folder.mkdir(exist_ok=True)
        self._arguments[name] = arguments
        command = [sys.executable, "-X", processes.marker(folder), "-c", *arguments]
        self._running[name] = processes.spawn(command, folder, folder / f"{name}.log", {})

    def ended(self, name: str) -> bool:
        return processes.wait_for(lambda: self._running[name].poll() is not None, 20)


ONCE = """
import pathlib, time
here = pathlib.Path("ran")
if here.exists():
    time.sleep(60)
here.touch()
raise SystemExit(72)
"""


def test_an_unknown_outcome_is_restarted(tmp_path: Path) -> None:
    with Scripted(tmp_path) as stage:
        stage.start("market", ONCE)
        assert stage.ended("market")
        stage.check()
        stage.check()
        assert stage.restarts == 1


@pytest.mark.parametrize("code", [0, 1, 2, 70])
def test_any_other_end_is_a_failure_with_its_last_line(tmp_path: Path, code: int) -> None:
    with Scripted(tmp_path) as stage:
        stage.start("market", f"print('said last'); raise SystemExit({code})")
        assert stage.ended("market")
        with pytest.raises(ProcessFailed, match=f"exit code {code}: said last"):
            stage.check()
