"""From a fault to a page, with the real programs.

1. A small desk goes up with Prometheus and Alertmanager beside it.
2. Prometheus answers every query of the dashboards.
3. Another instance takes the place of its `market`: the desk's own is fenced and not started again.
4. The page arrives at a webhook; `tape down` ends everything.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest

from ops.stack import StackInfo, processes
from tests.ops.monitoring.test_dashboards import QUERIES, RATE
from tests.ops.test_desk import ENDS_S, NAMES, Commands
from tests.programs import program


@contextmanager
def webhook() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """An address, and the alerts that arrived there."""
    arrived: list[dict[str, Any]] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            arrived.extend(
                json.loads(self.rfile.read(int(self.headers["Content-Length"])))["alerts"]
            )
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/", arrived
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.broker
def test_a_fenced_process_pages(stack: StackInfo, tmp_path: Path, topic_prefix: str) -> None:
    for name in ("prometheus", "prometheus-alertmanager"):
        program("prometheus", name)
    commands = Commands(tmp_path, stack, topic_prefix)
    with webhook() as (url, arrived):
        commands.environment |= {
            "HOOK": url,
            "TAPE_MONITORING__PAGE_URL": "env:HOOK",
            "TAPE_MONITORING__EVERY_S": "1",
        }
        try:
            up = commands.tape("up", "--all", "--monitoring")
            assert up.returncode == 0, up.stderr
            assert processes.wait_for(lambda: seen(commands) == {*NAMES, "desk"}, ENDS_S)
            assert refused(commands) == [], "queries of the dashboards"
            with taken_over(commands):
                assert processes.wait_for(lambda: fenced(arrived) is not None, ENDS_S), arrived
            page = fenced(arrived)
            assert page is not None
            assert page["labels"]["supervised"] == "market"
            assert page["annotations"]["runbook"] == "ops/runbooks/Fenced.md"
            assert url not in processes_seen(commands), "no address on a command line"
        finally:
            commands.tape("down")
        assert not any(
            processes.find(commands.run_dir / name) for name in ("prometheus", "alertmanager")
        )


@contextmanager
def taken_over(commands: Commands) -> Iterator[None]:
    command = [sys.executable, "-m", "ops", "run", "market", "--takeover"]
    other = subprocess.Popen(command, env=commands.environment, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        other.terminate()
        other.wait(ENDS_S)


def fenced(arrived: list[dict[str, Any]]) -> dict[str, Any] | None:
    return next((one for one in arrived if one["labels"]["alertname"] == "Fenced"), None)


def seen(commands: Commands) -> set[str]:
    """The processes that Prometheus was answered by."""
    found = asked(prometheus(commands), "up == 1")
    return {one["metric"]["process"] for one in found["data"]["result"]}


def refused(commands: Commands) -> list[str]:
    """The queries of the dashboards that Prometheus cannot answer."""
    address = prometheus(commands)
    exprs = [RATE.sub("1m", expr) for expr, _ in QUERIES]
    return [expr for expr in exprs if asked(address, expr)["status"] != "success"]


def prometheus(commands: Commands) -> str:
    [address] = [row["address"] for row in rows(commands) if row["name"] == "prometheus"]
    return str(address)


def asked(address: str, query: str) -> Any:
    return httpx.get(f"http://{address}/api/v1/query", params={"query": query}).json()


def rows(commands: Commands) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(commands.tape("status", "--output", "json").stdout)
    return found


def processes_seen(commands: Commands) -> str:
    pids = [pid for row in rows(commands) for pid in row.get("pids") or []]
    return " ".join(Path(f"/proc/{pid}/cmdline").read_text() for pid in pids)
