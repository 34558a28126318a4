"""Imports downloaded files into the archive of imported history, one importer per archive."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from ops.archives import archive_of
from ops.processes.archiving import alone, archive_key, last_signed
from ops.settings import Settings
from ops.stack.progress import Report
from replay.archive.signed import LastSigned
from replay.archive.store import Store
from replay.history import binance, table
from replay.history.files import Parse, rows_of
from replay.history.imports import Import
from replay.history.load import load
from replay.history.rows import Source
from replay.verify.signature import sign_days

FOLDER: Final = "imported"
Wanted = tuple[Path, Source, Parse, str]


def root_of(settings: Settings, root: str | None) -> str:
    """Where imported history lies: beside the archive of the run folder's log."""
    return root or str(settings.run_dir / FOLDER)


def import_binance(
    settings: Settings, root: str | None, paths: Sequence[Path], venue: str, report: Report
) -> list[tuple[Source, Import | None]]:
    """Files and folders of data.binance.vision; None beside what was imported before. Raises
    `TapeError` at the first that cannot be: those before it are there, of it nothing is.
    """
    files = (
        (path, binance.source_of(path, venue), binance.parser(path, venue), ",")
        for path in binance.files_in(paths)
    )
    return _import(settings, root_of(settings, root), files, report)


def import_csv(
    settings: Settings,
    root: str | None,
    path: Path,
    instrument: str,
    columns: Mapping[str, str],
    delimiter: str,
    report: Report,
) -> list[tuple[Source, Import | None]]:
    """A table with a header. Raises `TapeError`."""
    source = table.source_of(path, instrument, columns)
    file = (path, source, table.parser(source, columns), delimiter)
    return _import(settings, root_of(settings, root), iter([file]), report)


def _import(
    settings: Settings, root: str, files: Iterator[Wanted], report: Report
) -> list[tuple[Source, Import | None]]:
    store = archive_of(settings, root)
    with alone(settings, store):
        last = last_signed(settings, store)
        done = [_one(store, last, *file, report) for file in files]
        sign_days(store, archive_key(settings).reveal().encode(), last)
    return done


def _one(
    store: Store,
    last: LastSigned,
    path: Path,
    source: Source,
    parse: Parse,
    delimiter: str,
    report: Report,
) -> tuple[Source, Import | None]:
    step = partial(report, f"import {path.name}")
    step(0, None)
    rows = rows_of(path, parse, delimiter)
    made = load(store, source, rows, lambda count: step(count, None), last)
    step(1, 1)
    return source, made
