"""`compose.yaml` runs what `tape up` runs: versions and broker settings are compared.

Monitoring finds what is mounted: no Docker runs here, so paths and flags are followed by hand.
"""

import re
from pathlib import Path
from typing import Any

import yaml

from ops.monitoring import provisioned, run
from ops.monitoring.dashboards.pages import FOLDER, pages
from ops.monitoring.dashboards.parts import SOURCE
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


MONITORING = ("prometheus", "alertmanager", "grafana")


def _mounts(name: str) -> dict[str, str]:
    """By place in the container, where it comes from; the run folder's place is the user's."""
    pairs = (one.removesuffix(":ro").rsplit(":", 1) for one in _services()[name]["volumes"])
    return {inside: outside for outside, inside in pairs}


def test_what_is_mounted_exists_or_is_a_volume() -> None:
    volumes = yaml.safe_load((ROOT / "compose.yaml").read_text())["volumes"]
    for name in MONITORING:
        for outside in _mounts(name).values():
            known = outside in volumes or outside == "${TAPE_RUN_DIR:-./.run}"
            assert known or (ROOT / outside).exists(), outside


def test_what_is_mounted_is_what_the_code_gives() -> None:
    for file, text in provisioned.files().items():
        assert file.read_text() == text, "python -m ops.monitoring.provisioned"


def test_what_is_stored_reaches_back_as_far_as_the_promises(tmp_path: Path) -> None:
    flag = f"--storage.tsdb.retention.time={run.RETENTION}"
    assert flag in _services()["prometheus"]["command"]
    assert flag in run._arguments(tmp_path / "prometheus", "127.0.0.1:9090")
    asked = [int(days) for text in pages().values() for days in re.findall(r"\[(\d+)d\]", text)]
    assert int(run.RETENTION.removesuffix("d")) > max(asked) == 30


def test_programs_read_what_is_mounted() -> None:
    for name in ("prometheus", "alertmanager"):
        flags = dict(one.split("=", 1) for one in _services()[name]["command"])
        assert flags["--config.file"] in _mounts(name)
        storage = flags.get("--storage.tsdb.path") or flags["--storage.path"]
        assert _mounts(name)[storage] == name
    places = {str(provisioned.RULES): "./ops/monitoring/rules", str(provisioned.RUN_DIR): ""}
    assert {*places} <= {*_mounts("prometheus")}
    assert _mounts("prometheus")[str(provisioned.RULES)] == places[str(provisioned.RULES)]


def test_monitoring_listens_on_loopback_where_the_others_ask() -> None:
    services = _services()
    for name, address in (
        ("prometheus", provisioned.PROMETHEUS),
        ("alertmanager", provisioned.ALERTMANAGER),
    ):
        assert f"--web.listen-address={address}" in services[name]["command"]
        assert address.startswith("127.0.0.1:")
    assert services["grafana"]["environment"]["GF_SERVER_HTTP_ADDR"] == "127.0.0.1"


def test_grafana_finds_its_source_and_its_dashboards() -> None:
    mounts = _mounts("grafana")
    assert mounts["/etc/grafana/provisioning"] == "./ops/monitoring/grafana"
    assert ROOT / mounts[str(provisioned.DASHBOARDS)] == FOLDER
    home = Path(_services()["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert (home.parent, home.name in pages()) == (provisioned.DASHBOARDS, True)
    [source] = provisioned.source()["datasources"]
    assert (source["uid"], source["type"]) == (SOURCE.uid, SOURCE.type_val)
    folders = {file.parent.name for file in provisioned.files() if "grafana" in file.parts}
    assert folders == {"datasources", "dashboards"}, "the names that Grafana looks for"
