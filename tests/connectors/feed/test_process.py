"""`tape feed` from the outside."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import connect

ROOT = Path(__file__).parent.parent.parent.parent


@contextmanager
def feed(*args: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "ops", "feed", "--port", "0", "--output", "json", *args]
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def line(process: subprocess.Popen[str]) -> Any:
    assert process.stdout is not None
    return json.loads(process.stdout.readline())


def test_serves_reports_and_ends() -> None:
    args = ("binance_spot_btcusdt_20240808", "--seconds", "2", "--speed", "max", "--close-at-end")
    with feed(*args) as process:
        url = line(process)["urls"]["BINANCE"]
        with connect(f"{url}/stream?streams=btcusdt@trade", proxy=None) as client:
            got = [frame for frame in client if isinstance(frame, str)]
        assert process.wait(10) == 0
        assert process.stdout is not None
        last = json.loads(process.stdout.read().splitlines()[-1])
    assert last["state"] == "finished"
    assert last["sent"] == len(got) > 0
    assert all(frame.startswith('{"stream":"btcusdt@trade"') for frame in got)


def test_sigterm_ends_it() -> None:
    with feed("coinbase_advanced_20260809_sample") as process:
        assert set(line(process)["urls"]) == {"BINANCE", "BINANCE_USDM", "COINBASE"}
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("nope",), "unknown capture 'nope'"),
        (("--fault", "lost=1"), "unknown fault 'lost=1'"),
        (("--speed", "-1"), "a number above 0, or max"),
    ],
)
def test_mistakes_are_one_line_and_exit_2(args: tuple[str, ...], message: str) -> None:
    with feed(*args) as process:
        _, stderr = process.communicate(timeout=20)
        assert process.returncode == 2
        assert message in " ".join(stderr.split())
        assert "Traceback" not in stderr


def test_port_taken() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        with feed("coinbase_advanced_20260809_sample", "--port", port) as process:
            _, stderr = process.communicate(timeout=20)
            assert process.returncode == 2
            assert f"cannot listen on 127.0.0.1:{port}" in stderr


def test_list() -> None:
    with feed("--list") as process:
        out, _ = process.communicate(timeout=20)
        assert out.splitlines()[0] == "binance_spot_btcusdt_20240808"
