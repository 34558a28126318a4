"""What the log may forget: closed days that are proven archived, and nothing that a shard needs."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from connectors.log.interface import Tp
from connectors.log.memory import MemoryLog
from replay.archive import manifest
from replay.archive.errors import ArchiveCorrupt
from replay.archive.reader import index
from replay.archive.seam import JoinedLog
from replay.archive.source import ArchiveLog
from replay.archive.store import FolderStore
from replay.archive.trim import DAY, SNAPSHOT, Trim, needs, plan, trimmable
from replay.rerun import rerun
from schemas.codec import Codec
from schemas.errors import TapeError
from tests.connectors.epochs import toy
from tests.replay.archive.rig import DAY_MS, archived
from tests.replay.test_rerun import small

TOPICS = tuple(toy.TOPICS)
EPOCHS, SNAPSHOTS, TRADES = Tp("toy.epochs.v1", 0), Tp("toy.snapshots.v1", 0), Tp(toy.TRADES, 0)


def codec() -> Codec:
    """The toy's topics known as those of a pipeline."""
    catalog = toy.CODEC.catalog
    known = {
        f"toy.{kind}.v1": replace(catalog.topics[f"strategy.{kind}.v1"], topic=f"toy.{kind}.v1")
        for kind in ("epochs", "snapshots")
    }
    return Codec(replace(catalog, topics={**catalog.topics, **known}), toy.CODEC.ids)


@cache
def made(later: int) -> MemoryLog:
    log = MemoryLog(toy.TOPICS)
    for day, count in enumerate((100, later)):
        for number in range(count):
            toy.trade(log, number, day * DAY_MS + 1_000 + number * 10)
        toy.live(log, small())
    return log


def two_days(later: int = 100) -> MemoryLog:
    """Half of it in the second day; snapshots on both."""
    return deepcopy(made(later))


def planned(log: MemoryLog, folder: Path) -> dict[Tp, Trim]:
    return {one.tp: one for one in plan(log, codec(), FolderStore(folder), TOPICS)}


def test_closed_days_go_and_the_newest_snapshot_stays(tmp_path: Path) -> None:
    log = two_days()
    archived(log, tmp_path)
    found, needed = planned(log, tmp_path), needs(log, codec())
    assert found[TRADES].kept_by == DAY
    assert found[TRADES].upto == index(FolderStore(tmp_path))[TRADES][0].end
    assert all(one.upto <= needed.get(tp, one.upto) for tp, one in found.items())
    for tp, one in found.items():
        log.trim(tp, one.upto)
    toy.live(log, small())  # starts from its snapshot
    joined = JoinedLog(ArchiveLog(FolderStore(tmp_path)), log)
    assert rerun(joined, toy.CODEC, small(), toy.ToyLogic()).clean


def test_nothing_goes_behind_a_snapshot_however_old_it_is(tmp_path: Path) -> None:
    log = two_days(later=5)  # too little for another snapshot than that of the first day
    log.append(toy.tick_record(2 * DAY_MS))
    for number in range(4):
        toy.trade(log, number, 2 * DAY_MS)
    archived(log, tmp_path)
    found, needed = planned(log, tmp_path), needs(log, codec())
    assert found[SNAPSHOTS] == Trim(SNAPSHOTS, 0, needed[SNAPSHOTS], SNAPSHOT)
    assert found[TRADES].upto <= needed[TRADES] < log.bounds(TRADES)[1]


def test_an_open_day_and_what_is_not_archived_stay(tmp_path: Path) -> None:
    log = two_days(later=0)
    assert planned(log, tmp_path) == {}
    archived(log, tmp_path)
    assert planned(log, tmp_path) == {}


def test_what_the_gateway_works_with_stays() -> None:
    topics = trimmable(toy.CODEC)
    assert {"md.raw.v1", "md.trade.v1", "market.epochs.v1", "risk.snapshots.v1"} <= set(topics)
    kept = {"oms.order-event.v1", "venue.raw.v1", "ops.control.v1", "gateway.snapshots.v1"}
    assert not kept & set(topics)


def other_value(log: MemoryLog, folder: Path) -> None:
    entry = log.partitions[TRADES].entries[3]
    assert entry.record is not None
    entry.record = entry.record._replace(timestamp_ms=entry.record.timestamp_ms + 1)


def record_gone(log: MemoryLog, folder: Path) -> None:
    log.partitions[TRADES].entries[3].record = None


def file_changed(log: MemoryLog, folder: Path) -> None:
    path = folder / index(FolderStore(folder))[TRADES][0].path
    data = bytearray(path.read_bytes())
    data[40] ^= 1
    path.write_bytes(data)


def manifest_changed(log: MemoryLog, folder: Path) -> None:
    path = folder / index(FolderStore(folder))[TRADES][0].manifest
    path.write_bytes(manifest.canonical({**json.loads(path.read_bytes()), "log_time_ms": 0}))


@pytest.mark.parametrize("lie", [other_value, record_gone, file_changed, manifest_changed])
def test_nothing_goes_where_the_archive_is_not_the_log(
    tmp_path: Path, lie: Callable[[MemoryLog, Path], None]
) -> None:
    log = two_days()
    archived(log, tmp_path)
    lie(log, tmp_path)
    with pytest.raises(ArchiveCorrupt, match=toy.TRADES) as raised:
        planned(log, tmp_path)
    assert isinstance(raised.value, TapeError)
