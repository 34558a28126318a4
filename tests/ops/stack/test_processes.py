"""Finding and ending the stack's own processes, and no others."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.stack import processes

FOR_EVER = "import sys; sys.stdout.write('up'); sys.stdout.flush(); sys.stdin.readline()"
DEAF = (
    "import signal, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "print('up', flush=True)\nwhile True: time.sleep(60)"
)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder for one process, ended with the test."""
    path = tmp_path / "part"
    path.mkdir()
    yield path
    processes.kill(path)


def _spawn(folder: Path, code: str = DEAF) -> int:
    command = [sys.executable, "-c", code, processes.marker(folder)]
    process = processes.spawn(command, folder, folder / "log", os.environ)
    assert processes.wait_for(lambda: "up" in (folder / "log").read_text(), 20)
    return process.pid


def test_a_process_is_found_by_its_folder_and_killed(folder: Path) -> None:
    pid = _spawn(folder)
    assert processes.find(folder) == [pid]
    assert processes.kill(folder)
    assert processes.find(folder) == []
    assert not processes.kill(folder)


def test_one_that_has_only_begun_is_found(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For a moment Linux shows no arguments of a process that was started."""
    pid = _spawn(folder)
    monkeypatch.setattr(processes, "_own_processes", lambda: iter([(pid, [""])]))
    assert processes.find(folder) == [pid]
    assert processes.kill(folder)
    assert processes.find(folder) == []


def test_one_that_ignores_the_polite_request_is_ended_after_the_grace(folder: Path) -> None:
    _spawn(folder)
    assert processes.end(folder, grace_s=0.1)
    assert processes.find(folder) == []


def test_a_stranger_lives_on_even_one_that_speaks_of_the_folder(
    folder: Path, tmp_path: Path
) -> None:
    mine = _spawn(folder)
    other = tmp_path / "part-2"
    command = [sys.executable, "-c", FOR_EVER, f"see {processes.marker(folder)}"]
    command.append(processes.marker(other))
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    ) as stranger:
        assert stranger.stdout is not None
        assert stranger.stdout.read(2) == b"up"
        assert processes.find(folder) == [mine]
        processes.end(folder, grace_s=0.1)
        assert stranger.poll() is None
        assert processes.find(other) == [stranger.pid]


def test_the_output_before_is_kept_once(folder: Path) -> None:
    _spawn(folder)
    (folder / "log").write_text("first")
    processes.kill(folder)
    _spawn(folder)
    assert (folder / "log.1").read_text() == "first"
