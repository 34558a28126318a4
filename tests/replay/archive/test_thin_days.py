"""Days on which next to nothing happened: the archive says no more and no less than the log.

A pipeline ran on a day of ten trades, a day without a record, a day of one trade, and another one.
One partition of four has trades, the clock none.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from connectors.log.interface import Tp
from connectors.log.memory import MemoryLog
from replay.archive import days, manifest
from replay.archive.schemas import archived_ids
from replay.archive.source import ArchiveLog
from replay.archive.store import FolderStore
from replay.frames import scan
from replay.rerun import NothingRecorded, rerun
from replay.sql.session import ask
from replay.times import Span, day_span
from replay.verify.audit import NothingArchived
from schemas.codec import Codec
from tests.connectors.epochs import toy
from tests.replay.archive.rig import TOPICS, archived, bytes_of
from tests.replay.verify import independent
from tests.replay.verify.rounds import audited
from tests.replay.verify.shelf import DAY_MS, FIRST_MS, Shelf, made

FULL, EMPTY, ONE, LAST = "2024-10-04", "2024-10-05", "2024-10-06", "2024-10-07"
TRADES = {FULL: 10, EMPTY: 0, ONE: 1, LAST: 1}
SHARD = toy.shard(records_max=5)
BITCOIN = toy.INSTRUMENTS[0]


@pytest.fixture(scope="module")
def log() -> MemoryLog:
    found, number = MemoryLog(toy.TOPICS), 0
    for day, count in enumerate(TRADES.values()):
        for second in range(count):
            toy.trade(found, number, FIRST_MS + day * DAY_MS + 1_000 * second, BITCOIN)
            number += 1
        if count:
            toy.live(found, SHARD)
    return found


@pytest.fixture(scope="module")
def shelf(log: MemoryLog, tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    return made(tmp_path_factory.mktemp("thin"), log)


def count(shelf: Shelf, view: str, day: str) -> int:
    question = f"SELECT count(*) AS n FROM {view}"
    [row] = ask(shelf.store, toy.CODEC.catalog, question, day_span(day)).to_pylist()
    return int(row["n"])


def test_an_empty_day_is_no_day_and_the_chain_goes_on_behind_it(shelf: Shelf) -> None:
    assert days.days(shelf.store) == [FULL, ONE, LAST]
    before = manifest.digest(shelf.store.read(f"_days/{FULL}.json"))
    assert days.read(shelf.store, ONE)["previous"] == before
    assert json.loads(shelf.store.read(f"_days/{LAST}.json"))["closed"] is False
    with pytest.raises(NothingArchived, match=EMPTY):
        audited(shelf, EMPTY)


@pytest.mark.parametrize(("day", "epochs"), [(FULL, 3), (ONE, 2)])
def test_closed_days_are_verified_by_both_audits(shelf: Shelf, day: str, epochs: int) -> None:
    audit = audited(shelf, day)
    assert (audit.findings, audit.notes) == ([], [])
    assert (audit.epochs, audit.inputs, audit.outputs) == (epochs, TRADES[day], TRADES[day])
    assert independent.verdict(shelf.root, day, shelf.public_pem)


@pytest.mark.parametrize("day", TRADES)
def test_a_question_about_each_day_is_answered(shelf: Shelf, day: str) -> None:
    assert count(shelf, "trade_printed", day) == TRADES[day]
    assert count(shelf, f"bars('{BITCOIN}', '1 day')", day) == min(TRADES[day], 1)
    assert count(shelf, "clock_tick", day) == 0
    found = scan(toy.TRADES, day, f"{day}T23:59:59.999Z", root=str(shelf.root))
    assert found.collect().height == TRADES[day]


def test_a_partition_without_records_is_one_all_the_same(log: MemoryLog, shelf: Shelf) -> None:
    back = ArchiveLog(shelf.store)
    partitions = [Tp(toy.TRADES, number) for number in range(4)]
    assert back.partition_count(toy.TRADES) == 4
    assert [back.bounds(tp) for tp in partitions] == [log.bounds(tp) for tp in partitions]
    empty = [tp for tp in (*partitions, Tp(toy.CLOCK, 0)) if back.bounds(tp) == (0, 0)]
    assert len(empty) == 4
    assert [back.read(tp, 0, 0, 1.0) for tp in empty] == [[]] * 4


@pytest.mark.parametrize("day", [None, FULL, ONE, LAST])
def test_recorded_epochs_give_the_live_digests(
    log: MemoryLog, shelf: Shelf, day: str | None
) -> None:
    span = day_span(day) if day else Span()
    codec = Codec(toy.CODEC.catalog, archived_ids(shelf.store, toy.CODEC.catalog))
    again = rerun(ArchiveLog(shelf.store), codec, SHARD, toy.ToyLogic(), span)
    assert again == rerun(log, toy.CODEC, SHARD, toy.ToyLogic(), span)
    assert again.clean
    assert again.outputs == (TRADES[day] if day else 12)


def test_there_is_nothing_to_replay_of_an_empty_day(shelf: Shelf) -> None:
    with pytest.raises(NothingRecorded):
        rerun(ArchiveLog(shelf.store), toy.CODEC, SHARD, toy.ToyLogic(), day_span(EMPTY))


def test_day_by_day_gives_the_same_files(log: MemoryLog, shelf: Shelf, tmp_path: Path) -> None:
    for day in TRADES:
        archived(log, tmp_path, span=Span(None, day_span(day).to_ms))
    assert bytes_of(tmp_path) == {
        name: data for name, data in bytes_of(shelf.root).items() if not name.endswith(".sig")
    }


def test_a_log_without_a_record_has_no_day(tmp_path: Path) -> None:
    done = archived(MemoryLog(toy.TOPICS), tmp_path, TOPICS)
    assert (done.files, done.days, done.notes) == ([], [], [])
    assert days.days(FolderStore(tmp_path)) == []
