"""What Alertmanager itself silences, by the configuration that is shipped.

1. A process that is fenced or refused silences that it does not answer, and of no other process.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from ops.monitoring import config
from ops.settings import MonitoringSettings
from ops.stack import processes
from ops.stack.ports import HOST, free_ports
from tests.ops.monitoring.cases import CASES
from tests.programs import program

START_S = 30.0
SAID_S = 5.0
FIRES = {case.alert: case.fires for case in CASES}


@pytest.fixture
def alertmanager(tmp_path: Path) -> Iterator[str]:
    """Its address."""
    path = program("prometheus", "prometheus-alertmanager", "alertmanager")
    config.write(tmp_path / "config.yaml", config.alertmanager(MonitoringSettings()))
    address = f"{HOST}:{free_ports(1)[0]}"
    files = [f"--config.file={tmp_path / 'config.yaml'}", f"--storage.path={tmp_path / 'data'}"]
    command = [path, *files, f"--web.listen-address={address}", "--cluster.listen-address="]
    running = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        assert processes.wait_for(lambda: answers(address), START_S)
        yield address
    finally:
        running.terminate()
        running.wait(START_S)


def answers(address: str) -> bool:
    try:
        return httpx.get(f"http://{address}/-/ready").is_success
    except httpx.HTTPError:
        return False


def silenced(address: str, alerts: list[dict[str, str]]) -> list[dict[str, str]]:
    """Those of the alerts that another one silences, of which there are some."""
    url = f"http://{address}/api/v2/alerts"
    httpx.post(url, json=[{"labels": labels} for labels in alerts]).raise_for_status()

    def found() -> list[dict[str, str]]:
        shown: list[dict[str, Any]] = httpx.get(url).json()
        return [one["labels"] for one in shown if one["status"]["inhibitedBy"]]

    assert processes.wait_for(lambda: bool(found()), SAID_S)
    return found()


def down(process: str) -> dict[str, str]:
    return {**FIRES["ProcessDown"], "alertname": "ProcessDown", "process": process}


@pytest.mark.parametrize("explains", ["Fenced", "ProcessRefused", "DigestMismatch"])
def test_a_refused_process_silences_itself_alone(alertmanager: str, explains: str) -> None:
    told = {**FIRES[explains], "alertname": explains}
    market, gateway = down("market"), down("gateway")
    assert silenced(alertmanager, [told, market, gateway]) == [market]
