"""Questions to an archive that an archiver lets grow meanwhile.

1. Between the listing of a file and its opening, a longer one takes its place: the answer is that
   of the archive as it was listed again, to the offset that it states.
2. An archiver that never rests beside questions that never rest: no question fails, counts a record
   twice or misses one below its stated offset.
3. A folder that is listed while files are replaced shows one of both, always.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import duckdb
import pytest

from replay.archive.errors import ArchiveError
from replay.archive.store import FolderStore
from replay.sql import session
from replay.sql.errors import SqlError
from replay.sql.session import ask, write_database
from replay.times import EVERYTHING, Span
from tests.connectors.epochs import toy
from tests.replay.growing import MORE, ROUNDS, Growing, restless

QUESTION = """
SELECT count(*) AS rows, count(DISTINCT (_partition, _offset)) AS places, sum(last_px) AS total,
       (SELECT sum(end_offset) FROM archived WHERE topic = 'md.trade.v1') AS stated
FROM trade_printed
"""


def asked(growing: Growing, span: Span = EVERYTHING) -> dict[str, Any]:
    [row] = ask(growing.store, toy.CODEC.catalog, QUESTION, span).to_pylist()
    return dict(row)


def holds(row: dict[str, Any]) -> bool:
    """Every record to the stated offset, once; each trade's price is 1."""
    return len({row["rows"], row["places"], int(row["total"]), int(row["stated"])}) == 1


@pytest.fixture
def growing(tmp_path: Path) -> Growing:
    return Growing(tmp_path / "archive")


@pytest.mark.parametrize("span", [EVERYTHING, Span(1, None)], ids=["all", "a range"])
def test_a_file_that_grows_before_it_is_opened(
    growing: Growing, monkeypatch: pytest.MonkeyPatch, span: Span
) -> None:
    times = iter([growing.grow, growing.grow])
    lock = session.lock

    def meanwhile(connection: duckdb.DuckDBPyConnection, store: FolderStore) -> None:
        next(times, lambda: None)()
        lock(connection, store)

    monkeypatch.setattr(session, "lock", meanwhile)
    row = asked(growing, span)
    assert holds(row), row
    assert row["rows"] == 3 * MORE


def test_a_file_that_is_gone_is_an_error(growing: Growing, monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(connection: duckdb.DuckDBPyConnection, store: FolderStore) -> None:
        for name in growing.store.names(toy.TRADES):
            if name.endswith(".parquet"):
                growing.store.remove(name)

    monkeypatch.setattr(session, "lock", lost)
    with pytest.raises((SqlError, ArchiveError)):
        asked(growing)


def test_no_question_fails_beside_a_restless_archiver(growing: Growing) -> None:
    answers = []
    with restless(growing) as done:
        while not done.is_set():
            answers.append(asked(growing))
    assert all(map(holds, answers)), [row for row in answers if not holds(row)]
    seen = [row["rows"] for row in answers]
    assert seen == sorted(seen)
    assert asked(growing)["rows"] == (1 + ROUNDS) * MORE


def test_a_database_is_written_beside_a_restless_archiver(
    growing: Growing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "copies", lambda store: True)
    with restless(growing):
        write_database(growing.store, toy.CODEC.catalog, tmp_path / "one.duckdb")
    with duckdb.connect(str(tmp_path / "one.duckdb"), read_only=True) as connection:
        [row] = connection.sql(QUESTION).to_arrow_table().to_pylist()
    assert holds(row), row


def test_a_folder_shows_the_old_or_the_new_file(tmp_path: Path) -> None:
    store, stop = FolderStore(tmp_path), threading.Event()
    (tmp_path / "0").touch()

    def replaced() -> None:
        number = 0
        while not stop.is_set():
            (tmp_path / str(number + 1)).touch()
            (tmp_path / str(number)).unlink()
            number += 1

    thread = threading.Thread(target=replaced)
    thread.start()
    try:
        assert all(store.names() for _ in range(2_000))
    finally:
        stop.set()
        thread.join()
