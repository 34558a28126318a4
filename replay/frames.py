"""A topic of the archive as a Polars LazyFrame: columns and rows are read when they are needed."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import ExitStack
from datetime import date
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import IO, Final

import polars as pl

from replay.archive import manifest
from replay.archive.columns import shape
from replay.archive.errors import ArchiveCorrupt, ArchiveError
from replay.archive.grown import standing
from replay.archive.layout import FileName
from replay.archive.store import Store, store_at
from replay.sql.files import files_of, require_archive
from replay.times import Span, milliseconds
from schemas.catalog import load_catalog

ROOT: Final = "TAPE_ARCHIVE__ROOT"
_MAGIC: Final = b"PAR1"
Moment = str | date | None


def scan(
    topic: str, start: Moment = None, end: Moment = None, root: str | None = None
) -> pl.LazyFrame:
    """The records of a topic from `start` to before `end`, log time: RFC 3339, a date or a
    datetime, UTC where it does not say. `root` is the archive's, by default the environment's.

    Columns as in docs/archive.md; files of other days are not opened. The files are those there
    are now, also where an archiver puts a longer one in the place of a partition's last before
    `collect`: that one is opened here. Raises `ArchiveError`, `BadTime`; `ArchiveCorrupt` for a
    file that is not as long as its manifest says, or does not begin and end as Parquet does.
    """
    where = root or os.environ.get(ROOT)
    if not where:
        raise ArchiveError(f"name the archive: root=..., or set {ROOT}")
    store, span = store_at(where), Span(*(_ms(moment) for moment in (start, end)))
    files = files_of(store, topic, span)
    if not files.names:
        require_archive(store)
        return pl.LazyFrame(schema=_schema(topic))
    lasts = {name.tp: name for name in files.names}
    runs = groupby(files.names, lambda name: lasts[name.tp] is name)
    schema = _schema(topic)
    found = [
        _held(store, names, schema)
        if last
        else _scanned([_path(store, name) for name in names], schema)
        for last, names in runs
    ]
    return pl.concat(found).filter(*_within(files.bounds))


def _held(store: Store, names: Iterable[FileName], schema: pl.Schema) -> pl.LazyFrame:
    """Files that may lose their names, as open ones: Polars keeps a handle of its own to each."""
    opened = partial(_opened, store)
    with ExitStack() as stack:
        handles = [stack.enter_context(standing(store, name, opened)) for name in names]
        return _scanned(handles, schema)


def _path(store: Store, name: FileName) -> Path:
    with _opened(store, name) as handle:
        return Path(handle.name)


def _opened(store: Store, name: FileName) -> IO[bytes]:
    path = store.local(name.path)
    with ExitStack() as refused:
        try:
            handle = refused.enter_context(path.open("rb"))
            _require_whole(store, name, handle.fileno())
        except OSError as error:
            raise ArchiveError(f"{path}: {error.strerror}") from None
        refused.pop_all()  # it stays open
    return handle


def _require_whole(store: Store, name: FileName, file: int) -> None:
    """Polars would find it later, and would not name the file."""
    size, said = os.fstat(file).st_size, manifest.read(store, name).size
    if size != said:
        what = f"{size:,} bytes, where its manifest says {said:,}"
        raise ArchiveCorrupt(f"{store.root}/{name.path}: {what}")
    if {os.pread(file, 4, at) for at in (0, max(size - 4, 0))} != {_MAGIC}:
        raise ArchiveCorrupt(f"{store.root}/{name.path} is no Parquet file")


def _scanned(sources: list[Path] | list[IO[bytes]], schema: pl.Schema) -> pl.LazyFrame:
    """A file of an older version lacks the columns of newer events."""
    return pl.scan_parquet(
        sources,
        schema=schema,
        missing_columns="insert",
        extra_columns="ignore",
        hive_partitioning=False,
    )


def _ms(moment: Moment) -> int | None:
    return None if moment is None else milliseconds(str(moment))


def _within(bounds: Span) -> list[pl.Expr]:
    low, high, at = *bounds, pl.col("_timestamp_ms")
    return [
        *([at >= low] if low is not None else []),
        *([at < high] if high is not None else []),
    ]


def _schema(topic: str) -> pl.Schema:
    empty = pl.from_arrow(shape(load_catalog(), topic).empty_table())
    assert isinstance(empty, pl.DataFrame)
    return empty.schema
