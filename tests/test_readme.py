"""Every command of the README is run: make targets by CI, the walk-through here.

1. The commands between the fences are collected.
2. Those that this file does not know fail the test: a new one must be added here, and so be run.
3. The walk-through is run as it stands, as one shell script, with a run folder of its own.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from ops.settings import ROOT

README = (ROOT / "README.md").read_text()
BLOCKS = [block.strip() for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL)]
RUN_BY_CI = {"make demo", "make test"}
WALK_THROUGH_S = 150


def test_the_readme_has_two_blocks_of_commands() -> None:
    assert set(BLOCKS[0].splitlines()) == RUN_BY_CI
    assert len(BLOCKS) == 2


def test_every_make_target_named_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"`make ([a-z]+)`", README)) <= targets


def test_every_command_of_the_table_exists() -> None:
    named = set(re.findall(r"`tape ([a-z]+)", README))
    listing = subprocess.run(
        [ROOT / "tape", "--help"], capture_output=True, text=True, check=True
    ).stdout
    assert {
        name for name in named if not re.search(rf"^\s+{name}\b", listing, re.MULTILINE)
    } == set()


@pytest.mark.broker
def test_the_walk_through_runs_as_it_stands(tmp_path: Path) -> None:
    # A user's shell keeps jobs by default; a script needs -m for `kill $(jobs -p)` to reach them.
    script = "set -e -o pipefail\n" + BLOCKS[1].replace("; wait", "; wait || true")
    environment = {**os.environ, "TAPE_RUN_DIR": str(tmp_path / "run")}
    with subprocess.Popen(
        ["bash", "-c", script],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as shell:
        try:
            output, _ = shell.communicate(timeout=WALK_THROUGH_S)
        finally:
            if shell.poll() is None:
                os.killpg(shell.pid, signal.SIGKILL)
            down = f"{ROOT}/tape", "down"
            subprocess.run(down, env=environment, check=False, capture_output=True)
    assert shell.returncode == 0, output[-4000:]
    assert output.count('"event": "TargetChanged"') == 5, output[-4000:]
    assert re.search(r"market-0: \d+ epochs .*: 0 differences", output), output[-4000:]
    assert re.search(r"strategy-0: \d+ epochs .*: 0 differences", output), output[-4000:]
