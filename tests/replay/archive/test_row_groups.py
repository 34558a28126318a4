"""What a reader of part of a file needs: groups of rows that say what lies in them."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from connectors.log.interface import Tp
from connectors.log.memory import MemoryLog
from replay.archive import writer
from replay.archive.reader import index
from replay.archive.store import FolderStore
from tests.connectors.epochs import toy
from tests.replay.archive.rig import archived

BITCOIN, ETHER = toy.INSTRUMENTS[:2]
PLACE = Tp(toy.TRADES, toy.trade_record(0, 0, BITCOIN).partition)
TOLD = ("_offset", "_timestamp_ms", "_key", "instrument", "ts_recv_ns", "last_px")
TRADES, GROUP = 200, 50


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Trades of one instrument, then of another, in one partition."""
    monkeypatch.setattr(writer, "ROW_GROUP_ROWS", GROUP)
    log = MemoryLog(toy.TOPICS)
    for number in range(TRADES):
        name = BITCOIN if number < TRADES // 2 else ETHER
        record = toy.trade_record(number, 1_000 + number, name)
        log.append(record._replace(partition=PLACE.partition))
    archived(log, tmp_path, [toy.TRADES])
    [found] = index(FolderStore(tmp_path))[PLACE]
    return tmp_path / found.path


def test_each_group_says_between_which_values_its_rows_lie(file: Path) -> None:
    with pq.ParquetFile(file) as parquet:
        said = parquet.metadata
    assert [said.row_group(n).num_rows for n in range(said.num_row_groups)] == [GROUP] * 4
    names = [said.row_group(0).column(n).path_in_schema for n in range(said.num_columns)]
    bounds: dict[str, list[tuple[object, object]]] = {name: [] for name in TOLD}
    for number in range(said.num_row_groups):
        group = said.row_group(number)
        assert group.sorting_columns[0].column_index == names.index("_offset")
        for place, name in enumerate(names):
            assert group.column(place).compression == "ZSTD"
            if name in bounds:
                statistics = group.column(place).statistics
                assert statistics.has_min_max, name
                bounds[name].append((statistics.min, statistics.max))
    assert bounds["_offset"] == [(n, n + GROUP - 1) for n in range(0, TRADES, GROUP)]
    assert bounds["instrument"] == [(name, name) for name in (BITCOIN, BITCOIN, ETHER, ETHER)]
    times = bounds["_timestamp_ms"]
    assert all(before[1] < after[0] for before, after in pairwise(times))  # type: ignore[operator]


def test_a_question_about_one_instrument_reads_its_groups_alone(file: Path) -> None:
    """Those of the other one are not decoded: their bytes are gone, and nobody minds."""
    with pq.ParquetFile(file) as parquet:
        group = parquet.metadata.row_group(0)
        chunks = [group.column(place) for place in range(group.num_columns)]
        price = next(one for one in chunks if one.path_in_schema == "last_px")
        start = min(filter(None, (price.dictionary_page_offset, price.data_page_offset)))
    data = bytearray(file.read_bytes())
    data[start : start + price.total_compressed_size] = bytes(price.total_compressed_size)
    file.write_bytes(data)
    asked = "SELECT sum(last_px) FROM read_parquet(?) WHERE instrument = ?"
    with duckdb.connect() as connection:
        assert connection.execute(asked, [str(file), ETHER]).fetchall() == [(TRADES // 2,)]
        with pytest.raises(duckdb.Error):
            connection.execute(asked, [str(file), BITCOIN])


def test_a_group_ends_before_it_is_too_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "ROW_GROUP_BYTES", 10_000)
    log = MemoryLog(toy.TOPICS)
    for number in range(TRADES):
        toy.trade(log, number, 1_000 + number, BITCOIN)
    size = sum(len(r.key) + len(r.value) for _, r in log.partitions[PLACE].committed(0, TRADES))
    archived(log, tmp_path, [toy.TRADES])
    [name] = index(FolderStore(tmp_path))[PLACE]
    with pq.ParquetFile(tmp_path / name.path) as parquet:
        assert parquet.metadata.num_row_groups == -(-size // 10_000)
