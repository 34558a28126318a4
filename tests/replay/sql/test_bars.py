"""Bars of other widths than the example's minute: months are the calendar's, whatever the time
zone of the client that opened a database file.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from connectors.log.memory import MemoryLog
from replay.archive.run import archive
from replay.archive.store import FolderStore
from replay.sql.errors import SqlError
from replay.sql.session import ask, write_database
from tests.connectors.epochs import toy

NAME = "BTCUSDT.BINANCE"
TIMES = ("2026-01-31T23:59", "2026-02-01T00:00", "2026-02-28T23:59", "2026-03-01T00:00")


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    log, found = MemoryLog(toy.TOPICS), FolderStore(tmp_path / "archive")
    for number, at in enumerate(TIMES):
        moment = datetime.fromisoformat(at).replace(tzinfo=UTC)
        toy.trade(log, number, int(moment.timestamp()) * 1_000, NAME)
    archive(log, toy.CODEC, found, [toy.TRADES])
    return found


def asked(width: str) -> str:
    return f"SELECT strftime(bar, '%Y-%m-%d %H:%M') AS bar, trades FROM bars('{NAME}', '{width}')"


@pytest.mark.parametrize(
    ("width", "bars"),
    [
        ("1 month", [("2026-01-01 00:00", 1), ("2026-02-01 00:00", 2), ("2026-03-01 00:00", 1)]),
        ("3 months", [("2026-01-01 00:00", 4)]),
        ("1 year", [("2026-01-01 00:00", 4)]),
        (
            "2 hours",
            [(f"2026-{at}", 1) for at in ("01-31 22:00", "02-01 00:00", "02-28 22:00")]
            + [("2026-03-01 00:00", 1)],
        ),
    ],
)
def test_a_bar_begins_where_its_width_says(
    store: FolderStore, width: str, bars: list[tuple[str, int]]
) -> None:
    rows = ask(store, toy.CODEC.catalog, asked(width)).to_pylist()
    assert [(row["bar"], row["trades"]) for row in rows] == bars


@pytest.mark.parametrize("width", ["1 month 1 day", "0 minutes", "-1 day", "soon"])
def test_a_width_that_is_none_is_one_line(store: FolderStore, width: str) -> None:
    with pytest.raises(SqlError) as caught:
        ask(store, toy.CODEC.catalog, asked(width))
    assert "\n" not in str(caught.value)


def test_a_clients_time_zone_moves_no_bar(store: FolderStore, tmp_path: Path) -> None:
    write_database(store, toy.CODEC.catalog, tmp_path / "tape.duckdb")
    question = f"SELECT epoch_ms(bar) // 1000, trades FROM bars('{NAME}', '1 month')"
    with duckdb.connect(str(tmp_path / "tape.duckdb"), read_only=True) as client:
        client.execute("SET TimeZone = 'Asia/Tokyo'")
        found = client.execute(question).fetchall()
    firsts = [datetime(2026, month, 1, tzinfo=UTC) for month in (1, 2, 3)]
    assert [at for at, _ in found] == [int(first.timestamp()) for first in firsts]
