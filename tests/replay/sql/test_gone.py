"""What was archived and is gone is told to whoever asks for it, and to nobody else."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from connectors.log.interface import Tp
from connectors.log.memory import MemoryLog
from replay.archive.errors import ArchiveError, ArchiveGap
from replay.archive.layout import DAY_MS, FileName
from replay.archive.reader import index
from replay.archive.source import ArchiveLog
from replay.archive.store import FolderStore
from replay.frames import scan
from replay.sql.session import ask
from replay.times import EVERYTHING, Span
from tests.connectors.epochs import toy
from tests.replay.archive.rig import archived
from tests.replay.verify.shelf import DAYS, FIRST_MS, made, recorded

TRADES = Tp(toy.TRADES, 1)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("whole")).root


@pytest.fixture
def root(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "archive"))


def file_of(root: Path, day: str) -> FileName:
    return next(n for n in index(FolderStore(root))[TRADES] if n.day == day)


def count(root: Path, span: Span = EVERYTHING) -> int:
    question = "SELECT count(*) AS n FROM trade_printed"
    return int(ask(FolderStore(root), toy.CODEC.catalog, question, span)["n"][0].as_py())


def told(root: Path, name: FileName) -> None:
    for read in (lambda: count(root), lambda: scan(toy.TRADES, root=str(root))):
        with pytest.raises(ArchiveError, match=name.path.replace("+", r"\+")):
            read()
    first = Span(FIRST_MS, FIRST_MS + DAY_MS)
    assert count(root, first) == scan(toy.TRADES, DAYS[0], DAYS[1], str(root)).collect().height > 0


@pytest.mark.parametrize("day", DAYS[1:])
def test_a_file_that_its_manifest_alone_is_left_of_is_named(root: Path, day: str) -> None:
    name = file_of(root, day)
    (root / name.path).unlink()
    told(root, name)
    log = ArchiveLog(FolderStore(root))
    with pytest.raises(ArchiveError, match=name.path.replace("+", r"\+")):
        log.read(TRADES, *log.bounds(TRADES), 1.0)


def test_a_file_that_is_gone_with_its_manifest_is_named(root: Path) -> None:
    name = file_of(root, DAYS[1])
    for path in (name.path, name.manifest):
        (root / path).unlink()
    told(root, name)


def test_a_gap_that_was_accepted_is_no_error(tmp_path: Path) -> None:
    log, root = recorded(), tmp_path / "archive"
    archived(log, root, span=Span(None, FIRST_MS + DAY_MS))
    whole = count(root)
    for tp in (tp for tp in log.partitions if tp.topic == toy.TRADES):
        log.trim(tp, log.offset_at(tp, FIRST_MS + 2 * DAY_MS))
    with pytest.raises(ArchiveGap):
        archived(log, root)
    archived(log, root, accept_gap=True)
    assert count(root) == scan(toy.TRADES, root=str(root)).collect().height > whole


def test_the_archiver_writes_a_file_of_the_open_day_again(tmp_path: Path) -> None:
    log = MemoryLog(toy.TOPICS)
    for number in range(20):
        toy.trade(log, number, FIRST_MS + number)
    archived(log, tmp_path)
    before = count(tmp_path)
    for path in tmp_path.glob(f"{toy.TRADES}/*/*.parquet"):
        path.unlink()
    archived(log, tmp_path)
    assert count(tmp_path) == before > 0
