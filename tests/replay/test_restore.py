"""The log is lost, the archive is left: the runbook's way, by its commands.

1. With nobody at the broker's address the archive answers by itself: verified, asked, explained,
   its time line told.
2. A new log begins: topics, schemas, limits. The old archive refuses it; another place takes it.
3. The new log's own time line begins with its own beginning, and the old history stays as it was.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from connectors.signing import make_key
from ops.cli import build
from ops.desk.prepare import desk_file
from ops.stack import StackInfo
from replay.archive.store import FolderStore
from replay.verify.signature import sign_days

NOBODY = "127.0.0.1:1"
CONTROL = "ops.control.v1"
BEGUN = {"LogCreated", "LimitsChanged"}


class Tape:
    """`tape` in this process, as its environment says."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._set = monkeypatch.setenv
        self._runner, self._app = CliRunner(), build()

    def set(self, **values: object) -> None:
        for name, value in values.items():
            self._set(f"TAPE_{name}", str(value))

    def run(self, *arguments: str) -> Result:
        return self._runner.invoke(self._app, list(arguments))

    def json(self, *arguments: str) -> Any:
        found = self.run(*arguments, "--output", "json")
        assert found.exit_code == 0, found.output
        return json.loads(found.stdout)


@pytest.fixture
def tape(monkeypatch: pytest.MonkeyPatch) -> Tape:
    return Tape(monkeypatch)


def contents(root: Path) -> dict[str, bytes]:
    return {str(one.relative_to(root)): one.read_bytes() for one in root.rglob("*.parquet")}


@pytest.mark.broker
def test_a_lost_log_leaves_its_history_and_another_begins(
    tape: Tape, traded_root: Path, stack: StackInfo, topic_prefix: str, tmp_path: Path
) -> None:
    old, key = tmp_path / "old", tmp_path / "key.pem"
    shutil.copytree(traded_root, old)
    make_key(key)
    sign_days(FolderStore(old), key.read_bytes())
    tape.set(RUN_DIR=tmp_path / "run", ARCHIVE__ROOT=old)
    tape.set(KAFKA__BOOTSTRAP_SERVERS=NOBODY, REGISTRY__URL=f"http://{NOBODY}")

    verified = tape.run("verify", "--public-key", f"{key}.pub")
    assert (verified.exit_code, "the day is not closed" in verified.output) == (1, True)
    asked = "SELECT cl_ord_id FROM orders WHERE fill_count > 0 LIMIT 1"
    [order] = tape.json("sql", asked)
    assert tape.json("explain", order["cl_ord_id"])["steps"]
    history = tape.json("timeline", "--source", "archive")
    assert {"Started", "GatewayReady", "BreakFound"} <= {one["what"] for one in history["moments"]}

    tape.set(TOPIC_PREFIX=topic_prefix, KAFKA__BOOTSTRAP_SERVERS=stack.bootstrap_servers)
    tape.set(REGISTRY__URL=stack.registry_url)
    for command in (("topics", "apply"), ("schemas", "register")):
        done = tape.run(*command)
        assert done.exit_code == 0, done.output
    limits = desk_file("limits.yaml")
    done = tape.run("limits", "set", str(limits), "--person", "ada", "--reason", "a new log")
    assert done.exit_code == 0, done.output
    assert {one["what"] for one in tape.json("timeline")["moments"]} == BEGUN
    before = contents(old)
    refused = tape.run("archive", "--topic", CONTROL)
    assert refused.exit_code == 2
    assert "this is another log, which needs another archive" in refused.output
    assert contents(old) == before

    tape.set(ARCHIVE__ROOT=tmp_path / "new")
    assert tape.json("archive", "--topic", CONTROL)["rows"] == len(BEGUN)
    assert contents(old) == before
    begun = tape.json("timeline", "--source", "archive")
    assert {one["what"] for one in begun["moments"]} == BEGUN
    assert begun["counts"] == []
