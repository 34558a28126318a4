"""What compose.yaml mounts, from the same code that `tape up --monitoring` is configured by.

`python -m ops.monitoring.provisioned` writes the files; a test keeps both equal.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import yaml

from ops.monitoring import config
from ops.settings import ROOT, MonitoringSettings

FOLDER: Final = ROOT / "ops" / "monitoring"
RUN_DIR: Final = Path("/run/tape")
RULES: Final = Path("/etc/prometheus/rules")
DASHBOARDS: Final = Path("/var/lib/tape/dashboards")
ALERTMANAGER, PROMETHEUS = "127.0.0.1:9093", "127.0.0.1:9090"
SOURCE_UID: Final = "prometheus"  # by this name dashboards ask
EVERY_S: Final = 5
HEAD: Final = "# Written by `python -m ops.monitoring.provisioned`.\n"


def files() -> dict[Path, str]:
    """The text of each file."""
    found = {
        "compose/prometheus.yaml": config.prometheus(RUN_DIR, ALERTMANAGER, EVERY_S, RULES),
        "compose/alertmanager.yaml": config.alertmanager(MonitoringSettings()),
        "grafana/datasources/prometheus.yaml": source(),
        "grafana/dashboards/tape.yaml": provider(),
    }
    return {
        FOLDER / name: HEAD + yaml.safe_dump(one, sort_keys=False) for name, one in found.items()
    }


def source() -> dict[str, Any]:
    one = {
        "name": "Prometheus",
        "uid": SOURCE_UID,
        "type": "prometheus",
        "access": "proxy",
        "url": f"http://{PROMETHEUS}",
        "isDefault": True,
        "jsonData": {"timeInterval": f"{EVERY_S}s"},
    }
    return {"apiVersion": 1, "datasources": [one]}


def provider() -> dict[str, Any]:
    one = {
        "name": "tape",
        "folder": "Tape",
        "type": "file",
        "disableDeletion": True,
        "options": {"path": str(DASHBOARDS)},
    }
    return {"apiVersion": 1, "providers": [one]}


if __name__ == "__main__":
    for file, text in files().items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
