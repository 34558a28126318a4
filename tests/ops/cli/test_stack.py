"""`tape up | down | status | config` as a person meets them.

1. `up` is told to stop while it formats the broker's storage: nothing is left running.
2. `up` is killed there: the next one finishes its work; what Java unpacks lies in the run folder.
3. Both parts are killed and a stranger takes the registry's port: `up` moves, the stranger stays.
4. `down` ends both parts; `status` says so by its exit code.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ops import stack as local_stack
from ops.stack import processes
from ops.stack.ports import HOST, Wanted, choose, is_taken


def _command(run_dir: Path, *arguments: str) -> tuple[list[str], dict[str, str]]:
    line = [sys.executable, "-m", "ops", *arguments]
    return line, {**os.environ, "TAPE_RUN_DIR": str(run_dir)}


def _tape(
    run_dir: Path, *arguments: str, code: int = 0, **more: str
) -> subprocess.CompletedProcess[str]:
    line, environment = _command(run_dir, *arguments)
    done = subprocess.run(
        line, env={**environment, **more}, capture_output=True, text=True, check=False
    )
    assert done.returncode == code, done.stderr
    return done


def _json(run_dir: Path, *arguments: str, code: int = 0) -> Any:
    return json.loads(_tape(run_dir, *arguments, "--output", "json", code=code).stdout)


@pytest.fixture
def free_ports() -> dict[str, str]:
    """Ports for a stack beside the user's own."""
    ports = choose(Wanted(), None, local_stack.FREE)
    return {f"TAPE_STACK__{name.upper()}_PORT": str(port) for name, port in ports._asdict().items()}


@pytest.mark.broker
def test_up_finishes_what_a_crash_left_and_down_ends_it(
    tmp_path: Path, free_ports: dict[str, str]
) -> None:
    run_dir = tmp_path / "run"
    try:
        code, said = _left_while_it_formats(run_dir, free_ports, signal.SIGTERM)
        assert (code, said.splitlines()[-1]) == (130, "tape: interrupted")
        parts = [run_dir / "kafka", run_dir / "kafka" / "data.new", run_dir / "registry"]
        assert not any(map(processes.find, parts))

        shutil.rmtree(run_dir / "kafka" / "data")  # the formatting came to its end
        _left_while_it_formats(run_dir, free_ports, signal.SIGKILL)
        up = _json(run_dir, "up")
        assert up["bootstrap_servers"].endswith(free_ports["TAPE_STACK__KAFKA_PORT"])
        assert list((run_dir / "registry" / "tmp").iterdir())

        for part in _json(run_dir, "status"):
            os.kill(part["pids"][0], signal.SIGKILL)
        port = int(free_ports["TAPE_STACK__REGISTRY_PORT"])
        assert processes.wait_for(lambda: not is_taken(port), 10)
        _stranger_takes(port, run_dir, up)
    finally:
        local_stack.stop(run_dir)


def _left_while_it_formats(
    run_dir: Path, ports: dict[str, str], number: signal.Signals
) -> tuple[int, str]:
    """`tape up`, given a signal: its exit code, and what it said."""
    line, environment = _command(run_dir, "up")
    formatter = run_dir / "kafka" / "data.new"
    with subprocess.Popen(
        line, env={**environment, **ports}, stderr=subprocess.PIPE, text=True
    ) as begun:
        assert processes.wait_for(lambda: bool(processes.find(formatter)), 60)
        begun.send_signal(number)
        said = begun.communicate()[1]
    return begun.returncode, said


def _stranger_takes(port: int, run_dir: Path, up: dict[str, str]) -> None:
    with socket.socket() as stranger:
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        stranger.bind((HOST, port))
        stranger.listen()
        refused = _tape(run_dir, "up", code=2, TAPE_STACK__REGISTRY_PORT=str(port))
        assert f"port {port} (registry) is taken" in refused.stderr
        moved = _json(run_dir, "up")
        assert moved["bootstrap_servers"] == up["bootstrap_servers"]
        assert moved["registry_url"] != up["registry_url"]
        assert _json(run_dir, "down") == {"ended": True, "processes": []}
        assert _json(run_dir, "down") == {"ended": False, "processes": []}
        assert [part["pids"] for part in _json(run_dir, "status", code=1)] == [[], []]


def test_files_that_cannot_be_fetched_are_one_clear_line(tmp_path: Path) -> None:
    done = _tape(
        tmp_path / "run",
        "up",
        code=2,
        TAPE_CACHE=str(tmp_path / "cache"),
        TAPE_STACK__MAVEN_REPOSITORY="http://127.0.0.1:1",
    )
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("tape: cannot fetch http://127.0.0.1:1/")
    assert "Traceback" not in done.stderr


def test_status_of_nothing_says_so(tmp_path: Path) -> None:
    assert "no stack" in _tape(tmp_path / "run", "status", code=1).stdout


def test_config_prints_what_is_in_force(tmp_path: Path) -> None:
    done = _tape(tmp_path, "config", TAPE_KAFKA__OPTIONS__SASL_PASSWORD="hidden")
    assert str(tmp_path) in done.stdout
    assert "hidden" not in done.stdout
    assert "kafka.options.sasl.password" in done.stdout
