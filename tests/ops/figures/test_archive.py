"""How far the archive is behind, and how full the disks are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from connectors.log.interface import Tp
from connectors.metrics import declared
from ops.figures import disk
from ops.figures.archive import ArchiveFigures
from ops.settings import Settings

TICKS, FILLS = Tp("md.trade.v1", 0), Tp("oms.order-event.v1", 2)


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def behind_s() -> Any:
    return declared.ARCHIVE_BEHIND.read()[()]


@pytest.fixture
def read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    for table in (declared.ARCHIVE_BEHIND, declared.ARCHIVE_LEFT):
        monkeypatch.setattr(table, "read", table.read)


@pytest.mark.usefixtures("read_again")
def test_the_age_is_that_of_the_last_round_that_left_nothing() -> None:
    clock = Clock()
    figures = ArchiveFigures(clock)
    clock.now_s = 160.0
    assert behind_s() == 60, "from the start on, before any round"
    assert figures.why_not_ready()
    began_s = figures.begin()
    clock.now_s = 170.0
    figures.over(began_s, {})
    assert behind_s() == 10, "what came while it read is not archived"
    assert not figures.why_not_ready()
    figures.over(figures.begin(), {TICKS: 5, Tp(TICKS.topic, 1): 2, FILLS: 1})
    clock.now_s = 180.0
    assert behind_s() == 20, "a round with a remainder does not count"
    assert declared.ARCHIVE_LEFT.read() == {(TICKS.topic,): 7, (FILLS.topic,): 1}
    figures.over(figures.begin(), {})
    assert declared.ARCHIVE_LEFT.read() == {}


def test_a_disk_is_asked_for_the_nearest_folder_that_exists(tmp_path: Path) -> None:
    settings = Settings(run_dir=tmp_path / "run")
    folders = disk.folders_of(settings)
    assert folders == {"run": tmp_path / "run", "archive": tmp_path / "run" / "archive"}
    found = disk.rows(folders, lambda folder: len(folder.parts))
    assert found == dict.fromkeys([("run",), ("archive",)], len(tmp_path.parts))
    (tmp_path / "run").mkdir()
    assert disk.existing(folders["archive"]) == tmp_path / "run"


def test_a_bucket_has_no_disk_here(tmp_path: Path) -> None:
    settings = Settings.model_validate({"run_dir": tmp_path, "archive": {"root": "s3://b/p"}})
    assert [*disk.folders_of(settings)] == ["run"]
