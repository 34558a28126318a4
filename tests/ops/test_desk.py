"""The desk on one machine: `tape up --all`, its supervisor killed, `tape status`, `tape down`; and
`tape paper` on a feed that stands for the venues.

The desks here are small ones (`SMALL`); tests/chaos has the whole one.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors.feed.capture import load
from connectors.feed.server import Options
from ops.demo.play import Player
from ops.desk.paper import settings_of
from ops.desk.plan import desk
from ops.desk.prepare import desk_file, prepare, preparing
from ops.references import SettingsError
from ops.settings import ROOT, Settings, load_file
from ops.stack import StackInfo, processes
from ops.stack.progress import silent
from ops.supervisor.leftovers import folders
from tests.ops.exposed import answers, ready, shown

SMALL = """
[[desk.feeds]]
venue = "BINANCE"
symbols = ["BTCUSDT"]
lines = ["A"]
"""
NAMES = ["clock", "market", "binance-a", "strategy"]
ENDS_S = 400.0


class Commands:
    """`tape` with one settings file and one run folder, on the tests' stack."""

    def __init__(self, folder: Path, stack: StackInfo, prefix: str) -> None:
        self.run_dir = folder / "run"
        self._file = folder / "tape.toml"
        self._file.write_text(SMALL)
        self.environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "TAPE_CONFIG": str(folder / "tape.toml"),
            "TAPE_RUN_DIR": str(self.run_dir),
            "TAPE_TOPIC_PREFIX": prefix,
            "TAPE_KAFKA__BOOTSTRAP_SERVERS": stack.bootstrap_servers,
            "TAPE_REGISTRY__URL": stack.registry_url,
        }

    def set(self, section: str) -> None:
        self._file.write_text(SMALL + section)

    def tape(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "ops", *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=ENDS_S,
            check=False,
        )

    def status(self) -> dict[str, Any]:
        rows = json.loads(self.tape("status", "--output", "json").stdout)
        return {row["name"]: row for row in rows if row["name"] not in ("kafka", "registry")}


@pytest.fixture
def commands(stack: StackInfo, tmp_path: Path, topic_prefix: str) -> Iterator[Commands]:
    made = Commands(tmp_path, stack, topic_prefix)
    yield made
    made.tape("down")


def test_a_desk_goes_up_survives_and_goes_down(commands: Commands) -> None:
    up = commands.tape("up", "--all")
    assert up.returncode == 0, up.stderr
    first = commands.status()
    assert {name: row["state"] for name, row in first.items()} == dict.fromkeys(NAMES, "RUNNING")

    targets = json.loads((commands.run_dir / "targets.json").read_text())
    addresses = {one["labels"]["process"]: one["targets"][0] for one in targets}
    assert addresses == {name: row["metrics"] for name, row in first.items()} | {
        "desk": addresses["desk"]
    }
    wanted = addresses["desk"], addresses["clock"]
    assert processes.wait_for(lambda: all(map(ready, wanted)), ENDS_S)
    assert processes.wait_for(lambda: answers(addresses["market"]), ENDS_S)
    assert {"tape_process_state", "tape_clock_ticks", "tape_build_info"} <= shown(
        addresses[name] for name in ("desk", "clock", "market")
    )

    os.kill(first["clock"]["pid"], signal.SIGKILL)
    assert processes.wait_for(lambda: commands.status()["clock"]["restarts"] == 1, ENDS_S)
    assert processes.wait_for(lambda: ready(addresses["clock"]), ENDS_S), "at the same address"
    [supervisor] = processes.find(commands.run_dir / "processes" / "desk")
    os.kill(supervisor, signal.SIGKILL)
    alone = commands.tape("status")
    assert (alone.returncode, "nobody looks after these" in alone.stdout) == (1, True)

    again = commands.tape("up", "--all")
    assert again.returncode == 0, again.stderr
    second = commands.status()
    assert [row["state"] for row in second.values()] == ["RUNNING"] * len(NAMES)
    assert not {row["pid"] for row in first.values()} & {row["pid"] for row in second.values()}

    down = json.loads(commands.tape("down", "--output", "json").stdout)
    assert down["processes"] == ["desk"]
    assert len(folders(commands.run_dir)) == 1 + len(NAMES)
    assert not any(map(processes.find, folders(commands.run_dir)))

    commands.set("[market]\nstale_ms = 9000\n")
    refused = commands.tape("up", "--all")
    assert refused.returncode == 2, "its log is of another version: nothing that runs and is ready"
    assert re.search(r"market ended with exit code 2: .*--upgrade", refused.stderr), refused.stderr


@pytest.mark.broker
def test_an_interrupted_start_ends_what_it_started_and_nothing_else(commands: Commands) -> None:
    assert commands.tape("up").returncode == 0
    supervisor = commands.run_dir / "processes" / "desk"
    line = [sys.executable, "-m", "ops", "up", "--all"]
    with subprocess.Popen(
        line, env=commands.environment, stderr=subprocess.PIPE, text=True
    ) as begun:
        assert processes.wait_for(lambda: bool(processes.find(supervisor)), ENDS_S)
        begun.terminate()
        said = begun.communicate()[1]
    assert (begun.returncode, said.splitlines()[-1]) == (130, "tape: interrupted")
    assert not any(map(processes.find, folders(commands.run_dir)))
    assert all(processes.find(commands.run_dir / part) for part in ("kafka", "registry"))


def test_a_desk_without_feeds_is_refused(commands: Commands) -> None:
    Path(commands.environment["TAPE_CONFIG"]).write_text("")
    refused = commands.tape("up", "--all")
    assert (refused.returncode, "no desk is configured" in refused.stderr) == (2, True)
    assert "Traceback" not in refused.stderr
    assert not commands.run_dir.exists(), "nothing was started"


def test_paper_trading_runs_on_a_feed_and_ends_by_itself(commands: Commands) -> None:
    frames = load(["binance_spot_btcusdt_20240808"], seconds=30.0)
    with Player(frames, Options(1.0, wait_for=1)) as player:
        feed = player.urls["BINANCE"].rpartition("/")[0]
        done = commands.tape("paper", "--feed", feed, "--seconds", "8")
        assert done.returncode == 0, done.stderr
        assert player.played > 0
    assert not any(map(processes.find, folders(commands.run_dir / "paper")))


def test_the_documented_list_is_the_list() -> None:
    rows = dict(re.findall(r"^\| `([^`]+)` \| `tape ([^`]+)`", page(), re.MULTILINE))
    found = {
        "<venue>-<line>" if one.arguments[1] == "connector" else one.name: " ".join(one.arguments)
        for one in desk(load_file(desk_file("tape.toml")))
    }
    assert {*found} == {*rows}
    assert all(found[name].startswith(command) for name, command in rows.items())


def test_an_archive_is_one_of_the_processes_where_it_is_asked_for() -> None:
    settings = load_file(desk_file("tape.toml"))
    archived = settings.desk.model_copy(update={"archive": True})
    asked = settings.model_copy(update={"desk": archived})
    more = {one.name: one.arguments for one in desk(asked)}
    assert more.pop("archive") == ("archive", "--follow")
    assert more == {one.name: one.arguments for one in desk(settings)}


def page() -> str:
    return (ROOT / "docs" / "processes.md").read_text()


REAL = """
[desk]
simulated = false
live = true

[[desk.feeds]]
venue = "BINANCE"
symbols = ["BTCUSDT"]

[gateway]
caps = "CAPS"
url = "https://api.binance.com"
socket_url = "wss://ws-api.binance.com/ws-api/v3"

[[strategy.signals]]
name = "ema-cross"
uses = "ema-cross"
execution = { account = "sim-1" }
"""


def test_a_desk_at_a_real_venue_is_told_so(tmp_path: Path) -> None:
    file = tmp_path / "tape.toml"
    file.write_text(REAL.replace("CAPS", str(desk_file("caps.yaml"))))
    real, word = load_file(file), "--live"
    told = {one.name for one in desk(real) if word in one.arguments}
    assert told == {"gateway", "venue-watch"}
    file.write_text(file.read_text().replace("live = true", "live = false"))
    assert not any(word in one.arguments for one in desk(load_file(file)))


def test_a_desk_that_is_live_has_no_simulated_venue_and_paper_is_never_live(tmp_path: Path) -> None:
    file = tmp_path / "tape.toml"
    file.write_text(REAL.replace("CAPS", str(desk_file("caps.yaml"))))
    paper = settings_of(file, tmp_path, None)
    assert (paper.desk.simulated, paper.desk.live) == (True, False)
    file.write_text(file.read_text().replace("simulated = false", "simulated = true"))
    with pytest.raises(SettingsError, match="live"):
        load_file(file)


def test_what_is_prepared_stays(stack: StackInfo, topic_prefix: str, tmp_path: Path) -> None:
    settings: Settings = load_file(
        desk_file("tape.toml"),
        run_dir=tmp_path,
        topic_prefix=topic_prefix,
        kafka={"bootstrap_servers": stack.bootstrap_servers},
        registry={"url": stack.registry_url},
    )
    with preparing(settings, silent):
        assert (settings.simulated_folder / "keys.toml").is_file()
        assert control_of(settings) == [], "topics there are, decisions need schemas"
    keys = {path: path.read_bytes() for path in tmp_path.rglob("*key*") if path.is_file()}
    control = control_of(settings)
    assert {"LogCreated", "LimitsChanged", "TransferAnnounced"} == {*control}
    prepare(settings, silent)
    assert keys == {path: path.read_bytes() for path in keys}
    assert control == control_of(settings)
    secret = [path for path in keys if path.suffix != ".pub"]
    assert {path.stat().st_mode & 0o777 for path in secret} == {0o600}


def control_of(settings: Settings) -> list[str]:
    from connectors.control import decided
    from ops.processes.clients import codec_of, kafka_log

    log = kafka_log(settings)
    try:
        return [type(found.event).__name__ for found in decided(log, codec_of(settings))]
    finally:
        log.close()
