"""One-minute bars of a day of trades: by `tape sql` over the archive, and by the same query over
one Parquet file that somebody wrote by hand for it.

python -m ops.bench.work fill_archive 2000000 '{}'; python -m ops.bench.work sql_bars 2000000 '{}'
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import duckdb

from ops.bench import data
from ops.bench.samples import Sample
from ops.bench.works import Watch
from ops.processes.clients import codec_of, kafka_log
from ops.settings import Settings
from replay.archive.reader import index
from replay.archive.run import archive
from replay.archive.store import Store, store_at
from replay.sql.session import ask
from schemas.catalog import load_catalog

TRADES: Final = "md.trade.v1"
COLUMNS: Final = "instrument, make_timestamptz(_timestamp_ms * 1000) AS moment, last_px, last_qty"
BY_HAND: Final = """
SELECT
    time_bucket(INTERVAL '1 minute', moment) AS bar, arg_min(last_px, moment) AS open_px,
    max(last_px) AS high_px, min(last_px) AS low_px, arg_max(last_px, moment) AS close_px,
    sum(last_qty) AS volume_qty, sum(last_px * last_qty) AS notional, count(*) AS trades
FROM read_parquet(?) WHERE instrument = ? GROUP BY bar ORDER BY bar
"""


def fill_archive(settings: Settings, events: int, _: dict[str, Any]) -> Sample:
    """The topic's trades in the archive, and in the file by hand; not part of what is measured."""
    watch, log, store = Watch(), kafka_log(settings), store_of(settings)
    archive(log, codec_of(settings), store, (TRADES,))
    log.close()
    write_by_hand(settings, store)
    return watch.sample("fill_archive", events)


def write_by_hand(settings: Settings, store: Store) -> None:
    """One file without the archive's columns, sorted by time."""
    names = [name for files in index(store, [TRADES]).values() for name in files]
    paths = [str(store.local(name.path)) for name in names]
    with duckdb.connect() as connection:
        connection.execute(
            f"COPY (SELECT {COLUMNS} FROM read_parquet($paths, hive_partitioning = false) "
            f"ORDER BY _timestamp_ms) TO '{by_hand(settings)}' (FORMAT parquet, COMPRESSION zstd)",
            {"paths": paths},
        )


def store_of(settings: Settings) -> Store:
    """An archive of its own: nobody else's measurement touches it."""
    return store_at(str(settings.run_dir / "sql-archive"))


def by_hand(settings: Settings) -> Path:
    """Where that file lies."""
    return settings.run_dir / "by-hand.parquet"


def sql_bars(settings: Settings, _: int, __: dict[str, Any]) -> Sample:
    """What `tape sql` does with the question, from the archive's manifests to the answer."""
    catalog, store = load_catalog(), store_of(settings)
    question = f"SELECT * FROM bars('{traded()}', '1 minute')"
    watch = Watch()
    bars = ask(store, catalog, question)
    found = watch.sample("sql_bars", 0)
    [row] = ask(store, catalog, "SELECT count(*) AS n FROM trade_printed").to_pylist()
    found.events, found.extra["bars"] = row["n"], bars.num_rows
    return found


def sql_by_hand(settings: Settings, _: int, __: dict[str, Any]) -> Sample:
    """The same bars from the file by hand."""
    path = str(by_hand(settings))
    watch = Watch()
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        bars = connection.sql(BY_HAND, params=[path, traded()]).to_arrow_table()
        found = watch.sample("sql_by_hand", 0)
        counted = connection.sql("SELECT count(*) FROM read_parquet(?)", params=[path]).fetchall()
    found.events, found.extra["bars"] = counted[0][0], bars.num_rows
    return found


def traded() -> str:
    """One of the instruments."""
    return data.instruments(data.PARTITIONS)[0]
