"""Recorded epochs again from the archive, and from both sides of a seam: the digests of the live
run, or an error that names what is missing.
"""

from __future__ import annotations

import os
import pickle
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from connectors.log.errors import OffsetsGone, TopicMissing
from connectors.log.interface import Log, Message, Tp
from connectors.log.memory import MemoryLog
from replay.archive import records
from replay.archive import source as source_of
from replay.archive.errors import ArchiveCorrupt, ArchiveError, ArchiveGap, OtherLog
from replay.archive.layout import FileName
from replay.archive.messages import ArchivedMessages
from replay.archive.reader import index
from replay.archive.schemas import archived_ids
from replay.archive.seam import JoinedLog
from replay.archive.source import ArchiveLog, ReadOnly
from replay.archive.store import FolderStore, Store
from replay.rerun import InputsGone, rerun
from replay.times import Span
from schemas.codec import Codec
from tests.connectors.epochs import toy
from tests.replay.archive.rig import archived, bytes_of, facts
from tests.replay.test_rerun import START_MS, STEP_MS, recorded_log, replayed, small

TARGETS, TRADES = Tp(toy.TARGETS, 0), Tp(toy.TRADES, 0)


@pytest.fixture(scope="module")
def log() -> MemoryLog:
    return recorded_log()


@pytest.fixture(scope="module")
def folder(log: MemoryLog, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All of it, archived."""
    made = tmp_path_factory.mktemp("archive")
    archived(log, made)
    return made


def source(folder: Path) -> ArchiveLog:
    return ArchiveLog(FolderStore(folder))


def everything(log: Log, tp: Tp) -> list[Message]:
    return log.read(tp, *log.bounds(tp), 10.0)


def test_the_archive_gives_the_log_back(log: MemoryLog, folder: Path) -> None:
    back = source(folder)
    for tp in log.partitions:
        assert back.partition_count(tp.topic) == log.partition_count(tp.topic)
        assert [*map(facts, everything(back, tp))] == [*map(facts, everything(log, tp))], tp
        assert back.bounds(tp) == log.bounds(tp)


@pytest.mark.parametrize("at_ms", [0, START_MS + 1, START_MS + 999, START_MS * 2])
def test_offsets_by_time_are_those_of_the_log(log: MemoryLog, folder: Path, at_ms: int) -> None:
    assert source(folder).offset_at(TRADES, at_ms) == log.offset_at(TRADES, at_ms)


def test_recorded_epochs_from_the_archive_give_the_live_digests(
    log: MemoryLog, folder: Path
) -> None:
    catalog = toy.CODEC.catalog
    codec = Codec(catalog, archived_ids(FolderStore(folder), catalog))
    again = rerun(source(folder), codec, small(), toy.ToyLogic())
    assert again == replayed(log)
    assert again.clean
    assert again.snapshots > 2


def test_changed_logic_is_found_from_the_archive_too(folder: Path) -> None:
    verdict = rerun(source(folder), toy.CODEC, small(), toy.ToyLogic("changed"))
    assert verdict.finding is not None
    assert verdict.finding.differences[0].recorded is not None


def test_a_span_begins_at_a_snapshot_of_the_archive(log: MemoryLog, folder: Path) -> None:
    span = Span(START_MS + 300 * STEP_MS)
    found = rerun(source(folder), toy.CODEC, small(), toy.ToyLogic(), span)
    assert found == replayed(log, span)
    assert found.from_snapshot


@pytest.mark.parametrize("until", [0, 37, 150, 300, 399])
def test_one_seam_wherever_it_lies(tmp_path: Path, until: int) -> None:
    log = recorded_log()
    archived(log, tmp_path, span=Span(None, START_MS + until * STEP_MS))
    for tp, files in index(FolderStore(tmp_path)).items():
        log.trim(tp, files[-1].end)
    joined = JoinedLog(source(tmp_path), log)
    assert rerun(joined, toy.CODEC, small(), toy.ToyLogic()).clean


def test_a_reader_of_both_gives_each_record_once(tmp_path: Path) -> None:
    log = recorded_log(100)
    archived(log, tmp_path, span=Span(None, START_MS + 50 * STEP_MS))
    joined = JoinedLog(source(tmp_path), log)
    for tp in log.partitions:
        wanted = [m.offset() for m in everything(log, tp)]
        assert [m.offset() for m in everything(joined, tp)] == wanted
        reader, found = joined.reader({tp: 0}), list[int]()
        while reader.end_seen(tp, found[-1] + 1 if found else 0) < log.bounds(tp)[1]:
            found += [m.offset() for m in reader.poll(7, 0.0).get(tp, [])]
        assert found == wanted


def test_a_reader_reads_so_far_ahead_and_no_further(
    folder: Path, log: MemoryLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: Counter[Tp] = Counter()

    def counted(store: Store, files: Sequence[FileName], *rest: Any) -> Iterator[ArchivedMessages]:
        for batch in records.batches(store, files, *rest):
            taken[files[0].tp] += 1
            yield batch

    monkeypatch.setattr(records, "BATCH_ROWS", 2)
    monkeypatch.setattr(source_of, "batches", counted)
    reader = source(folder).reader({TARGETS: 0, TRADES: 0})
    wanted = {tp: [*map(facts, everything(log, tp))] for tp in (TARGETS, TRADES)}
    reader.pause([TARGETS])
    found: dict[Tp, list[Message]] = {TARGETS: [], TRADES: []}
    polls = 0
    while not reader.done(TRADES):
        polls += 1
        found[TRADES] += reader.poll(7, 0.0).get(TRADES, [])
        assert taken[TRADES] <= polls + source_of.AHEAD_BATCHES
    assert taken[TARGETS] == source_of.AHEAD_BATCHES < len(wanted[TARGETS]) // 2
    reader.resume([TARGETS])
    while not reader.done(TARGETS):
        found[TARGETS] += reader.poll(7, 0.0).get(TARGETS, [])
    reader.close()
    assert {tp: [*map(facts, some)] for tp, some in found.items()} == wanted


@pytest.fixture
def late(log: MemoryLog, tmp_path: Path) -> JoinedLog:
    """The whole log, and an archive that begins in the middle of it."""
    archived(log, tmp_path, span=Span(START_MS + 150 * STEP_MS, START_MS + 300 * STEP_MS))
    return JoinedLog(source(tmp_path), log)


def test_a_log_that_begins_before_the_archive_is_asked_too(
    log: MemoryLog, late: JoinedLog, tmp_path: Path
) -> None:
    for tp, [first, *_] in index(FolderStore(tmp_path)).items():
        assert log.bounds(tp)[0] < first.start
        for at in (0, 20, 149, 151, 299, 301, 399, 1_000):
            at_ms = START_MS + at * STEP_MS
            assert late.offset_at(tp, at_ms) == log.offset_at(tp, at_ms), (tp, at)
        low, high = log.bounds(tp)
        for start in (low, first.start - 1, first.start):
            for end in (first.start, first.start + 1, first.end, high):
                wanted = [*map(facts, log.read(tp, start, end, 1.0))]
                assert [*map(facts, late.read(tp, start, end, 1.0))] == wanted


def test_a_span_before_the_archive_runs_from_the_log(log: MemoryLog, late: JoinedLog) -> None:
    span = Span(START_MS + 20 * STEP_MS, START_MS + 200 * STEP_MS)
    assert rerun(late, toy.CODEC, small(), toy.ToyLogic(), span) == replayed(log, span)


def test_an_empty_log_is_not_taken_for_one_that_begins_before_the_archive(
    log: MemoryLog, tmp_path: Path
) -> None:
    archived(log, tmp_path, span=Span(START_MS + 150 * STEP_MS))
    joined = JoinedLog(source(tmp_path), MemoryLog(toy.TOPICS))
    [first, *_] = index(FolderStore(tmp_path))[TRADES]
    assert joined.offset_at(TRADES, 0) == first.start
    with pytest.raises(OtherLog, match="it is another log"):
        joined.read(TRADES, 0, first.end, 1.0)


def test_what_lies_before_both_sides_is_named(tmp_path: Path) -> None:
    log = recorded_log()
    archived(log, tmp_path, span=Span(START_MS + 150 * STEP_MS))
    [first, *_] = index(FolderStore(tmp_path))[TRADES]
    joined = JoinedLog(source(tmp_path), log)
    log.trim(TRADES, 3)
    with pytest.raises(ArchiveGap, match=f"{toy.TRADES}/0: offsets 0 to 2 are neither"):
        joined.read(TRADES, 0, first.end, 1.0)
    log.trim(TRADES, first.start + 3)
    with pytest.raises(ArchiveGap, match=f"offsets 0 to {first.start - 1} are neither"):
        joined.read(TRADES, 0, first.end, 1.0)
    with pytest.raises(ArchiveGap, match=f"offsets 0 to {first.start - 1} are neither"):
        joined.reader({TRADES: 0})
    assert joined.offset_at(TRADES, 0) == first.start


def test_what_neither_side_has_is_named(tmp_path: Path) -> None:
    log = recorded_log()
    archived(log, tmp_path, span=Span(None, START_MS + 100 * STEP_MS))
    end = index(FolderStore(tmp_path))[TRADES][-1].end
    log.trim(TRADES, end + 3)
    says = rf"{toy.TRADES}/0: offsets {end} to {end + 2} are neither"
    with pytest.raises(ArchiveGap, match=says):
        rerun(JoinedLog(source(tmp_path), log), toy.CODEC, small(), toy.ToyLogic())


def test_inputs_that_were_not_archived_are_named(log: MemoryLog, tmp_path: Path) -> None:
    archived(log, tmp_path)
    [last] = index(FolderStore(tmp_path))[TRADES]
    for name in (last.path, last.manifest):
        (tmp_path / name).unlink()
    with pytest.raises(InputsGone, match=f"{toy.TRADES}/0: offsets 0 to {last.end - 1}"):
        rerun(source(tmp_path), toy.CODEC, small(), toy.ToyLogic())


def test_another_log_is_not_taken_for_the_one_archived(folder: Path, tmp_path: Path) -> None:
    other = recorded_log(40)
    with pytest.raises(OtherLog, match="another log"):
        rerun(JoinedLog(source(folder), other), toy.CODEC, small(), toy.ToyLogic())
    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    with pytest.raises(OtherLog, match="another log"):
        archived(other, copy)


def test_a_longer_log_is_not_taken_for_the_one_archived(tmp_path: Path) -> None:
    first, other = MemoryLog(toy.TOPICS), MemoryLog(toy.TOPICS)
    for number in range(80):
        toy.trade(other, number + 7, START_MS + number)
        if number < 40:
            toy.trade(first, number, START_MS + number)
    archived(first, tmp_path)
    before = bytes_of(tmp_path)
    with pytest.raises(OtherLog, match=rf"{toy.TRADES}/\d: .*this is another log, which needs"):
        archived(other, tmp_path)
    assert bytes_of(tmp_path) == before
    joined = JoinedLog(source(tmp_path), other)
    with pytest.raises(OtherLog, match="it is another log"):
        joined.reader({TRADES: 0})
    with pytest.raises(OtherLog, match="it is another log"):
        everything(joined, TRADES)
    other.trim(TRADES, other.bounds(TRADES)[1])  # nothing is left to tell them by
    archived(other, tmp_path, [toy.TARGETS])


def test_an_archive_that_grew_since_it_was_listed_is_of_the_same_log(tmp_path: Path) -> None:
    log = recorded_log()
    archived(log, tmp_path, span=Span(None, START_MS + 100 * STEP_MS))
    joined = JoinedLog(source(tmp_path), log)
    archived(log, tmp_path)
    assert list(map(facts, everything(joined, TRADES))) == list(map(facts, everything(log, TRADES)))
    joined.reader({TRADES: 0}).close()


@pytest.mark.parametrize("aborted", [False, True])
def test_a_log_that_has_nothing_where_the_archive_has_a_record_is_another(
    tmp_path: Path, aborted: bool
) -> None:
    first, other = MemoryLog(toy.TOPICS), MemoryLog(toy.TOPICS)
    first.append(toy.trade_record(1, START_MS))
    tp = next(tp for tp in first.partitions if first.bounds(tp)[1])
    archived(first, tmp_path)
    writer = other.writer("writer")
    writer.fence()
    writer.begin()
    writer.send([toy.trade_record(1, START_MS)] * 2)
    other.writer("writer").fence()  # which aborts it
    if not aborted:
        other.append(toy.trade_record(1, START_MS))
    assert other.bounds(tp)[1] > 1
    with pytest.raises(OtherLog, match="this is another log"):
        archived(other, tmp_path)


def test_an_archive_is_not_written_to(folder: Path) -> None:
    with pytest.raises(ReadOnly):
        source(folder).writer("toy-0")


def test_what_was_never_archived_is_an_error(folder: Path) -> None:
    with pytest.raises(TopicMissing, match="not in the archive"):
        source(folder).bounds(Tp("no.such.v1", 0))
    with pytest.raises(OffsetsGone, match="begins at 0"):
        source(folder).read(TRADES, -1, 1, 1.0)


def test_a_reader_can_be_opened_in_another_process(folder: Path) -> None:
    opener = source(folder).elsewhere({TRADES: 0})
    reader = pickle.loads(pickle.dumps(opener))()
    assert reader.poll(5, 0.0)[TRADES][0].offset() == 0


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("damage", [cut, flip, Path.unlink])
@pytest.mark.parametrize("kind", ["path", "manifest"])
def test_a_damaged_file_is_named(
    log: MemoryLog, folder: Path, tmp_path: Path, kind: str, damage: object
) -> None:
    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    back = source(copy)
    name = getattr(index(FolderStore(copy))[TARGETS][0], kind)
    damage(copy / name)  # type: ignore[operator]
    with pytest.raises(ArchiveError, match=name.replace("+", r"\+")):
        everything(back, TARGETS)


def test_a_folder_that_cannot_be_listed_is_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("a")
    with pytest.raises(ArchiveError, match="a: Too many levels of symbolic links"):
        index(FolderStore(tmp_path / "a"))
    assert not index(FolderStore(tmp_path / "none"))


def test_a_missing_or_foreign_schema_is_named(folder: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    one, other, *_ = sorted((copy / "_schemas").glob("*.avsc"))
    one.write_bytes(other.read_bytes())
    with pytest.raises(ArchiveCorrupt, match=one.name):
        archived_ids(FolderStore(copy), toy.CODEC.catalog)
    one.unlink()
    with pytest.raises(ArchiveCorrupt, match=f"{one.name} is missing"):
        archived_ids(FolderStore(copy), toy.CODEC.catalog)


def test_a_file_that_grew_since_it_was_listed_is_read_as_far_as_it_went(tmp_path: Path) -> None:
    log = recorded_log(100)
    archived(log, tmp_path, span=Span(None, START_MS + 50 * STEP_MS))
    listed, before = source(tmp_path), source(tmp_path)
    wanted = {tp: [*map(facts, everything(before, tp))] for tp in listed.files}
    held = everything(before, TARGETS)
    archived(log, tmp_path)
    short = [name for files in listed.files.values() for name in files]
    assert not any((tmp_path / name.path).exists() for name in short), "all of them grew"
    assert [*map(facts, held)] == wanted[TARGETS], "headers are read when asked for"
    for tp in listed.files:
        assert [*map(facts, everything(listed, tp))] == wanted[tp]
        reader, found = listed.reader({tp: 0}), list[Message]()
        while not reader.done(tp):
            found += reader.poll(7, 0.0).get(tp, [])
        assert [*map(facts, found)] == wanted[tp]
    for at_ms in (START_MS, START_MS + 20 * STEP_MS, START_MS + 70 * STEP_MS):
        end = listed.bounds(TRADES)[1]
        assert listed.offset_at(TRADES, at_ms) == min(log.offset_at(TRADES, at_ms), end)
