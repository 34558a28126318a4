"""A partition's records back from its files, a batch at a time."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from connectors.log.interface import Message
from replay.archive import manifest
from replay.archive.errors import ArchiveCorrupt, ArchiveError, ArchiveGap
from replay.archive.layout import FileName
from replay.archive.store import Store

BATCH_ROWS = 8_192
COLUMNS = ("_offset", "_timestamp_ms", "_key", "_value", "_headers")
_OFFSET = 2  # the place of `_offset` among a file's columns


class ArchivedMessage:
    """A record as read; the methods are those of confluent_kafka's Message. Headers are taken
    apart only when asked for.
    """

    __slots__ = ("_at", "_batch", "_key", "_offset", "_timestamp_ms", "_value")

    def __init__(
        self,
        batch: _Batch,
        at: int,
        offset: int,
        timestamp_ms: int,
        key: bytes | None,
        value: bytes,
    ) -> None:
        self._batch, self._at, self._offset = batch, at, offset
        self._timestamp_ms, self._key, self._value = timestamp_ms, key, value

    def topic(self) -> str:
        return self._batch.name.topic

    def partition(self) -> int:
        return self._batch.name.partition

    def offset(self) -> int:
        return self._offset

    def timestamp(self) -> tuple[int, int]:
        return 1, self._timestamp_ms

    def key(self) -> bytes | None:
        return self._key

    def value(self) -> bytes:
        return self._value

    def headers(self) -> list[tuple[str, bytes]] | None:
        found = self._batch.headers[self._at].as_py()
        return [(one["name"], one["value"]) for one in found] or None


class _Batch:
    """What the messages of one batch share."""

    __slots__ = ("headers", "name")

    def __init__(self, name: FileName, headers: pa.Array) -> None:
        self.name, self.headers = name, headers


def batches(store: Store, files: Sequence[FileName], start: int) -> Iterator[list[Message]]:
    """The records from offset `start` on, to the end of the files. Raises `ArchiveGap` where they
    leave a hole behind `start`, `ArchiveCorrupt` where one is not what its manifest says.
    """
    first = max(bisect_right([name.start for name in files], start) - 1, 0)
    at = start
    for name in files[first:]:
        if name.end <= at:
            continue
        if name.start > at:
            raise gap(name.topic, name.partition, at, name.start)
        yield from _messages(store, name, at)
        at = name.end


def gap(topic: str, partition: int, start: int, end: int) -> ArchiveGap:
    """The error for offsets [start, end)."""
    return ArchiveGap(f"{topic}/{partition}: offsets {start} to {end - 1} are not in the archive")


def _messages(store: Store, name: FileName, start: int) -> Iterator[list[Message]]:
    for table in tables(store, name, COLUMNS, start):
        offsets, times, keys, values = (table.column(n).to_pylist() for n in COLUMNS[:4])
        shared = _Batch(name, table.column("_headers"))
        rows = zip(range(len(offsets)), offsets, times, keys, values, strict=True)
        yield [ArchivedMessage(shared, *row) for row in rows if row[1] >= start]


def tables(
    store: Store, name: FileName, columns: Sequence[str], start: int
) -> Iterator[pa.RecordBatch]:
    """A file's rows in batches, from the row group that holds `start` on. Raises `ArchiveError`."""
    file = checked(store, name)
    groups = [
        number
        for number in range(file.num_row_groups)
        if file.metadata.row_group(number).column(_OFFSET).statistics.max >= start
    ]
    try:
        yield from file.iter_batches(BATCH_ROWS, row_groups=groups, columns=list(columns))
    except (OSError, pa.ArrowException) as error:
        raise _corrupt(store, name, f"{error}") from None
    finally:
        file.close(force=True)


def checked(store: Store, name: FileName) -> Any:
    """A file opened with pyarrow, proven to be what its manifest says."""
    said = manifest.read(store, name)
    with ExitStack() as refused:
        handle = refused.enter_context(store.open(name.path))
        try:
            if hashlib.file_digest(handle, "sha256").hexdigest() != said.sha256:
                raise _corrupt(store, name, "it is not the file that its manifest describes")
            handle.seek(0)
            file = pq.ParquetFile(handle)
        except OSError as error:
            raise ArchiveError(f"{store.root}/{name.path}: {error.strerror or error}") from None
        except pa.ArrowException as error:
            raise _corrupt(store, name, f"{error}") from None
        if file.metadata.num_rows != said.rows:
            raise _corrupt(store, name, f"{file.metadata.num_rows} rows, not {said.rows}")
        refused.pop_all()  # it is as it should be, and stays open
    return file


def _corrupt(store: Store, name: FileName, what: str) -> ArchiveCorrupt:
    return ArchiveCorrupt(f"{store.root}/{name.path}: {what}")
