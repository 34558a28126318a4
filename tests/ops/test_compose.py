"""`compose.yaml` runs what `tape up` runs: versions and broker settings are compared."""

from pathlib import Path
from typing import Any

import yaml

from ops.settings import ROOT
from ops.stack import pin
from ops.stack.broker import properties
from ops.stack.ports import DEFAULT

# what belongs to the place and the machine
OWN_PLACE = (
    "process.roles",
    "listeners",
    "advertised.listeners",
    "controller.quorum.bootstrap.servers",
    "log.dirs",
    "num.network.threads",
    "num.io.threads",
)


def _services() -> Any:
    return yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]


def test_versions_are_those_of_the_local_stack() -> None:
    services = _services()
    assert services["kafka"]["image"].partition(":")[2] == pin.KAFKA.rpartition(":")[2]
    assert services["registry"]["image"].partition(":")[2] == pin.REGISTRY.split("/")[-2]


def test_broker_settings_are_those_of_the_local_stack() -> None:
    environment = _services()["kafka"]["environment"]
    for name, value in properties(DEFAULT, Path("/data")).items():
        if name not in OWN_PLACE:
            assert environment[f"KAFKA_{name.upper().replace('.', '_')}"] == str(value)


def test_ports_are_the_defaults_on_loopback() -> None:
    services = _services()
    assert services["kafka"]["ports"] == [f"127.0.0.1:{DEFAULT.kafka}:{DEFAULT.kafka}"]
    assert services["registry"]["ports"] == [f"127.0.0.1:{DEFAULT.registry}:8080"]
