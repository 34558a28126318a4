"""What was signed once is not signed anew because somebody took its signature away; a day that
grows is.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from threading import Thread

import pytest

from connectors.log.interface import Tp
from connectors.log.memory import MemoryLog
from replay.archive import days
from replay.archive.errors import ArchiveConflict, ArchiveCorrupt, ArchiveError
from replay.archive.layout import day_manifest
from replay.archive.manifest import canonical, digest
from replay.archive.reader import index
from replay.archive.run import archive
from replay.archive.signed import NOTES, Last, LastSigned
from replay.archive.store import FolderStore, Store
from replay.verify.signature import own, sign_days
from tests.connectors.epochs import toy
from tests.replay.archive.crash import DyingStore, Killed
from tests.replay.archive.rig import bytes_of
from tests.replay.verify.forge import forge_unsigned, rewrite, with_price
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
    key, last = (shelf.root.parent / "key.pem").read_bytes(), noted(shelf)
    archive(log, toy.CODEC, store or shelf.store, PIPELINE_TOPICS, last=last)
    sign_days(shelf.store, key, last)


def noted(shelf: Shelf) -> LastSigned:
    """What a run folder beside the archive knows."""
    holds = own((shelf.root.parent / "key.pem").read_bytes())
    return LastSigned(FolderStore(shelf.root.parent), str(shelf.root), holds)


def known(shelf: Shelf, log: MemoryLog, folder: Path) -> Shelf:
    """A copy, and a note of its newest signed day."""
    copy = copied(shelf, folder)
    signed_again(copy, log)
    assert noted(copy).read() == last_of(copy)
    return copy


def last_of(shelf: Shelf) -> Last:
    return Last(DAYS[1], digest(shelf.store.read(day_manifest(DAYS[1]))))


def test_a_forged_day_without_its_signature_is_not_signed_anew(
    shelf: Shelf, log: MemoryLog, tmp_path: Path
) -> None:
    forged = copied(shelf, tmp_path)
    name = next(n for n in index(forged.store)[Tp(toy.TRADES, 1)] if n.day == DAYS[0])
    forge_unsigned(forged, name, with_price(3))
    before = bytes_of(forged.root)
    with pytest.raises(ArchiveCorrupt, match=rf"{day_manifest(DAYS[1])} was signed"):
        signed_again(forged, log)
    assert bytes_of(forged.root) == before
    assert audited(forged, DAYS[0]).findings


@pytest.mark.parametrize("day", DAYS[:2])
def test_nor_where_the_signatures_of_all_later_days_are_gone(
    shelf: Shelf, log: MemoryLog, tmp_path: Path, day: str
) -> None:
    forged = known(shelf, log, tmp_path)
    name = next(n for n in index(forged.store)[Tp(toy.TRADES, 1)] if n.day == day)
    forge_unsigned(forged, name, with_price(3))
    for path in forged.root.glob("_days/*.sig"):
        path.unlink()
    with pytest.raises(ArchiveCorrupt, match=rf"{day_manifest(DAYS[1])} "):
        signed_again(forged, log)
    assert not [*forged.root.glob("_days/*.sig")]


def test_nor_where_all_day_manifests_are_gone(shelf: Shelf, log: MemoryLog, tmp_path: Path) -> None:
    harmed = known(shelf, log, tmp_path)
    shutil.rmtree(harmed.root / "_days")
    with pytest.raises(ArchiveCorrupt, match=f"{NOTES}: put it back"):
        signed_again(harmed, log)
    assert not [*harmed.root.glob("_days/*.sig")]


def test_an_archive_that_was_removed_begins_anew(
    shelf: Shelf, log: MemoryLog, tmp_path: Path
) -> None:
    removed = known(shelf, log, tmp_path)
    shutil.rmtree(removed.root)
    signed_again(removed, log)
    assert bytes_of(removed.root) == bytes_of(shelf.root)
    assert noted(removed).read() == last_of(removed)


def test_what_another_archiver_signed_is_taken(
    shelf: Shelf, log: MemoryLog, tmp_path: Path
) -> None:
    one = known(shelf, log, tmp_path)
    noted(one).write(last_of(one)._replace(sha256="another"))
    signed_again(one, log)
    assert noted(one).read() == last_of(one)


class Met(FolderStore):
    """Another process comes to the notes while these are written."""

    def __init__(self, root: Path, other: Thread) -> None:
        super().__init__(root)
        self.other = other

    def write(self, name: str, data: bytes) -> None:
        self.other.start()
        self.other.join(0.2)
        super().write(name, data)


def test_notes_of_two_archives_at_once_both_stay(tmp_path: Path) -> None:
    mine, theirs = Last(DAYS[0], "mine"), Last(DAYS[1], "theirs")
    history = LastSigned(FolderStore(tmp_path), "history")
    met = Met(tmp_path, Thread(target=history.write, args=(theirs,)))
    desk = LastSigned(met, "desk")
    desk.write(mine)
    met.other.join()
    assert (desk.read(), history.read()) == (mine, theirs)


def test_notes_that_cannot_be_written_are_named(tmp_path: Path) -> None:
    (tmp_path / "run").touch()
    with pytest.raises(ArchiveError, match=f"run/{NOTES}: "):
        LastSigned(FolderStore(tmp_path / "run"), "desk").write(Last(DAYS[0], ""))


def test_a_note_that_cannot_be_read_is_named(shelf: Shelf, log: MemoryLog, tmp_path: Path) -> None:
    one = known(shelf, log, tmp_path)
    for data in (b"{", b"[]", b'{"a":1}'):
        (one.root.parent / NOTES).write_bytes(data)
        with pytest.raises(ArchiveCorrupt, match=f"{NOTES} does not say"):
            signed_again(one, log)


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
    with pytest.raises(ArchiveCorrupt, match=rf"{day_manifest(DAYS[1])} was signed"):
        signed_again(harmed, log)


@pytest.mark.parametrize("noting", [False, True])
def test_a_file_that_was_added_does_not_have_the_others_signed_anew(
    shelf: Shelf, log: MemoryLog, tmp_path: Path, noting: bool
) -> None:
    forged = (known if noting else copied_of)(shelf, log, tmp_path)
    name = next(n for n in index(forged.store)[Tp(toy.TRADES, 1)] if n.day == DAYS[0])
    rewrite(forged, name, with_price(3))
    for path in forged.root.glob("_days/*.sig") if noting else ():
        path.unlink()
    other = name._replace(topic="md.quote.v1")
    for kind in ("path", "manifest"):
        target = forged.root / getattr(other, kind)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(forged.root / getattr(name, kind), target)
    said = json.loads((forged.root / other.manifest).read_bytes())
    (forged.root / other.manifest).write_bytes(canonical(said | {"topic": other.topic}))
    signed_again(forged, log)
    found = {finding.file for finding in audited(forged, DAYS[0]).findings}
    assert {name.path, name.manifest} <= found


def copied_of(shelf: Shelf, log: MemoryLog, folder: Path) -> Shelf:
    return copied(shelf, folder)


@pytest.mark.parametrize("data", [b"none", b"[]", b"{}"])
def test_a_signed_manifest_that_cannot_be_read_is_not_written_anew(
    shelf: Shelf, log: MemoryLog, tmp_path: Path, data: bytes
) -> None:
    harmed = copied(shelf, tmp_path)
    harmed.store.write(day_manifest(DAYS[1]), data)
    with pytest.raises(ArchiveCorrupt, match=rf"{day_manifest(DAYS[1])} was signed"):
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
    for dies_at in range(0, 1_000, 3):
        grown = shelf._replace(root=tmp_path / f"{dies_at}" / "archive")
        shutil.copytree(lagged, grown.root)
        shutil.copy(shelf.root.parent / "key.pem", grown.root.parent)
        sign_days(grown.store, key, noted(grown))
        try:
            signed_again(grown, log, DyingStore(grown.root, dies_at))
            break
        except Killed:
            signed_again(grown, log)
            assert bytes_of(grown.root) == bytes_of(shelf.root), f"dead before change {dies_at}"
            assert noted(grown).read() == last_of(grown)
    assert dies_at > 30
