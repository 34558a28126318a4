"""Downloaded files as an archive of their own.

1. Every row of the shipped files is there, exactly; SQL, scans, the audit and backtests read them.
2. A file that is wrong anywhere leaves nothing; the error names file and line.
3. The same file again changes nothing; an import cut off anywhere is finished by doing it again.
4. Imported history and the archive of a log keep apart.
"""

from __future__ import annotations

import csv
import io
import shutil
import zipfile
from collections.abc import Iterator
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from connectors.log.interface import Tp
from ops.settings import ROOT
from replay import scan
from replay.archive import manifest
from replay.archive.errors import ArchiveError, OtherLog
from replay.archive.reader import index
from replay.archive.schemas import archived_ids
from replay.archive.source import ArchiveLog
from replay.archive.store import FolderStore
from replay.backtest.run import backtest
from replay.backtest.store import manifest_of
from replay.history import binance, binance_rows, files, table
from replay.history import load as loading
from replay.history.imports import Import
from replay.history.load import load
from replay.history.rows import BadHistory
from replay.sql.session import ask
from replay.times import Span, milliseconds
from schemas.catalog import load_catalog
from schemas.codec import Codec
from tests.connectors.epochs import toy
from tests.replay.archive.rig import archived, bytes_of
from tests.replay.backtest.test_run import setting
from tests.replay.test_rerun import recorded_log

FILES = ROOT / "tests" / "data" / "binance_vision"
DAYS = ("2024-08-08", "2024-08-09")
SPOT = "5001,61000.10000000,0.00150000,91.50015000,{time},{maker},True"
AGGREGATED = "77,61000.10000000,0.00150000,5001,5003,{time},{maker},True"
FUTURES = "9,61000.1,0.0015,91.50015,{time},{maker}"


def imported(folder: Path, path: Path, venue: str = binance_rows.SPOT) -> Import | None:
    source = binance.source_of(path, venue)
    return load(FolderStore(folder), source, files.rows_of(path, binance.parser(path, venue)))


def all_imported(folder: Path) -> list[Import | None]:
    return [imported(folder, path) for path in binance.files_in([FILES])]


def file(folder: Path, *rows: str, name: str = "BTCUSDT-trades-2025-03-02.csv") -> Path:
    path = folder / name
    path.write_text("".join(f"{row}\n" for row in rows))
    return path


def row(form: str = SPOT, time: str = "1740873600000123", maker: str = "True") -> str:
    return form.format(time=time, maker=maker)


def rows_of(folder: Path) -> list[dict[str, Any]]:
    return scan("md.trade.v1", root=str(folder)).collect().to_dicts()


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("imported")
    all_imported(folder)
    return folder


# ---- what is there -------------------------------------------------------------------------------


def by_hand() -> Iterator[tuple[Any, ...]]:
    """The shipped rows, read without Tape."""
    for symbol in ("BTCUSDT", "ETHUSDT"):
        for day in DAYS:
            with zipfile.ZipFile(FILES / f"{symbol}-trades-{day}.zip") as packed:
                [name] = packed.namelist()
                text = io.StringIO(packed.read(name).decode())
            for number, px, qty, _, ms, maker, _ in csv.reader(text):
                side = "SELL" if maker == "True" else "BUY"
                yield f"{symbol}.BINANCE", number, side, Decimal(px), Decimal(qty), int(ms)


def test_every_row_is_there(shipped: Path) -> None:
    there = [
        (
            one["instrument"],
            one["trade_id"],
            one["aggressor_side"],
            one["last_px"],
            one["last_qty"],
            one["_timestamp_ms"],
        )
        for one in rows_of(shipped)
    ]
    assert there == list(by_hand())
    assert len(there) == 15_863
    assert {one["line"] for one in rows_of(shipped)} == {"imported"}


def test_files_say_where_their_rows_came_from(shipped: Path) -> None:
    store = FolderStore(shipped)
    names = [name for files in index(store).values() for name in files]
    assert [(name.partition, name.day) for name in names] == [(p, d) for p in (0, 1) for d in DAYS]
    for name in names:
        origin = manifest.read(store, name).origin
        assert origin is not None
        assert origin.sha256 == sha256((FILES / origin.name).read_bytes()).hexdigest()
        assert origin.name.endswith(f"{name.day}.zip")
        assert b'"imported":true' in store.read(name.manifest)


def test_sql_asks_it(shipped: Path) -> None:
    bars = ask(
        FolderStore(shipped),
        load_catalog(),
        "SELECT count(*) AS n, sum(volume_qty) AS v FROM bars('ETHUSDT.BINANCE', '1 minute')",
    )
    [found] = bars.to_pylist()
    wanted = sum(qty for name, _, _, _, qty, _ in by_hand() if name == "ETHUSDT.BINANCE")
    assert (found["n"], found["v"]) == (7, wanted)


def test_the_example_trades_on_it(shipped: Path) -> None:
    store, catalog = FolderStore(shipped), load_catalog()
    codec = Codec(catalog, archived_ids(store, catalog))
    span = Span(milliseconds("2024-08-08T23:59:00Z"))
    done = backtest(ArchiveLog(store), codec, setting(), span)
    assert (done.quotes, done.marks) == ("implied by trades", "made of quotes")
    assert done.story.events["OrderFilled"] >= 10
    fills = {fill.event.instrument for fill in done.story.fills}
    assert fills == {"BTCUSDT.BINANCE"}, "who reads quotes sees none"
    assert {trade.tp.topic for trade in done.ranges} == {"md.trade.v1"}


def test_another_import_is_another_backtest(tmp_path: Path) -> None:
    """Where a corrected file has as many rows, the offsets are the same."""
    found: list[Any] = []
    for px in ("61000.1", "61000.2", "61000.1"):
        folder = tmp_path / str(len(found))
        folder.mkdir()
        imported(folder, file(folder, row().replace("61000.1", px)))
        store, catalog = FolderStore(folder), load_catalog()
        codec = Codec(catalog, archived_ids(store, catalog))
        done = backtest(ArchiveLog(store), codec, setting())
        found.append((done.ranges, manifest_of(done, {})["run"]))
    assert found[0] == found[2]
    assert found[0][0] == found[1][0]
    assert found[0][1] != found[1][1]


# ---- forms ---------------------------------------------------------------------------------------

AT_NS = 1_740_873_600_000_000_000


@pytest.mark.parametrize(
    ("name", "rows", "venue", "number", "side", "ts_ns"),
    [
        pytest.param("trades", [row()], "BINANCE", "5001", "SELL", AT_NS + 123_000, id="us"),
        pytest.param(
            "trades", [row(time="1740873600000")], "BINANCE", "5001", "SELL", AT_NS, id="ms"
        ),
        pytest.param(
            "trades",
            ["id,price,qty,quote_qty,time,is_buyer_maker,is_best_match", row(maker="false")],
            "BINANCE",
            "5001",
            "BUY",
            AT_NS + 123_000,
            id="with a header",
        ),
        pytest.param(
            "aggTrades",
            [row(AGGREGATED, maker="False")],
            "BINANCE",
            "agg-77",
            "BUY",
            AT_NS + 123_000,
            id="aggregated",
        ),
        pytest.param(
            "trades",
            ["id,price,qty,quote_qty,time,is_buyer_maker", row(FUTURES, "1740873600000", "true")],
            "BINANCE_USDM",
            "9",
            "SELL",
            AT_NS,
            id="futures",
        ),
    ],
)
def test_forms(
    tmp_path: Path, name: str, rows: list[str], venue: str, number: str, side: str, ts_ns: int
) -> None:
    path = file(tmp_path, *rows, name=f"BTCUSDT-{name}-2025-03-02.csv")
    imported(tmp_path / "archive", path, venue)
    [one] = rows_of(tmp_path / "archive")
    assert (one["trade_id"], one["aggressor_side"], one["ts_event_ns"]) == (number, side, ts_ns)
    assert one["instrument"] == f"BTCUSDT.{venue}"
    assert (one["last_px"], one["last_qty"]) == (Decimal("61000.1"), Decimal("0.0015"))


def csv_imported(folder: Path, path: Path, columns: str) -> Import | None:
    named = table.columns_of(columns)
    source = table.source_of(path, "XRP-EUR.DESK", named)
    parse = table.parser(source, named)
    return load(FolderStore(folder), source, files.rows_of(path, parse))


def test_any_table(tmp_path: Path) -> None:
    lines = (
        "when,p,note,q",
        "2026-03-02T14:00:00.123456789+01:00,0.5,,10",
        '"2026-03-02T13:00:00,123456789",0.5,,10',
        "1772456400,0.50,x,1e1",
    )
    path = file(tmp_path, *lines, name="desk.csv")
    made = csv_imported(tmp_path / "archive", path, "time=when, price=p, quantity=q")
    assert made is not None
    digest = sha256(path.read_bytes()).hexdigest()[:12]
    found = [
        (one["trade_id"], one["aggressor_side"], one["ts_event_ns"], one["last_qty"])
        for one in rows_of(tmp_path / "archive")
    ]
    first_ns = 1_772_456_400_123_456_789
    assert found == [
        (f"{digest}-1", "UNKNOWN", first_ns, Decimal(10)),
        (f"{digest}-2", "UNKNOWN", first_ns, Decimal(10)),
        (f"{digest}-3", "UNKNOWN", 1_772_456_400_000_000_000, Decimal(10)),
    ]


@pytest.mark.parametrize(
    ("columns", "line", "says"),
    [
        ("time=t,price=p", "1,1", "names no quantity"),
        ("time=t,price=p,quantity=q,fee=f", "1,1", "of time, price"),
        ("time=t,price=p,quantity=x", "1,1,1", "column 'x' is there 0 times"),
        ("time=t,price=p,quantity=q", "1772456400,1", "line 2: 2 columns are too few"),
        ("time=t,price=p,quantity=q", "yesterday,1,1", "line 2: time 'yesterday' is neither"),
        ("time=t,price=p,quantity=q", "177245640,1,1", "line 2: time '177245640' is no time"),
        *(
            ("time=t,price=p,quantity=q", f"{time},1,1", f"line 2: time '{time}")
            for time in (
                "2026-03-02T14:00:00.1234567891",  # a digit more than there are nanoseconds
                "1012121231200.5",
                "1000-01-01T00:00:00Z",
                "9999-12-31T00:00:00Z",
                "9999999999999999999",
                "0001-01-01T00:00:00+14:00",
            )
        ),
        ("time=t,price=p,quantity=q,side=s", "1772456400,1,1,up", "side 'up' is neither"),
    ],
)
def test_a_table_that_cannot_be_read(tmp_path: Path, columns: str, line: str, says: str) -> None:
    path = file(tmp_path, "t,p,q,s", line, name="desk.csv")
    with pytest.raises(BadHistory) as refused:
        csv_imported(tmp_path / "archive", path, columns)
    assert says in str(refused.value)


def test_a_table_with_the_newest_first_is_refused(tmp_path: Path) -> None:
    """Its trades would be replayed backwards."""
    lines = [f"{1_772_456_400 - second},1,1" for second in range(5)]
    path = file(tmp_path, "t,p,q", *lines, name="desk.csv")
    with pytest.raises(BadHistory, match="line 4: time '1772456398' is older than a row above"):
        csv_imported(tmp_path / "archive", path, "time=t,price=p,quantity=q")
    assert not list(tmp_path.glob("archive/**/*.parquet"))
    path = file(tmp_path, "t,p,q", *reversed(lines), name="desk.csv")
    assert csv_imported(tmp_path / "archive", path, "time=t,price=p,quantity=q") is not None


def test_a_table_without_a_time_is_refused(tmp_path: Path) -> None:
    path = file(tmp_path, "t,p,q", "1970-01-01T00:00:00Z,1,1", name="desk.csv")
    with pytest.raises(BadHistory, match=r"desk\.csv holds no trades from after 1970-01-01"):
        csv_imported(tmp_path / "archive", path, "time=t,price=p,quantity=q")
    assert not list(tmp_path.glob("archive/**/*.parquet"))


# ---- what is wrong -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (row().replace("61000.1", "NaN"), "price: 'NaN"),
        (row().replace("61000.1", "61000.1000000000123"), "price: 61000.1"),
        (row().replace("0.0015", "-0.0015"), "quantity is -0.0015"),
        (row(time="17408736000"), "time '17408736000' is no time"),
        (row(maker="maybe"), "is buyer maker: 'maybe'"),
        (row().replace("5001", "5000"), "trade id '5000' does not rise"),
        (row().replace("5001", "next"), "trade id 'next' is no whole number"),
        (row() + ",1", "8 columns, not 7"),
        (row(FUTURES), "futures"),
        ('5002,"61000"0', "expected after"),
    ],
)
def test_a_bad_row_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bad: str, says: str
) -> None:
    monkeypatch.setattr(loading, "ROWS", 5)  # so that some were written by then
    rows = [row().replace("5001", str(number)) for number in range(4_991, 5_001)]
    path = file(tmp_path, *rows, bad, row().replace("5001", "6000"))
    with pytest.raises(BadHistory, match=f"2025-03-02.csv, line 11: .*{says}"):
        imported(tmp_path / "archive", path)
    assert bytes_of(tmp_path / "archive") == {}


def test_a_file_that_is_damaged(tmp_path: Path) -> None:
    whole = FILES / "ETHUSDT-trades-2024-08-09.zip"
    for end in (10, 200):
        path = tmp_path / whole.name
        path.write_bytes(whole.read_bytes()[:end])
        with pytest.raises(BadHistory, match="line 1: File is not a zip file"):
            imported(tmp_path / "archive", path)
    flipped = bytearray(whole.read_bytes())
    flipped[100] ^= 1
    path.write_bytes(flipped)
    with pytest.raises(BadHistory, match=r"Error -3|Bad CRC"):
        imported(tmp_path / "archive", path)
    shutil.copy(FILES / f"{whole.name}.CHECKSUM", tmp_path)
    with pytest.raises(BadHistory, match="its SHA-256 is"):
        imported(tmp_path / "archive", path)
    assert bytes_of(tmp_path / "archive") == {}


@pytest.mark.parametrize(
    ("at", "byte", "says"),
    [
        pytest.param((8, 10), 9, "That compression method is not supported", id="Deflate64"),
        pytest.param((6, 8), 1, "is encrypted", id="encrypted"),
    ],
)
def test_a_zip_that_nothing_here_unpacks(
    tmp_path: Path, at: tuple[int, int], byte: int, says: str
) -> None:
    data = bytearray((FILES / "ETHUSDT-trades-2024-08-08.zip").read_bytes())
    data[at[0]] = data[data.index(b"PK\x01\x02") + at[1]] = byte  # of the file, of the directory
    path = tmp_path / "ETHUSDT-trades-2024-08-08.zip"
    path.write_bytes(data)
    with pytest.raises(BadHistory, match=f"line 1: .*{says}.*; unpack it first") as raised:
        imported(tmp_path / "archive", path)
    assert "\n" not in str(raised.value)
    assert bytes_of(tmp_path / "archive") == {}


def test_what_a_folder_holds_besides_is_named(tmp_path: Path) -> None:
    for name in (
        *("BTCUSDT-trades-2025-03-02.csv", "BTCUSDT-trades-2025-03-02.zip"),
        *("BTCUSDT-trades-2025-03-02.zip.CHECKSUM", ".hidden"),
        *("BTCUSDT-trades-2025-03-03.csv.gz", "BTCUSDT-1m-2025-03-03.zip", "more/notes.txt"),
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        file(tmp_path, name=name)
    found = [str(path.relative_to(tmp_path)) for path in binance.left_out([tmp_path])]
    assert found == [
        "BTCUSDT-1m-2025-03-03.zip",
        "BTCUSDT-trades-2025-03-03.csv.gz",
        "more/notes.txt",
    ]
    assert binance.left_out([tmp_path / "BTCUSDT-trades-2025-03-02.csv"]) == []


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("BTCUSDT-1m-2025-03-02.csv", "1m hold neither trades nor quotes"),
        ("BTCUSDT_2025-03-02.csv", "not named like"),
        ("BTCUSDT-klines-2025-03-02.csv", "klines hold neither trades nor quotes"),
        ("BTCUSDT-bookDepth-2025-03-02.csv", "so many percent of the price, not at which prices"),
    ],
)
def test_other_kinds_are_refused(tmp_path: Path, name: str, says: str) -> None:
    with pytest.raises(BadHistory, match=says):
        binance.files_in([file(tmp_path, name=name)])


def test_a_file_without_a_trade(tmp_path: Path) -> None:
    with pytest.raises(BadHistory, match="holds no trades"):
        imported(tmp_path / "archive", file(tmp_path))


# ---- again, and in which order -------------------------------------------------------------------


def test_the_same_again_changes_nothing(shipped: Path) -> None:
    before = bytes_of(shipped)
    assert all_imported(shipped) == [None] * 4
    assert bytes_of(shipped) == before


def test_what_is_older_is_refused(tmp_path: Path) -> None:
    imported(tmp_path, FILES / "ETHUSDT-trades-2024-08-09.zip")
    before = bytes_of(tmp_path)
    with pytest.raises(BadHistory, match=r"23:54:15.611Z, but .*00:00:00.982Z: import files"):
        imported(tmp_path, FILES / "ETHUSDT-trades-2024-08-08.zip")
    assert bytes_of(tmp_path) == before


class CutOff(Exception):
    """The process died."""


class Dying(FolderStore):
    """A folder whose writer dies at its n-th step; a draft that was not renamed stays behind."""

    def __init__(self, root: Path, steps: int) -> None:
        super().__init__(root)
        self.steps = steps

    def publish(self, draft: Path, name: str) -> None:
        if self.steps == 0:
            raise CutOff
        self.steps -= 1
        super().publish(draft, name)


def test_an_import_cut_off_anywhere_is_finished_by_the_next(tmp_path: Path) -> None:
    first, second = (FILES / f"ETHUSDT-trades-{day}.zip" for day in DAYS)
    imported(tmp_path / "whole", first)
    imported(tmp_path / "whole", second)
    wanted, steps, cut = bytes_of(tmp_path / "whole"), 0, True
    while cut:
        folder = tmp_path / str(steps)
        imported(folder, first)
        path, store = second, Dying(folder, steps)
        try:
            load(store, binance.source_of(path), files.rows_of(path, binance.parser(path)))
            cut = False
        except CutOff:
            began = (folder / "_imports.json").read_bytes().count(b'"done":false')
            other = file(tmp_path, row())
            if began:
                with pytest.raises(BadHistory, match="was cut off: import it again first"):
                    imported(folder, other)
            imported(folder, second)
        assert bytes_of(folder) == wanted, steps
        steps += 1
    assert steps >= 6


def test_an_import_cut_off_is_finished_as_the_next_reads_the_file(tmp_path: Path) -> None:
    path, folder = file(tmp_path, "t,a,b", "2026-03-02T14:00:00Z,2,3", name="a.csv"), tmp_path / "x"
    [whole, again] = ("time=t,price=a,quantity=b", "time=t,price=b,quantity=a")
    csv_imported(folder, path, whole)
    noted = folder / "_imports.json"
    noted.write_bytes(noted.read_bytes().replace(b'"done":true', b'"done":false'))
    csv_imported(folder, path, again)
    [one] = rows_of(folder)
    assert (one["last_px"], one["last_qty"]) == (3, 2)


# ---- beside a log --------------------------------------------------------------------------------


def test_history_and_a_log_keep_apart(tmp_path: Path) -> None:
    log = recorded_log(20)
    archived(log, tmp_path / "log")
    with pytest.raises(ArchiveError, match="is the archive of a log"):
        imported(tmp_path / "log", FILES / "ETHUSDT-trades-2024-08-09.zip")
    imported(tmp_path / "history", FILES / "ETHUSDT-trades-2024-08-09.zip")
    before = bytes_of(tmp_path / "history")
    with pytest.raises(OtherLog, match="holds imported history"):
        archived(log, tmp_path / "history", (toy.TRADES,))
    assert bytes_of(tmp_path / "history") == before


def test_an_instrument_has_a_partition(shipped: Path) -> None:
    log = ArchiveLog(FolderStore(shipped))
    assert log.partition_count("md.trade.v1") == 2
    keys = [{m.key() for m in log.read(Tp("md.trade.v1", p), 0, 9_999, 1.0)} for p in (0, 1)]
    assert keys == [{b"BTCUSDT.BINANCE"}, {b"ETHUSDT.BINANCE"}]
