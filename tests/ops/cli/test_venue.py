"""`tape venue` from the outside: serves, ends on a signal, says what is wrong in one line."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from connectors.simulated.keys import load_accounts
from ops.settings import ROOT
from tests.connectors.simulated.rig import KEYS, SECRET
from tests.nursery import Command


def _arguments(folder: Path, *more: str) -> list[str]:
    path = folder / "keys.toml"
    path.write_text(KEYS)
    ports = [] if "--port" in more else ["--port", "0"]
    return ["venue", "--keys-file", str(path), *ports, "--admin-port", "0", *more]


def _venue(folder: Path, *more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "ops", *_arguments(folder, *more)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("ends", [signal.SIGTERM, signal.SIGINT])
def test_serves_and_ends_on_a_signal(tmp_path: Path, ends: signal.Signals) -> None:
    with _venue(tmp_path, "--state", str(tmp_path / "state")) as process:
        assert process.stdout is not None
        urls = dict(process.stdout.readline().split() for _ in range(3))
        assert set(urls) == {"orders", "streams", "faults"}
        assert httpx.get(f"{urls['orders']}/api/v3/ping", timeout=10).json() == {}
        process.send_signal(ends)
        out, err = process.communicate(timeout=20)
        assert process.returncode == 0
        assert not err
        assert SECRET not in out


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--capture", "nope"], "unknown capture 'nope'"),
        (["--speed", "0", "--capture", "nope"], "a number above 0, or max"),
        (["--maker-fee", "2"], "a fee of 2: a rate from 0 to below 1"),
        (["--keys-file", "/nowhere"], "keys file /nowhere: No such file"),
        (["--new-keys"], "keys.toml: File exists"),
        (["--follow", "--capture", "x"], "either --follow or --capture"),
        (["--follow"], "no stack runs in"),
        (["--state", "/dev/null/x"], "cannot keep state in /dev/null/x"),
    ],
)
def test_mistakes_are_one_line_and_exit_2(tmp_path: Path, more: list[str], message: str) -> None:
    arguments = _arguments(tmp_path, *more)
    process = Command(arguments, os.environ, ROOT, tmp_path)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 2
    assert message in " ".join(err.replace("│", "").split())
    assert "Traceback" not in err
    assert SECRET not in out + err


def test_new_keys_say_where_they_are_and_nothing_of_what_they_are(tmp_path: Path) -> None:
    file = tmp_path / "new.toml"
    process = Command(["venue", "--keys-file", str(file), "--new-keys"], os.environ, ROOT, tmp_path)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert out == f"{file}: an account, a key that trades and one that only reads\n"
    [account] = load_accounts(file)
    assert account.balances


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        with _venue(tmp_path, "--port", port) as process:
            _, err = process.communicate(timeout=20)
    assert process.returncode == 2
    assert f"cannot listen on 127.0.0.1:{port}" in err
