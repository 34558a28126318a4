"""An archiver dies anywhere and is started again: the files are those of one that never died.

1. Every other change to the archive, in turn, is the one before which the archiver dies.
2. The next run over the same log finishes; every file is compared, byte for byte.
3. SIGKILL in a process of its own, with another hash seed and one thread, at some of them.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ops.settings import ROOT
from replay.archive.run import archive
from replay.archive.store import FolderStore
from tests.connectors.epochs import toy
from tests.replay.archive.crash import ROUNDS, DyingStore, Killed, log_after
from tests.replay.archive.rig import TOPICS, bytes_of


@pytest.fixture(scope="module")
def wanted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("wanted")
    archive(log_after(ROUNDS), toy.CODEC, FolderStore(folder), TOPICS)
    return bytes_of(folder)


def test_a_death_anywhere_leaves_what_another_run_finishes(
    tmp_path: Path, wanted: dict[str, bytes]
) -> None:
    before, after = log_after(ROUNDS - 1), log_after(ROUNDS)
    deaths = 0
    while True:
        folder = tmp_path / f"{deaths}"
        archive(before, toy.CODEC, FolderStore(folder), TOPICS)
        try:
            archive(after, toy.CODEC, DyingStore(folder, deaths), TOPICS)
        except Killed:
            archive(after, toy.CODEC, FolderStore(folder), TOPICS)
            assert bytes_of(folder) == wanted, f"dead before change {deaths}"
            deaths += 7  # `make soak` dies before each one
            continue
        break
    assert deaths > 30


@pytest.mark.parametrize("dies_at", [60])
def test_a_killed_process_and_another_one(
    tmp_path: Path, wanted: dict[str, bytes], dies_at: int
) -> None:
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PYTHONHASHSEED": str(dies_at),
        "POLARS_MAX_THREADS": "1",
    }
    command = [sys.executable, "-m", "tests.replay.archive.crash", str(tmp_path)]
    died = subprocess.run([*command, str(dies_at)], env=environment, check=False)
    assert died.returncode == -signal.SIGKILL
    assert bytes_of(tmp_path) != wanted
    subprocess.run(command, env=environment, check=True)
    assert bytes_of(tmp_path) == wanted
