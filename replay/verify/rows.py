"""Archived rows of one partition by offset, a batch at a time, over the files of all days."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from connectors.log.interface import Tp
from replay.archive import values
from replay.archive.errors import ArchiveError
from replay.archive.layout import FileName
from replay.archive.schemas import Written
from replay.archive.store import Store

BATCH_ROWS = 32_768
PLACES = ("_offset", "_timestamp_ms")
RAW = (*PLACES, "_key", "_value")
WITH_HEADERS = (*RAW, "_headers")
UNREADABLE = (pa.ArrowException, OSError, ArchiveError, ValueError, KeyError)


def first_line(error: BaseException) -> str:
    """What went wrong, for a finding."""
    return (str(error).splitlines() or [type(error).__name__])[0]


class Files:
    """The files that the day manifests list, of each partition by offset."""

    def __init__(self, store: Store, names: Sequence[FileName]) -> None:
        self._store, self._written = store, Written(store)
        self._of: dict[Tp, list[FileName]] = {}
        for name in sorted(names, key=lambda n: (n.topic, n.partition, n.start)):
            self._of.setdefault(name.tp, []).append(name)

    @property
    def tps(self) -> list[Tp]:
        return sorted(self._of)

    def of(self, tp: Tp) -> list[FileName]:
        return self._of.get(tp, [])

    def over(self, tp: Tp, start: int, end: int) -> list[FileName]:
        """Those that overlap offsets [start, end)."""
        return [name for name in self.of(tp) if name.start < end and name.end > start]

    def missing(self, tp: Tp, start: int, end: int) -> tuple[int, int] | None:
        """The first offsets of [start, end) that no file covers."""
        for name in self.over(tp, start, end):
            if name.start > start:
                return start, name.start
            start = name.end
        return (start, end) if start < end else None

    def batches(
        self, name: FileName, columns: Sequence[str], rows: int = BATCH_ROWS
    ) -> Iterator[pa.RecordBatch]:
        """Raises one of `UNREADABLE` where the file is no Parquet file of these columns."""
        with _file(self._store, name.path) as opened, pq.ParquetFile(opened) as file:
            yield from values.batches(file, rows, columns, self._written, use_threads=False)

    def sha256(self, path: str) -> tuple[str, int]:
        """SHA-256 (hex) and size of a file. Raises `ArchiveError` where it cannot be read."""
        with _file(self._store, path) as opened:
            found = hashlib.file_digest(opened, "sha256").hexdigest()
            return found, opened.tell()


@contextmanager
def _file(store: Store, path: str) -> Iterator[Any]:
    with store.open(path) as opened:
        yield opened
