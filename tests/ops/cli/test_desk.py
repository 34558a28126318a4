"""`tape kill` and `tape flat` with neither log nor gateway; the venue alone decides."""

from __future__ import annotations

import asyncio
import os
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from connectors.gateway.latch import halts, latch_path
from connectors.simulated.server import VenueServer
from ops.settings import ROOT
from tests.connectors.asynchronous import run
from tests.connectors.gateway.rig import key_text
from tests.connectors.simulated.rig import Client, options, quote
from tests.nursery import Command

LIMIT_S = 60.0
WHY = ("--reason", "test", "--person", "ada")
AWAY = {"TAPE_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1", "TAPE_REGISTRY__URL": "http://127.0.0.1:1"}
KEY = {"TAPE_GATEWAY__KEY": "env:TRADING_KEY", "TRADING_KEY": key_text()}


def tape(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    with TemporaryDirectory() as folder:
        process = Command(
            arguments, {**os.environ, **AWAY, **KEY, **environment}, ROOT, Path(folder)
        )
        out, err = process.communicate(LIMIT_S)
    assert process.returncode is not None
    return subprocess.CompletedProcess(arguments, process.returncode, out, err)


def test_the_venue_is_free_of_orders_without_log_and_gateway(tmp_path: Path) -> None:
    async def main() -> None:
        async with VenueServer(options(tmp_path)) as server, Client(server) as client:
            quote(server, "99", "5", "101", "5")
            where = {"TAPE_GATEWAY__URL": server.url, "TAPE_RUN_DIR": str(tmp_path / "run")}
            await client.order("BUY", "0.1", "90")
            flat = await asyncio.to_thread(tape, "flat", **where)
            assert (flat.returncode, flat.stderr) == (0, "")
            assert flat.stdout == "nothing is open; 1 cancels\n"
            await client.order("BUY", "0.1", "90")
            killed = await asyncio.to_thread(tape, "kill", *WHY, **where)
            assert killed.returncode == 1, killed
            assert "only the latch file works" in killed.stderr
            assert [line.split()[:2] for line in killed.stdout.splitlines()] == [
                ["latch", "done"],
                ["gateway", "FAILED"],
                ["log", "FAILED"],
                ["venue", "verified"],
            ]
            assert not server.venue.exchange.open_orders("desk", None)

    run(main(), 2 * LIMIT_S)
    [halt] = halts(latch_path(tmp_path / "run"))
    assert (halt.scope, halt.person, halt.reason) == ((None, None, None), "ada", "test")


def test_a_venue_that_does_not_answer_is_an_alarm(tmp_path: Path) -> None:
    where = {"TAPE_GATEWAY__URL": "http://127.0.0.1:1", "TAPE_RUN_DIR": str(tmp_path)}
    found = tape("flat", "--within", "1", **where)
    assert found.returncode == 1
    [alarm] = [line for line in found.stderr.splitlines() if "ALARM" in line]
    assert alarm.startswith("tape: ALARM: ")
    assert "what is open is not known" in alarm
    assert "Traceback" not in found.stderr


def test_without_a_key_the_other_paths_are_tried_and_the_alarm_names_it(tmp_path: Path) -> None:
    found = tape("kill", *WHY, TAPE_RUN_DIR=str(tmp_path), TAPE_GATEWAY__KEY="env:NOT_THERE")
    assert found.returncode == 1
    assert "NOT_THERE" in found.stderr
    assert len(halts(latch_path(tmp_path))) == 1


def test_a_decision_without_a_reason_is_refused(tmp_path: Path) -> None:
    found = tape("resume", "--reason", " ", "--person", "ada", TAPE_RUN_DIR=str(tmp_path))
    assert found.returncode == 2
    assert found.stderr == "tape: it needs a person and a reason: --person NAME --reason TEXT\n"
