"""Views: which files are opened, what is in them, and what a question may not do.

1. Days: a file of another day that cannot be read is no matter; asked for, it is one line, and a
   scan names it too.
2. An open file and the longer one that follows it count once; so does a fill that is told twice.
3. Orders have the state that the order book's own fold gives them.
4. No view turns money into a float. A DuckDB file has all views, for a client that knows nothing.
5. Nothing can be written, loaded or read elsewhere.
"""

from __future__ import annotations

import dataclasses
import re
import shutil
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow.parquet as pq
import pytest

import replay
from connectors.log.interface import OutRecord, Tp
from connectors.log.memory import MemoryLog
from pipelines.batches import local_codec
from pipelines.orders.order import Order, Refusal, follow
from replay.archive import manifest
from replay.archive.errors import ArchiveCorrupt, ArchiveError
from replay.archive.layout import FileName
from replay.archive.reader import index
from replay.archive.run import archive
from replay.archive.store import FolderStore
from replay.sql.errors import SqlError
from replay.sql.events import event_view
from replay.sql.session import ask, write_database
from replay.times import EVERYTHING, Span, day_span, text_of
from schemas import events as ev
from schemas.catalog import load_catalog
from tests.connectors.epochs import toy
from tests.replay.archive.rig import DAY_MS

CATALOG = load_catalog()
DAY, BEFORE = "2026-11-21", "2026-11-20"
TRADES = "md.trade.v1"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def rows(root: Path, question: str, span: Span = EVERYTHING) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = ask(FolderStore(root), CATALOG, question, span).to_pylist()
    return found


def count(root: Path, view: str, span: Span = EVERYTHING) -> int:
    [row] = rows(root, f"SELECT count(*) AS n FROM {view}", span)
    return int(row["n"])


@pytest.fixture
def own_root(traded_root: Path, tmp_path: Path) -> Path:
    """A copy that may be changed."""
    return Path(shutil.copytree(traded_root, tmp_path / "archive"))


def file_of(root: Path, topic: str) -> FileName:
    """The longest file of a topic."""
    found = [n for names in index(FolderStore(root), [topic]).values() for n in names]
    return max(found, key=lambda name: name.end)


def place(root: Path, source: FileName, name: FileName) -> None:
    """A copy of a file, with its manifest, under another name."""
    for kind in ("path", "manifest"):
        target = root / getattr(name, kind)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / getattr(source, kind), target)


# ---- files ---------------------------------------------------------------------------------------


def test_only_files_of_the_days_asked_for_are_opened(own_root: Path) -> None:
    before = count(own_root, "trade_printed")
    name = file_of(own_root, TRADES)
    other = name._replace(day=BEFORE, start=5_000_000, end=5_000_001)
    place(own_root, name, other)
    (own_root / other.path).write_bytes(b"PAR1 cut in half")
    (own_root / other.manifest).write_bytes(b"not one either")
    assert count(own_root, "trade_printed", day_span(DAY)) == before
    day_ms = day_span(DAY)
    assert count(own_root, "trade_printed", Span(day_ms[0], day_ms[1] - 1)) == before  # type: ignore[operator]
    assert replay.scan(TRADES, DAY, root=str(own_root)).collect().height == before
    with pytest.raises(SqlError, match=r"md\.trade\.v1.*5000000-5000001"):
        count(own_root, "trade_printed")


def test_a_file_that_a_longer_one_replaces_is_not_read_twice(own_root: Path) -> None:
    before = count(own_root, "trade_printed")
    name = file_of(own_root, TRADES)
    place(own_root, name, name._replace(end=name.end - 1))
    assert count(own_root, "trade_printed") == before
    (own_root / name._replace(end=name.end + 1).path).write_bytes(b"without a manifest")
    assert count(own_root, "trade_printed") == before


def test_a_range_keeps_the_records_inside_it(traded_root: Path) -> None:
    times = [r["t"] for r in rows(traded_root, "SELECT _timestamp_ms AS t FROM trade_printed")]
    low, high = sorted(times)[100], sorted(times)[200]
    inside = sum(low <= at < high for at in times)
    assert 0 < inside < len(times)
    assert count(traded_root, "trade_printed", Span(low, high)) == inside
    assert count(traded_root, "trade_printed", Span(None, low)) == sum(at < low for at in times)
    start, end = (datetime.fromtimestamp(at // 1_000, UTC) for at in (low, high))
    start, end = (
        day + timedelta(milliseconds=at % 1_000) for day, at in ((start, low), (end, high))
    )
    assert replay.scan(TRADES, start, f"{end}", root=str(traded_root)).collect().height == inside
    assert count(traded_root, "trade_printed", Span(max(times) + 1, max(times) + 2)) == 0


def test_parts_of_days_hold_what_the_days_do_though_a_record_came_late(tmp_path: Path) -> None:
    log, half_ms = MemoryLog(toy.TOPICS), DAY_MS // 2
    for at_ms in (5, DAY_MS - 5, DAY_MS + 1, DAY_MS - 2, DAY_MS + 50):
        log.append(toy.trade_record(0, at_ms))
    archive(log, toy.CODEC, FolderStore(tmp_path), [TRADES])
    days = [Span(at, at + DAY_MS) for at in (0, DAY_MS)]
    halves = [Span(half_ms * at, half_ms * (at + 1)) for at in range(4)]
    assert [count(tmp_path, "trade_printed", span) for span in days] == [2, 3]
    assert [count(tmp_path, "trade_printed", span) for span in halves] == [1, 1, 3, 0]
    scans = (replay.scan(TRADES, text_of(a), text_of(b), str(tmp_path)) for a, b in halves)  # type: ignore[arg-type]
    assert [len(scan.collect()) for scan in scans] == [1, 1, 3, 0]


def test_a_file_of_an_older_version_lacks_columns(own_root: Path) -> None:
    name = file_of(own_root, TRADES)
    path, said = own_root / name.path, manifest.read(FolderStore(own_root), name)
    pq.write_table(pq.read_table(path, partitioning=None).drop_columns(["line"]), path)
    told = dataclasses.replace(said, size=path.stat().st_size)
    (own_root / name.manifest).write_bytes(told.dump())
    found = rows(own_root, "SELECT line, count(*) AS n FROM trade_printed GROUP BY ALL")
    assert {row["line"] for row in found} == {"A", "B", None}
    assert replay.scan(TRADES, root=str(own_root)).select("line").collect().null_count().item() > 0


@pytest.mark.parametrize("last", [True, False], ids=["the last file", "one before"])
@pytest.mark.parametrize("keep", [0.5, 0.0], ids=["cut in half", "zeros"])
def test_a_scan_names_a_file_that_is_not_whole(own_root: Path, last: bool, keep: float) -> None:
    store, name = FolderStore(own_root), file_of(own_root, TRADES)
    data = (own_root / name.path).read_bytes()
    if not last:
        after = name._replace(start=name.end, end=name.end + 1)
        place(own_root, name, after)
        told = dataclasses.replace(manifest.read(store, name), start=after.start, end=after.end)
        (own_root / after.manifest).write_bytes(told.dump())
        assert replay.scan(TRADES, root=str(own_root)).collect().height
    left = data[: int(len(data) * keep)] or bytes(len(data))
    (own_root / name.path).write_bytes(left)
    with pytest.raises(ArchiveCorrupt, match=re.escape(f"{own_root}/{name.path}")):
        replay.scan(TRADES, root=str(own_root))


def test_a_topic_without_files_has_all_columns_and_no_rows(traded_root: Path) -> None:
    assert count(traded_root, "frame_received") == 0
    described = rows(traded_root, "DESCRIBE SELECT payload, ts_recv FROM frame_received")
    assert [r["column_type"] for r in described] == ["BLOB", "TIMESTAMP WITH TIME ZONE"]


def test_what_is_read_is_stated_to_the_offset(traded_root: Path) -> None:
    found = rows(traded_root, f"SELECT * FROM archived WHERE topic = '{TRADES}'")
    names = [n for files in index(FolderStore(traded_root), [TRADES]).values() for n in files]
    ranges = {(r["partition"], r["start_offset"], r["end_offset"]) for r in found}
    assert ranges == {(name.partition, name.start, name.end) for name in names}


def test_no_archive_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="holds no archive"):
        count(tmp_path, "orders")


def test_a_scan_has_the_columns_and_rows_of_the_archive(traded_root: Path) -> None:
    frame = replay.scan("oms.order-event.v1", root=str(traded_root))
    filled = frame.filter(pl.col("_event") == "OrderFilled").select("last_px", "last_qty").collect()
    found = rows(traded_root, "SELECT last_px, last_qty FROM order_filled ORDER BY _offset")
    assert filled.to_dicts() == found
    assert filled.schema["last_px"] == pl.Decimal(28, 10)
    with pytest.raises(ArchiveError, match="TAPE_ARCHIVE__ROOT"):
        replay.scan(TRADES)


# ---- what is in them -----------------------------------------------------------------------------


def test_an_orders_state_is_the_order_books(traded_log: MemoryLog, traded_root: Path) -> None:
    folded = {e.cl_ord_id: Order(e.order_qty) for e in events(traded_log, ev.OrderApproved)}
    for event in events(traded_log, object):
        order = folded.get(getattr(event, "cl_ord_id", ""))
        after = order and follow(order, event)
        if isinstance(after, Order) and not isinstance(event, Refusal):
            folded[event.cl_ord_id] = after
    found = rows(traded_root, "SELECT * FROM orders WHERE state NOT IN ('DENIED', 'REQUESTED')")
    states = {r["cl_ord_id"]: (r["state"], r["filled_qty"]) for r in found}
    assert states == {name: (order.state, order.cum_qty) for name, order in folded.items()}
    assert {state for state, _ in states.values()} >= {"FILLED", "CANCELED", "DROPPED", "ABSENT"}


def events(log: MemoryLog, kind: type[Any]) -> list[Any]:
    found = [
        (record.timestamp_ms, tp, at, local_codec().decode(record.value))
        for tp, part in log.partitions.items()
        for at, record in part.committed(0, part.end)
        if tp.topic in ("risk.decision.v1", "oms.order-event.v1")
    ]
    return [row[3] for row in sorted(found, key=lambda row: row[1:3]) if isinstance(row[3], kind)]


def test_an_order_has_its_whole_history(traded_log: MemoryLog, traded_root: Path) -> None:
    [row] = rows(traded_root, "SELECT * FROM orders WHERE state = 'FILLED' AND fill_count = 12")
    told = [h["event"] for h in row["history"]]
    assert told[:3] == ["OrderRequested", "OrderApproved", "OrderSubmitting"]
    assert told.count("OrderFilled") == 12
    assert row["filled_qty"] == row["order_qty"]
    fills = [e for e in events(traded_log, ev.OrderFilled) if e.cl_ord_id == row["cl_ord_id"]]
    assert row["filled_notional"] == sum(f.last_px * f.last_qty for f in fills)


def test_a_fill_that_is_told_twice_counts_once(traded_log: MemoryLog, tmp_path: Path) -> None:
    log, codec = MemoryLog({n: t.partitions for n, t in CATALOG.topics.items()}), local_codec()
    source = traded_log.partitions[Tp("oms.order-event.v1", 3)]
    told = source.committed(0, source.end)
    for _, record in told:
        log.append(record)
    fills = [record for _, record in told if codec.name_of(record.value) == "OrderFilled"]
    booked = codec.decode(fills[0].value)._replace(reconciled=True)
    place = ("recon.position.v1", 3, fills[0].key)
    log.append(OutRecord(*place, codec.encode(booked), fills[-1].timestamp_ms))
    archive(log, codec, FolderStore(tmp_path), tuple(CATALOG.topics))
    assert count(tmp_path, "order_filled") == len(fills) + 1
    assert count(tmp_path, "fills") == len(fills)
    assert count(tmp_path, "fills WHERE reconciled") == 0
    [row] = rows(tmp_path, f"SELECT * FROM orders WHERE cl_ord_id = '{booked.cl_ord_id}'")
    assert (row["state"], row["filled_qty"]) == ("FILLED", row["order_qty"])


def test_a_quote_as_of_a_fill_is_the_newest_before_it(traded_root: Path) -> None:
    found = rows(
        traded_root,
        "SELECT a.quote_position, max_by(q._position, (q.ts_recv_ns, q._offset)) AS newest "
        "FROM asof_quotes a JOIN quote_changed q ON a.instrument = q.instrument "
        "AND q.ts_recv_ns <= a.ts_recv_ns GROUP BY a._position, a.quote_position",
    )
    assert len(found) == count(traded_root, "fills")
    assert all(row["quote_position"] == row["newest"] for row in found)


def test_positions_are_those_of_the_moment(traded_log: MemoryLog, traded_root: Path) -> None:
    [at] = rows(traded_root, "SELECT quantile_disc(_time, 0.5) AS at FROM position_changed")
    before = rows(
        traded_root,
        "SELECT strategy, instrument, arg_max(position_qty, _offset) AS qty FROM position_changed "
        f"WHERE _time <= '{at['at']}' GROUP BY ALL ORDER BY ALL",
    )
    asked = f"SELECT strategy, instrument, position_qty AS qty FROM positions_asof('{at['at']}')"
    assert rows(traded_root, f"{asked} ORDER BY ALL") == before
    assert before != rows(traded_root, asked.replace(str(at["at"]), "2100-01-01") + " ORDER BY ALL")


# ---- types and the file --------------------------------------------------------------------------


def test_no_column_of_any_view_is_a_float(traded_root: Path, tmp_path: Path) -> None:
    file = tmp_path / "tape.duckdb"
    assert write_database(FolderStore(traded_root), CATALOG, file) > 90
    with duckdb.connect(str(file), read_only=True) as client:
        types = client.execute(
            "SELECT table_name, column_name, data_type FROM information_schema.columns"
        ).fetchall()
        macros = [client.execute(f"DESCRIBE SELECT * FROM {m}").fetchall() for m in MACROS]
        [[bars]] = client.execute("SELECT count(*) FROM bars('BTCUSDT.BINANCE', '1s')").fetchall()
        [[orders]] = client.execute("SELECT count(*) FROM orders").fetchall()
    names = {row[0] for row in types}
    assert {event_view(e) for e in CATALOG.events if CATALOG.topics_of(e)} < names
    shown = [(*row[:2], row[2]) for row in types]
    shown += [("macro", row[0], row[1]) for each in macros for row in each]
    assert not [row for row in shown if "DOUBLE" in row[2] or "FLOAT" in row[2]]
    assert (bars > 3, orders) == (True, count(traded_root, "orders"))
    with pytest.raises(SqlError, match="exists"):
        write_database(FolderStore(traded_root), CATALOG, file)


MACROS = (
    "bars('BTCUSDT.BINANCE', '1 minute')",
    "denials_under(1)",
    "positions_asof('2100-01-01')",
    "quotes_asof('2100-01-01')",
)


def test_money_is_exact(traded_log: MemoryLog, traded_root: Path) -> None:
    [row] = rows(traded_root, "SELECT sum(notional) AS paid, sum(commission) AS fees FROM fills")
    fills = events(traded_log, ev.OrderFilled)
    assert row["paid"] == sum((f.last_px * f.last_qty for f in fills), Decimal(0))
    assert row["fees"] == sum((f.commission for f in fills), Decimal(0))


# ---- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("question", "says"),
    [
        pytest.param("SELEC 1", "Parser Error", id="no SQL"),
        pytest.param("SELECT * FROM nothing", "nothing does not exist", id="no view"),
        pytest.param("SELECT px FROM fills", 'column "px" not found', id="no column"),
        pytest.param("", "0 statements", id="nothing"),
        pytest.param("SELECT 1; SELECT 2", "2 statements", id="two questions"),
        pytest.param("COPY (SELECT 1) TO '{here}/x.csv'", "only a question", id="copy"),
        pytest.param(
            "EXPLAIN ANALYZE COPY (SELECT 1) TO '{here}/x.csv'", "only a question", id="hidden copy"
        ),
        pytest.param("EXPORT DATABASE '{here}/x'", "only a question", id="export"),
        pytest.param("ATTACH '{here}/x.db'", "only a question", id="attach"),
        pytest.param("INSTALL httpfs", "only a question", id="extension"),
        pytest.param("SET enable_external_access = true", "only a question", id="setting"),
        pytest.param("SELECT * FROM read_text('/etc/hostname')", "ermission", id="another file"),
        pytest.param("SELECT * FROM 'http://127.0.0.1:9/x.parquet'", "ermission", id="network"),
    ],
)
def test_what_does_more_than_ask_is_refused(
    traded_root: Path, tmp_path: Path, question: str, says: str
) -> None:
    with pytest.raises(SqlError) as caught:
        rows(traded_root, question.format(here=tmp_path))
    assert says.lower() in str(caught.value).lower()
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())
