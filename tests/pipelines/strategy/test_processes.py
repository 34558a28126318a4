"""The same bits from every process: other threads, other hash seeds, other cuts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.pipelines.strategy.digest import digest

ROOT = Path(__file__).parents[3]
RUNS = ((1, 0, 3_000), (2, 0, 3_000), (2, 12_345, 700), (1, 1, 450))


def start(threads: int, seed: int, size: int) -> subprocess.Popen[str]:
    variables = {"POLARS_MAX_THREADS": str(threads), "PYTHONHASHSEED": str(seed)}
    return subprocess.Popen(
        [sys.executable, "-m", "tests.pipelines.strategy.digest", str(size)],
        cwd=ROOT,
        env={**os.environ, **variables},
        stdout=subprocess.PIPE,
        text=True,
    )


def test_threads_seeds_and_cuts_change_no_bit() -> None:
    here = digest(1_000)
    for run in RUNS:
        process = start(*run)
        found = process.communicate()[0].strip()
        assert process.returncode == 0
        assert found == here, f"threads, seed, cut: {run}"
