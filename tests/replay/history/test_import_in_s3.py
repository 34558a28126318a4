"""An import into S3 that was cut off, and is done again by what has other bytes for its rows."""

from __future__ import annotations

from pathlib import Path

from replay.archive.store import FolderStore, Store
from replay.history import files, table
from replay.history.imports import Import
from replay.history.load import load
from tests.replay.archive.rig import bytes_of
from tests.s3 import S3, s3, s3_proxy

__all__ = ["s3", "s3_proxy"]

WHOLE, AGAIN = ("time=t,price=a,quantity=b", "time=t,price=b,quantity=a")


def imported(store: Store, path: Path, columns: str) -> Import | None:
    named = table.columns_of(columns)
    source = table.source_of(path, "XRP-EUR.DESK", named)
    return load(store, source, files.rows_of(path, table.parser(source, named)))


def cut_off(store: Store) -> None:
    noted = store.read("_imports.json")
    store.write("_imports.json", noted.replace(b'"done":true', b'"done":false'))


def test_it_is_finished_as_the_next_reads_the_file(s3: S3, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("t,a,b\n2026-03-02T14:00:00Z,2,3\n")
    imported(FolderStore(tmp_path / "wanted"), path, AGAIN)
    imported(s3.store(), path, WHOLE)
    cut_off(s3.store())
    imported(s3.store(), path, AGAIN)
    assert s3.objects() == bytes_of(tmp_path / "wanted")
