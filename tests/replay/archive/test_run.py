"""The log to files: every record, its fields as they are, the same bytes whoever reads when."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from connectors.log.interface import OutRecord, Tp
from connectors.log.memory import MemoryLog
from replay.archive import days, manifest, parquet
from replay.archive.columns import shape
from replay.archive.errors import ArchiveError, ArchiveGap
from replay.archive.reader import index
from replay.archive.run import archive
from replay.archive.store import FolderStore
from replay.times import Span
from schemas.numbers import exact
from tests.connectors.epochs import toy
from tests.replay.archive.rig import (
    DAY_MS,
    TOPICS,
    archived,
    bytes_of,
    examples,
    facts,
    messages,
    rows,
)
from tests.replay.test_rerun import recorded_log

RAW = ("_topic", "_partition", "_offset", "_timestamp_ms", "_key", "_headers", "_value")


def trades(log: MemoryLog, count: int, first_ms: int, step_ms: int = 10) -> None:
    for number in range(count):
        toy.trade(log, number, first_ms + number * step_ms)


def test_every_record_is_kept_as_it_was(tmp_path: Path) -> None:
    log = recorded_log(60)
    archived(log, tmp_path)
    for topic in toy.TOPICS:
        kept = [tuple(row[name] for name in RAW) for row in rows(tmp_path, topic)]
        assert kept == list(map(facts, messages(log, topic))), topic


def test_events_lie_decoded_beside_their_values(tmp_path: Path) -> None:
    log = recorded_log(60)
    archived(log, tmp_path)
    found = rows(tmp_path, toy.TRADES)
    events = [toy.CODEC.decode(m.value()) for m in messages(log, toy.TRADES)]
    assert [{name: row[name] for name in events[0]._fields} for row in found] == [
        event._asdict() for event in events
    ]
    assert {row["_event"] for row in found} == {"TradePrinted"}
    assert all(row["last_px"] == exact(str(row["last_px"])) for row in found)


def test_rows_and_missing_offsets_fill_a_files_range(tmp_path: Path) -> None:
    log = recorded_log(60)
    done = archived(log, tmp_path)
    assert any(written.missing for written in done.files)
    for written in done.files:
        assert written.rows + sum(b - a for a, b in written.missing) == written.end - written.start


def test_the_same_offsets_give_the_same_bytes_in_one_run_or_many(tmp_path: Path) -> None:
    log = MemoryLog(toy.TOPICS)
    for number in range(5):
        trades(log, 20, number * DAY_MS // 2)
        archived(log, tmp_path / "often")
    archived(log, tmp_path / "once")
    assert bytes_of(tmp_path / "often") == bytes_of(tmp_path / "once")


def test_another_run_writes_nothing(tmp_path: Path) -> None:
    log = recorded_log(60)
    archived(log, tmp_path)
    again = archived(log, tmp_path)
    assert (again.files, again.days) == ([], [])


def test_a_file_ends_before_the_first_record_of_a_day(tmp_path: Path) -> None:
    log = MemoryLog(toy.TOPICS)
    trades(log, 20, DAY_MS - 100)
    archived(log, tmp_path, [toy.TRADES])
    for files in index(FolderStore(tmp_path)).values():
        assert [name.day for name in files] == ["1970-01-01", "1970-01-02"]
        assert files[0].end == files[1].start
    assert {row["_timestamp_ms"] // DAY_MS for row in rows(tmp_path, toy.TRADES)} == {
        0,
        1,
    }


def test_a_finished_day_is_not_written_anew_by_another_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = MemoryLog(toy.TOPICS)
    trades(log, 20, 1_000)
    archived(log, tmp_path)
    before = {name: data for name, data in bytes_of(tmp_path).items() if "/dt=" in name}
    monkeypatch.setattr(parquet, "_LEVEL", 1)
    trades(log, 20, DAY_MS)
    archived(log, tmp_path)
    assert before.items() < bytes_of(tmp_path).items()


def test_a_record_that_comes_late_lies_in_the_day_that_was_reached(tmp_path: Path) -> None:
    log = MemoryLog(toy.TOPICS)
    for at_ms in (DAY_MS - 1, DAY_MS, DAY_MS - 1, DAY_MS + 1):
        log.append(OutRecord(toy.CLOCK, 0, b"", b"", at_ms))
    archived(log, tmp_path, [toy.CLOCK])
    [files] = index(FolderStore(tmp_path)).values()
    assert [(name.start, name.end) for name in files] == [(0, 1), (1, 4)]


def test_records_without_a_time_lie_in_the_day_of_the_first_that_has_one(tmp_path: Path) -> None:
    log = MemoryLog(toy.TOPICS)
    for at_ms in (0, -1):
        log.append(OutRecord(toy.CLOCK, 0, b"", b"", at_ms))
    assert archived(log, tmp_path, [toy.CLOCK]).files == []  # there is no day yet
    log.append(OutRecord(toy.CLOCK, 0, b"", b"", DAY_MS))
    archived(log, tmp_path, [toy.CLOCK])
    [[name]] = index(FolderStore(tmp_path)).values()
    assert (name.start, name.end, name.day) == (0, 3, "1970-01-02")


@pytest.mark.parametrize("at_ms", [-1, 0, 1 << 60])
def test_a_clock_that_jumps_loses_nothing(tmp_path: Path, at_ms: int) -> None:
    log = MemoryLog(toy.TOPICS)
    for stamp in (DAY_MS, at_ms, DAY_MS):
        log.append(OutRecord(toy.CLOCK, 0, b"", b"", stamp))
    archived(log, tmp_path, [toy.CLOCK])
    assert [row["_timestamp_ms"] for row in rows(tmp_path, toy.CLOCK)] == [DAY_MS, at_ms, DAY_MS]


def test_a_day_names_its_files_and_the_day_before(tmp_path: Path) -> None:
    log, store = MemoryLog(toy.TOPICS), FolderStore(tmp_path)
    trades(log, 20, DAY_MS - 100)
    archived(log, tmp_path)
    assert days.days(store) == ["1970-01-01", "1970-01-02"]
    first, second = (days.read(store, day) for day in days.days(store))
    assert (first["closed"], second["closed"], first["previous"]) == (True, False, None)
    assert second["previous"] == manifest.digest(store.read("_days/1970-01-01.json"))
    for entry in first["files"] + second["files"]:
        assert entry["sha256"] == manifest.digest(store.read(entry["name"]))
        beside = entry["name"].replace(".parquet", ".json")
        assert entry["manifest_sha256"] == manifest.digest(store.read(beside))


def test_a_range_ends_where_it_is_told_to_and_begins_there_only_once(tmp_path: Path) -> None:
    log = MemoryLog(toy.TOPICS)
    trades(log, 40, DAY_MS - 200)
    archived(log, tmp_path, [toy.TRADES], Span(DAY_MS - 100, DAY_MS))
    first = [row["_timestamp_ms"] for row in rows(tmp_path, toy.TRADES)]
    assert (min(first), max(first)) == (DAY_MS - 100, DAY_MS - 10)
    archived(log, tmp_path, [toy.TRADES], Span(DAY_MS + 100))
    assert len(rows(tmp_path, toy.TRADES)) == 30  # without a hole


def test_offsets_that_nobody_has_any_more_are_named(tmp_path: Path) -> None:
    log = MemoryLog(toy.TOPICS)
    trades(log, 40, 0)
    archived(log, tmp_path, [toy.TRADES])
    before = log.bounds(Tp(toy.TRADES, 0))[1]
    trades(log, 40, 1_000)
    log.trim(Tp(toy.TRADES, 0), before + 2)
    with pytest.raises(ArchiveGap, match=rf"{toy.TRADES}/0: offsets {before} to {before + 1} "):
        archived(log, tmp_path, [toy.TRADES])
    archived(log, tmp_path, [toy.TRADES], accept_gap=True)
    found = index(FolderStore(tmp_path))[Tp(toy.TRADES, 0)]
    assert found[-1].start == before + 2


def test_a_day_goes_on_behind_an_accepted_gap_though_a_record_comes_late(tmp_path: Path) -> None:
    log, place = MemoryLog(toy.TOPICS), Tp(toy.TRADES, 0)
    trades(log, 8, DAY_MS, 0)
    archived(log, tmp_path, [toy.TRADES])
    trades(log, 8, DAY_MS, 0)
    log.trim(place, log.bounds(place)[1])
    for at_ms in (DAY_MS - 1, DAY_MS + 1):
        trades(log, 8, at_ms, 0)
        archived(log, tmp_path, [toy.TRADES], accept_gap=True)
    assert {name.day for name in index(FolderStore(tmp_path))[place]} == {"1970-01-02"}


def test_an_open_file_grows_though_the_log_has_forgotten_its_beginning(tmp_path: Path) -> None:
    log = MemoryLog(toy.TOPICS)
    trades(log, 40, 1_000)
    archived(log, tmp_path / "twice")
    trades(log, 40, 2_000)
    archived(log, tmp_path / "once")
    log.trim(Tp(toy.TRADES, 0), 3)
    archived(log, tmp_path / "twice")
    assert bytes_of(tmp_path / "twice") == bytes_of(tmp_path / "once")


def test_schemas_are_kept_with_the_archive(tmp_path: Path) -> None:
    archived(recorded_log(60), tmp_path)
    ids = json.loads((tmp_path / "_schemas" / "ids.json").read_text())
    newest = toy.CODEC.catalog.events["TradePrinted"].newest
    assert ids[str(toy.CODEC.ids.id_of(newest))] == newest.fingerprint.hex()
    assert (tmp_path / "_schemas" / f"{newest.fingerprint.hex()}.avsc").read_text() == newest.text


class FullDisk(FolderStore):
    """Takes small files, and nothing of a Parquet file."""

    def draft(self, name: str) -> Path:
        return super().draft(name) if name.startswith("_") else Path("/dev/full")

    def publish(self, draft: Path, name: str) -> None:
        assert draft != Path("/dev/full"), "a file that was not written is published"
        super().publish(draft, name)


def test_a_full_disk_is_named_and_loses_nothing(tmp_path: Path) -> None:
    log = recorded_log(60)
    archived(log, tmp_path / "whole")
    with pytest.raises(ArchiveError, match="No space left on device"):
        archive(log, toy.CODEC, FullDisk(tmp_path / "full"), TOPICS)
    archived(log, tmp_path / "full")
    assert bytes_of(tmp_path / "full") == bytes_of(tmp_path / "whole")


def test_old_and_new_versions_are_one_table(tmp_path: Path) -> None:
    event = toy.CODEC.catalog.events["VenueRequestSent"]
    values = [value for version in event.versions.values() for value in examples(version)]
    log = MemoryLog({"venue.raw.v1": 1})
    for number, value in enumerate([*values, b"no event", values[0][:-1]]):
        log.append(OutRecord("venue.raw.v1", 0, b"", value, 1_000 + number))
    archived(log, tmp_path, ["venue.raw.v1"])
    found = rows(tmp_path, "venue.raw.v1")
    assert len(event.versions) > 1
    assert [row["_event"] for row in found] == [*["VenueRequestSent"] * len(values), None, None]
    assert len({row["_schema_id"] for row in found} - {None}) == len(event.versions)
    for row, value in zip(found, values, strict=False):
        decoded = toy.CODEC.decode(value)._asdict()
        assert {name: row[name] for name in decoded} == decoded
    assert {row["_value"] for row in found} >= {b"no event", values[0][:-1]}


def test_every_topic_has_columns_for_all_its_events() -> None:
    for topic, known in toy.CODEC.catalog.topics.items():
        names = set(shape(toy.CODEC.catalog, topic).names)
        for event in known.events:
            fields = toy.CODEC.catalog.events[event].newest.schema["fields"]
            assert {field["name"] for field in fields} <= names, topic
