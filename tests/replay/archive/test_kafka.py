"""`tape archive` against a real broker: committed records, markers told from rows, a day trimmed,
and a process that follows.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from connectors.log.interface import OutRecord, Tp
from ops import cli
from ops.settings import ROOT
from ops.stack import StackInfo
from ops.stack.ports import HOST, free_ports
from ops.stack.processes import wait_for
from replay.archive.reader import index
from replay.archive.seam import JoinedLog
from replay.archive.source import ArchiveLog
from replay.archive.store import FolderStore
from tests.faults import cluster
from tests.ops.exposed import ready, shown
from tests.replay.archive.rig import DAY_MS, facts

CLOCK = Tp("ops.clock.v1", 0)
PATIENCE_S = 60.0


def tape(*arguments: str) -> dict[str, Any]:
    result = CliRunner().invoke(cli.build(), ["archive", *arguments, "--output", "json"])
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def records(first: int, count: int, day: int) -> list[OutRecord]:
    return [
        OutRecord(*CLOCK, b"k" if n % 3 else b"", b"%d" % n, day * DAY_MS + n, (("h", b"%d" % n),))
        for n in range(first, first + count)
    ]


def test_archive_trim_and_follow(
    stack: StackInfo, topic_prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAPE_KAFKA__BOOTSTRAP_SERVERS", stack.bootstrap_servers)
    monkeypatch.setenv("TAPE_REGISTRY__URL", stack.registry_url)
    monkeypatch.setenv("TAPE_TOPIC_PREFIX", topic_prefix)
    monkeypatch.setenv("TAPE_ARCHIVE__ROOT", str(tmp_path))
    monkeypatch.setenv("TAPE_RUN_DIR", str(tmp_path / "run"))
    log = cluster.create(stack.bootstrap_servers, topic_prefix, {CLOCK.topic: 1})
    writer = log.writer("writer")
    writer.fence()
    for day in (1, 1, 2):
        writer.begin()
        writer.send(records(log.bounds(CLOCK)[1], 20, day))
        writer.commit()
    wanted = [facts(m)[1:] for m in log.read(CLOCK, 0, log.bounds(CLOCK)[1], PATIENCE_S)]

    done = tape("--topic", CLOCK.topic)
    assert (done["rows"], done["days"]) == (60, ["1970-01-02", "1970-01-03"])
    store = FolderStore(tmp_path)
    first, second = index(store)[CLOCK]
    assert (first.start, first.end, second.end) == (0, 42, 63)  # a marker after each transaction

    trimmed = tape("--topic", CLOCK.topic, "--verify-then-trim")["trimmed"]
    assert trimmed == []  # the gateway reads the clock
    monkeypatch.setattr("replay.archive.trim.GATEWAY", "nobody")
    [gone] = tape("--topic", CLOCK.topic, "--verify-then-trim")["trimmed"]
    assert gone["upto"] == 42
    assert log.bounds(CLOCK) == (42, 63)
    joined = JoinedLog(ArchiveLog(store), log)
    assert [facts(m)[1:] for m in joined.read(CLOCK, 0, 63, PATIENCE_S)] == wanted

    command = [sys.executable, "-m", "ops", "archive", "--topic", CLOCK.topic]
    command += ["--follow", "--every", "0.1"]
    [port] = free_ports(1)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TAPE_METRICS__PORT": str(port)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as following:
        try:
            writer.begin()
            writer.send(records(63, 5, 2))
            writer.commit()
            assert wait_for(lambda: index(store)[CLOCK][-1].end == 69, PATIENCE_S)
            assert wait_for(lambda: ready(f"{HOST}:{port}"), PATIENCE_S)
            assert {"tape_archive_behind_seconds"} <= shown([f"{HOST}:{port}"])
            following.send_signal(signal.SIGTERM)
            assert following.wait(PATIENCE_S) == 0
        finally:
            following.kill()
    assert [m.offset() for m in ArchiveLog(store).read(CLOCK, 60, 69, 1.0)] == [
        60,
        61,
        *range(63, 68),
    ]
    writer.close()
    log.close()
