"""Best bids and asks as imported history.

1. Every row is there, exactly, packed or not, with a header or without; trades lie beside them.
2. A file that is wrong anywhere leaves nothing; the error names file and line.
3. Backtests read them: signals decide on them, orders meet them, marks are made of them.
"""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Iterator
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from connectors.feed.capture import load as frames_of
from connectors.log.interface import Tp
from ops.processes.backtesting import Assumed, setting_of
from ops.settings import ROOT, load_file
from replay import scan
from replay.archive import manifest
from replay.archive.reader import index
from replay.archive.schemas import archived_ids
from replay.archive.source import ArchiveLog
from replay.archive.store import FolderStore
from replay.backtest.run import Done, backtest
from replay.backtest.setting import Setting
from replay.history import binance, table
from replay.history.binance_rows import BOOK_TICKER, SPOT
from replay.history.files import rows_of
from replay.history.imports import Import
from replay.history.load import load
from replay.history.rows import BadHistory
from replay.times import Span, milliseconds
from schemas.catalog import load_catalog
from schemas.codec import Codec
from tests.replay.archive.rig import bytes_of
from tests.replay.backtest.test_run import setting
from tests.replay.history.test_import import FILES as TRADES
from tests.replay.history.test_import import file
from tests.replay.history.test_import import imported as import_spot

FILES = ROOT / "tests" / "data" / "binance_vision_usdm"
USDM = "BINANCE_USDM"
NAME = "BTCUSDT-bookTicker-2025-03-02.csv"
ROW = "5001,61000.10000000,0.00150000,61000.20000000,2,1740873600000,1740873600005"
COLUMNS = "time=t,bid_price=b,bid_quantity=bq,ask_price=a,ask_quantity=aq,id=u"


def imported(folder: Path, path: Path, venue: str = USDM) -> Import | None:
    source = binance.source_of(path, venue)
    return load(FolderStore(folder), source, rows_of(path, binance.parser(path, venue)))


def csv_imported(
    folder: Path, path: Path, instrument: str = "XRP-EUR.DESK", columns: str = COLUMNS
) -> Import | None:
    named = table.columns_of(columns)
    source = table.source_of(path, instrument, named)
    return load(FolderStore(folder), source, rows_of(path, table.parser(source, named)))


def quotes_in(folder: Path) -> list[dict[str, Any]]:
    return scan("md.quote.v1", root=str(folder)).collect().to_dicts()


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("imported")
    for path in binance.files_in([FILES]):
        imported(folder, path)
    return folder


# ---- what is there -------------------------------------------------------------------------------


def by_hand() -> Iterator[tuple[Any, ...]]:
    """The shipped rows, read without Tape."""
    with zipfile.ZipFile(FILES / "ETHUSDT-bookTicker-2024-08-08.zip") as packed:
        [name] = packed.namelist()
        first = packed.read(name).decode()
    for text in (first, (FILES / "ETHUSDT-bookTicker-2024-08-09.csv").read_text()):
        for number, *sides, at_ms, _ in list(csv.reader(io.StringIO(text)))[1:]:
            yield int(number), *map(Decimal, sides), int(at_ms) * 1_000_000


def test_every_row_is_there(shipped: Path) -> None:
    names = ("sequence", "bid_px", "bid_qty", "ask_px", "ask_qty", "ts_event_ns")
    rows = quotes_in(shipped)
    assert [tuple(one[name] for name in names) for one in rows] == list(by_hand())
    assert len(rows) == 3_008
    assert {one["line"] for one in rows} == {"imported"}
    assert {one["instrument"] for one in rows} == {"ETHUSDT.BINANCE_USDM"}
    assert all(one["ts_event_ns"] == one["ts_recv_ns"] for one in rows)


def test_files_say_where_their_rows_came_from(shipped: Path) -> None:
    store = FolderStore(shipped)
    [names] = index(store).values()
    origins = [manifest.read(store, name).origin for name in names]
    for origin, path in zip(origins, binance.files_in([FILES]), strict=True):
        assert origin is not None
        digest = sha256(path.read_bytes()).hexdigest()
        assert origin == (path.name, digest, "binance-vision bookTicker")
    assert all(b'"imported":true' in store.read(name.manifest) for name in names)


def test_the_same_again_changes_nothing(shipped: Path) -> None:
    before = bytes_of(shipped)
    assert [imported(shipped, path) for path in binance.files_in([FILES])] == [None, None]
    assert bytes_of(shipped) == before


def test_trades_and_quotes_lie_in_topics_of_their_own(tmp_path: Path) -> None:
    for path in binance.files_in([TRADES]):
        import_spot(tmp_path, path)
    for path in binance.files_in([FILES]):
        imported(tmp_path, path)
    log = ArchiveLog(FolderStore(tmp_path))
    assert log.partition_count("md.trade.v1") == 2
    assert log.partition_count("md.quote.v1") == 1
    assert log.bounds(Tp("md.quote.v1", 0)) == (0, 3_008)


def test_a_table_may_hold_both(tmp_path: Path) -> None:
    path = file(tmp_path, "t,p,q,b,bq,a,aq", "1772456400,0.5,1,0.4,3,0.6,2", name="desk.csv")
    quoted = COLUMNS.removesuffix(",id=u")
    for columns in ("time=t,price=p,quantity=q", quoted):
        assert csv_imported(tmp_path / "archive", path, columns=columns) is not None
        assert csv_imported(tmp_path / "archive", path, columns=columns) is None
    [one] = quotes_in(tmp_path / "archive")
    assert one["sequence"] is None
    assert [one[name] for name in ("bid_px", "bid_qty", "ask_px", "ask_qty")] == [
        *(Decimal("0.4"), 3, Decimal("0.6"), 2)
    ]
    [trade] = scan("md.trade.v1", root=str(tmp_path / "archive")).collect().to_dicts()
    assert trade["last_px"] == Decimal("0.5")


# ---- forms ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param([ROW], id="without a header"),
        pytest.param([",".join(BOOK_TICKER), ROW], id="with a header"),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_forms(tmp_path: Path, rows: list[str], packed: bool) -> None:
    path = file(tmp_path, *rows, name=NAME)
    if packed:
        plain, path = path, path.with_suffix(".zip")
        with zipfile.ZipFile(path, "w") as archive:
            archive.write(plain, NAME)
    imported(tmp_path / "archive", path)
    [one] = quotes_in(tmp_path / "archive")
    assert one["instrument"] == "BTCUSDT.BINANCE_USDM"
    assert (one["sequence"], one["ts_event_ns"]) == (5_001, 1_740_873_600_000_000_000)
    assert (one["bid_px"], one["bid_qty"]) == (Decimal("61000.1"), Decimal("0.0015"))


def test_futures_need_a_venue_of_their_own(tmp_path: Path) -> None:
    with pytest.raises(BadHistory, match="bookTicker files are of futures"):
        imported(tmp_path / "archive", file(tmp_path, ROW, name=NAME), SPOT)


# ---- what is wrong -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (ROW.replace("61000.1", "NaN"), "bid price: 'NaN"),
        (ROW.replace("61000.1", "0.0"), "bid price is 0.00000000, not above 0"),
        (ROW.replace("61000.2", "61000.2000000000123"), "ask price: 61000.2"),
        (ROW.replace("0.0015", "-0.0015"), "bid quantity is -0.00150000, below 0"),
        (ROW.replace("61000.1", "61000.3"), "best bid 61000.3.* is not below best ask 61000.2"),
        (ROW.replace("61000.1", "61000.2"), "best bid 61000.2.* is not below best ask 61000.2"),
        (ROW.replace("5001", "5000"), "update id '5000' does not rise"),
        (ROW.replace("5001", "4999"), "update id '4999' does not rise"),
        (ROW.replace("5001", "9" * 5_000), "is no whole number"),
        (ROW.replace("1740873600000", "17408736000"), "time '17408736000' is no time"),
        (ROW.replace("1740873600005", "later"), "time 'later' is no time"),
        (f"{ROW},1", "8 columns, not 7"),
        ("update_id,best_ask_price", "2 columns, not 7"),
        (",".join(BOOK_TICKER), "update id 'update_id' is no whole number"),
    ],
)
def test_a_bad_row_leaves_nothing(tmp_path: Path, bad: str, says: str) -> None:
    rows = [ROW.replace("5001", str(number)) for number in range(4_991, 5_001)]
    path = file(tmp_path, *rows, bad, ROW.replace("5001", "6000"), name=NAME)
    with pytest.raises(BadHistory, match=f"2025-03-02.csv, line 11: .*{says}"):
        imported(tmp_path / "archive", path)
    assert bytes_of(tmp_path / "archive") == {}


def test_a_header_of_other_columns_is_not_guessed_at(tmp_path: Path) -> None:
    other = ",".join((*BOOK_TICKER[:1], *BOOK_TICKER[3:5], *BOOK_TICKER[1:3], *BOOK_TICKER[5:]))
    with pytest.raises(BadHistory, match="line 1: update id 'update_id' is no whole number"):
        imported(tmp_path / "archive", file(tmp_path, other, ROW, name=NAME))


def test_nothing_may_be_there_for_the_moment(tmp_path: Path) -> None:
    imported(tmp_path / "archive", file(tmp_path, ROW.replace(",2,", ",0,"), name=NAME))
    assert quotes_in(tmp_path / "archive")[0]["ask_qty"] == 0


@pytest.mark.parametrize(
    ("columns", "line", "says"),
    [
        ("time=t,bid_price=b", "1,1,1,1,1,1", "names no bid_quantity"),
        (f"{COLUMNS},price=p", "1,1,1,1,1,1", "of time, bid_price"),
        (COLUMNS, "1772456400,2,1,1,1,7", "line 2: best bid 2 is not below best ask 1"),
        (COLUMNS, "1772456400,1,1,2,1,x7", "line 2: id 'x7' is no whole number"),
        (COLUMNS, "1772456400,1,1,2,-1,7", "line 2: ask quantity is -1, below 0"),
        (COLUMNS, "1772456400,1,1,2,1", "line 2: 5 columns are too few"),
    ],
)
def test_a_table_that_cannot_be_read(tmp_path: Path, columns: str, line: str, says: str) -> None:
    path = file(tmp_path, "t,b,bq,a,aq,u", line, name="desk.csv")
    with pytest.raises(BadHistory, match=says):
        csv_imported(tmp_path / "archive", path, columns=columns)
    assert bytes_of(tmp_path / "archive") == {}


# ---- backtests -----------------------------------------------------------------------------------


def run(folder: Path, given: Setting, span: Span) -> Done:
    store, catalog = FolderStore(folder), load_catalog()
    return backtest(ArchiveLog(store), Codec(catalog, archived_ids(store, catalog)), given, span)


def captured_table(folder: Path) -> Path:
    """The captured best bids and asks of spot ETHUSDT as a table: they carry no time of the
    venue's, so the time of their reception stands for it.
    """
    begin_ns = 1_723_161_256_000_000_000
    rows = []
    for frame in frames_of(("binance_spot_ethusdt_20240808",), 0.0, 60.0):
        sent = json.loads(frame.payload)
        if sent.get("stream", "").endswith("@bookTicker"):
            sides = (sent["data"][name] for name in "bBaA")
            rows.append(",".join((f"{begin_ns + frame.at_ns}", *sides, f"{sent['data']['u']}")))
    return file(folder, "t,b,bq,a,aq,u", *rows, name="eth.csv")


def test_book_imbalance_trades_on_imported_quotes(tmp_path: Path) -> None:
    folder = tmp_path / "archive"
    csv_imported(folder, captured_table(tmp_path), "ETHUSDT.BINANCE")
    done = run(folder, setting(), Span())
    assert (done.quotes, done.marks) == ("of the log", "made of quotes")
    assert done.story.events["OrderApproved"] >= 10
    asked = {fill.event.instrument for fill in done.story.fills}
    assert asked == {"ETHUSDT.BINANCE"}
    assert {one.tp.topic for one in done.ranges} == {"md.quote.v1"}


def test_who_has_no_quotes_trades_on_its_trades_beside_them(tmp_path: Path) -> None:
    folder = tmp_path / "archive"
    csv_imported(folder, captured_table(tmp_path), "ETHUSDT.BINANCE")
    import_spot(folder, TRADES / "BTCUSDT-trades-2024-08-08.zip")
    done = run(folder, setting(), Span(None, milliseconds("2024-08-08T23:55:30Z")))
    assert done.quotes == "of the log, else implied by trades"
    fills = {fill.event.instrument for fill in done.story.fills}
    assert fills == {"ETHUSDT.BINANCE", "BTCUSDT.BINANCE"}


def test_book_imbalance_decides_on_a_book_ticker(shipped: Path) -> None:
    example = load_file(ROOT / "ops/desk/example/tape.toml")
    signals = example.model_dump()["strategy"]["signals"]
    added = {
        "name": "futures",
        "uses": "book-imbalance",
        "instruments": ["ETHUSDT.BINANCE_USDM"],
        "options": {"size": "0.5"},
    }
    settings = load_file(
        ROOT / "ops/desk/example/tape.toml", strategy={"signals": [*signals, added]}
    )
    done = run(shipped, setting_of(settings, Assumed()), Span())
    assert done.market >= 3_008
    assert done.records.counts()["signal.target.v1"] >= 20
