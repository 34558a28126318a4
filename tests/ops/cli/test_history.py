"""`tape import` by command: what it prints, where it lies, one line for what cannot be."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from ops import cli
from ops.settings import ROOT

FILES = ROOT / "tests" / "data" / "binance_vision"


@pytest.fixture(autouse=True)
def _own_run_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAPE_RUN_DIR", str(tmp_path))


def tape(*arguments: str) -> Result:
    return CliRunner().invoke(cli.build(), ["import", *arguments])


def test_a_folder_is_imported_once_and_signed(tmp_path: Path) -> None:
    days = [str(FILES / f"ETHUSDT-trades-2024-08-0{day}.zip") for day in (9, 8)]
    done = tape("binance-vision", *days, "--output", "json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["archive"] == str(tmp_path / "imported")
    assert [one["rows"] for one in found["imported"]] == [6_098, 8], "in the order of their times"
    assert (tmp_path / "imported" / "_days" / "2024-08-08.json.sig").exists()
    again = tape("binance-vision", str(FILES / "ETHUSDT-trades-2024-08-09.zip"))
    assert again.exit_code == 0
    assert "imported before" in again.stdout


def test_a_signed_day_that_was_changed_is_not_signed_anew(tmp_path: Path) -> None:
    for day in (8, 9):
        assert (
            tape("binance-vision", str(FILES / f"ETHUSDT-trades-2024-08-0{day}.zip")).exit_code == 0
        )
    changed = tmp_path / "imported" / "_days" / "2024-08-08.json"
    changed.write_bytes(changed.read_bytes().replace(b'"rows":', b'"rows":1'))
    signature = changed.with_name("2024-08-08.json.sig")
    signature.unlink()
    done = tape("binance-vision", str(FILES / "BTCUSDT-trades-2024-08-08.zip"))
    assert done.exit_code == 2
    assert (
        f"{changed} is not what was signed last, by {tmp_path}/archive-signed.json" in done.stderr
    )
    assert not signature.exists()


def test_what_a_folder_holds_besides_is_noted(tmp_path: Path) -> None:
    folder = tmp_path / "downloads"
    folder.mkdir()
    for name in ("ETHUSDT-trades-2024-08-08.zip", "ETHUSDT-trades-2024-08-08.zip.CHECKSUM"):
        shutil.copy(FILES / name, folder)
    others = [folder / f"ETHUSDT-trades-2024-08-1{day}.csv.gz" for day in range(5)]
    for path in others:
        path.write_bytes(b"")
    done = tape("binance-vision", str(folder), "--output", "json")
    assert json.loads(done.stdout)["left_out"] == [str(path) for path in others]
    again = tape("binance-vision", str(folder))
    [line] = [line for line in again.stdout.splitlines() if line.startswith("left out")]
    assert line.startswith(f"left out, by name no .zip or .csv of trades or quotes: {others[0]}, ")
    assert line.endswith(f"{others[2]} and 2 more")


def test_what_cannot_be_imported_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "ticks.csv"
    path.write_text("t;p;q\n1772456400;1;0\n")
    columns = ("--columns", "time=t,price=p,quantity=q", "--delimiter", ";")
    done = tape("csv", str(path), *columns, "--instrument", "XRP-EUR.DESK")
    assert done.exit_code == 2
    [line] = done.stderr.splitlines()[-1:]
    assert line == f"tape: {path}, line 2: quantity is 0, not above 0"
    assert not (tmp_path / "imported" / "md.trade.v1" / "dt=2026-03-02").exists()
