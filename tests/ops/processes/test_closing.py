"""`tape backtest --arrivals`: a live run again, link by link and as one loop, from its archive.

1. Every link is equal, and so is the loop.
2. A decision of the venue that was changed since is a finding of those who compare it.
3. What cannot be run again is one line.
"""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from typer.testing import CliRunner, Result

from connectors.simulated.arrivals import FileArrivals
from connectors.simulated.journal import Events, FileJournal
from ops import cli
from ops.desk.prepare import desk_file
from pipelines.matching.model import OrderTraded
from replay.archive.run import archive
from replay.archive.store import FolderStore
from tests.replay.backtest.live import Lived, lived
from tests.replay.backtest.market import CODEC
from tests.replay.backtest.test_run import setting

LINKS = (
    *("orders received", "venue decisions", "execution reports", "order events of sim-1"),
    *("decisions of risk-0", "decisions of strategy-0"),
)
LOOP = ("loop: risk-0", "loop: strategy-0", "loop: venue", "loop: order events of sim-1")


class Left(NamedTuple):
    """What a run in memory left behind, and where it lies as a desk leaves it."""

    life: Lived
    folder: Path

    @property
    def state(self) -> Path:
        return self.folder / "state"


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Left:
    life, folder = lived(setting(), 8.0), tmp_path_factory.mktemp("closing")
    topics = sorted({tp.topic for tp in life.log.partitions})
    archive(life.log, CODEC, FolderStore(folder / "archive"), topics)
    arrivals = FileArrivals(folder / "state")
    for one in life.arrivals:
        arrivals.note(one)
    arrivals.close()
    journal(folder / "state", life.journal)
    return Left(life, folder)


def journal(state: Path, decisions: list[Events]) -> None:
    async def written() -> None:
        async with FileJournal(state) as kept:
            for one in decisions:
                kept.append(one)

    asyncio.run(written())


@pytest.fixture
def tape(left: Left, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("TAPE_ARCHIVE__ROOT", str(left.folder / "archive"))
    monkeypatch.setenv("TAPE_RUN_DIR", str(left.folder / "run"))

    def run(state: Path, *more: str) -> Result:
        config = str(desk_file("tape.toml"))
        command = ["backtest", config, "--arrivals", str(state), "--source", "archive", *more]
        return CliRunner().invoke(cli.build(), command)

    return run


def test_a_live_run_is_equal_link_by_link_and_as_one_loop(left: Left, tape: Any) -> None:
    done = tape(left.state, "--output", "json")
    assert done.exit_code == 0, done.output
    found = {one["name"]: one for one in json.loads(done.stdout)}
    assert tuple(found) == (*LINKS, *LOOP)
    assert all(one["clean"] and one["compared"] >= 5 for one in found.values()), found
    assert all(found[name]["recorded"] == found[name]["again"] for name in LOOP)


def test_a_decision_that_was_changed_since_is_a_finding(
    left: Left, tape: Any, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    shutil.copytree(left.state, state)
    (state / "journal.jsonl").unlink()
    decisions = [[_dearer(event) for event in events] for events in left.life.journal]
    assert decisions != left.life.journal
    journal(state, decisions)
    done = tape(state, "--output", "json")
    assert done.exit_code == 1, done.output
    differ = {one["name"] for one in json.loads(done.stdout) if not one["clean"]}
    assert differ == {"venue decisions", "loop: venue"}


def _dearer(event: Any) -> Any:
    if isinstance(event, OrderTraded):
        return msgspec.structs.replace(event, last_px=event.last_px + 1)
    return event


def test_what_cannot_be_run_again_is_one_line(left: Left, tape: Any, tmp_path: Path) -> None:
    nothing = tape(tmp_path / "nowhere")
    assert (nothing.exit_code, nothing.stderr.splitlines()[-1]) == (
        2,
        f"tape: {tmp_path / 'nowhere'} is no venue's state folder",
    )
    other = tape(left.state, "--archive", str(tmp_path))
    assert (other.exit_code, "--archive is none of it" in other.output) == (2, True)
