"""What was signed once is not signed anew because somebody took its signature away; a day that
grows is.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from connectors.log.interface import Tp
from connectors.log.memory import MemoryLog
from replay.archive import days
from replay.archive.errors import ArchiveConflict, ArchiveCorrupt
from replay.archive.layout import day_manifest
from replay.archive.reader import index
from replay.archive.run import archive
from replay.archive.store import FolderStore, Store
from replay.verify.signature import sign_days
from tests.connectors.epochs import toy
from tests.replay.archive.crash import DyingStore, Killed
from tests.replay.archive.rig import bytes_of
from tests.replay.verify.forge import forge_unsigned, with_price
from tests.replay.verify.rounds import audited
from tests.replay.verify.shelf import DAYS, PIPELINE_TOPICS, Shelf, made, recorded
from tests.replay.verify.test_verify import copied


@pytest.fixture(scope="module")
def log() -> MemoryLog:
    return recorded()


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory, log: MemoryLog) -> Shelf:
    return made(tmp_path_factory.mktemp("shelf"), log)


def signed_again(shelf: Shelf, log: MemoryLog, store: Store | None = None) -> None:
    """Another `tape archive`."""
    archive(log, toy.CODEC, store or shelf.store, PIPELINE_TOPICS)
    sign_days(shelf.store, (shelf.root.parent / "key.pem").read_bytes())


def test_a_forged_day_without_its_signature_is_not_signed_anew(
    shelf: Shelf, log: MemoryLog, tmp_path: Path
) -> None:
    forged = copied(shelf, tmp_path)
    name = next(n for n in index(forged.store)[Tp(toy.TRADES, 1)] if n.day == DAYS[0])
    forge_unsigned(forged, name, with_price(3))
    before = bytes_of(forged.root)
    with pytest.raises(ArchiveCorrupt, match=rf"{day_manifest(DAYS[1])} is signed"):
        signed_again(forged, log)
    assert bytes_of(forged.root) == before
    assert audited(forged, DAYS[0]).findings


def test_a_day_whose_manifest_and_files_are_gone_is_missed(
    shelf: Shelf, log: MemoryLog, tmp_path: Path
) -> None:
    harmed = copied(shelf, tmp_path)
    for path in harmed.root.glob(f"*/dt={DAYS[0]}/*"):
        path.unlink()
    with pytest.raises(ArchiveCorrupt, match=rf"{day_manifest(DAYS[0])} is signed"):
        signed_again(harmed, log)
    for path in harmed.root.glob(f"_days/{DAYS[0]}.*"):
        path.unlink()
    with pytest.raises(ArchiveCorrupt, match=rf"{day_manifest(DAYS[1])} is signed"):
        signed_again(harmed, log)


@pytest.mark.parametrize("data", [b"none", b"[]", b"{}"])
def test_a_signed_manifest_that_cannot_be_read_is_not_written_anew(
    shelf: Shelf, log: MemoryLog, tmp_path: Path, data: bytes
) -> None:
    harmed = copied(shelf, tmp_path)
    harmed.store.write(day_manifest(DAYS[1]), data)
    with pytest.raises(ArchiveCorrupt, match=rf"{day_manifest(DAYS[1])} is signed"):
        signed_again(harmed, log)


def test_a_day_that_another_archiver_signed_meanwhile_is_a_conflict(shelf: Shelf) -> None:
    before, first = days.kept(shelf.store), day_manifest(DAYS[0])
    before[first] = before[first].replace(b'"closed":true', b'"closed":null')
    with pytest.raises(ArchiveConflict, match=DAYS[1]):
        days.write(shelf.store, before, index(shelf.store), ())


def test_days_that_grow_are_signed_anew_wherever_the_archiver_dies(
    shelf: Shelf, log: MemoryLog, tmp_path: Path
) -> None:
    key = (shelf.root.parent / "key.pem").read_bytes()
    lagged = tmp_path / "lagged"
    some = [topic for topic in PIPELINE_TOPICS if topic != toy.TRADES]
    archive(log, toy.CODEC, FolderStore(lagged), some)
    sign_days(FolderStore(lagged), key)
    for dies_at in range(0, 1_000, 3):
        grown = shelf._replace(root=tmp_path / f"{dies_at}" / "archive")
        shutil.copytree(lagged, grown.root)
        shutil.copy(shelf.root.parent / "key.pem", grown.root.parent)
        try:
            signed_again(grown, log, DyingStore(grown.root, dies_at))
            break
        except Killed:
            signed_again(grown, log)
            assert bytes_of(grown.root) == bytes_of(shelf.root), f"dead before change {dies_at}"
    assert dies_at > 30
