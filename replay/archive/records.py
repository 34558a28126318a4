"""A partition's records back from its files, a batch at a time."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from replay.archive import manifest, values
from replay.archive.columns import VALUE
from replay.archive.decoded import Kept
from replay.archive.errors import ArchiveCorrupt, ArchiveError, ArchiveGap
from replay.archive.grown import standing
from replay.archive.layout import FileName
from replay.archive.messages import RECORD, ArchivedMessages, HeadersOfFile
from replay.archive.schemas import Written
from replay.archive.store import Store

BATCH_ROWS = 8_192  # handed over at once: what stays in the processor's cache
READ_ROWS = 32_768  # taken out of a file at once, and no more than
READ_BYTES = 16_777_216  # of all columns
REPEATING_BYTES = 2  # a row, of strings that mostly come again
_DICTIONARY = "RLE_DICTIONARY"
_OFFSET = 2  # the place of `_offset` among a file's columns


def batches(
    store: Store, files: Sequence[FileName], start: int, kept: Kept | None = None
) -> Iterator[ArchivedMessages]:
    """The records from offset `start` on, to the end of the files, with the events that files have
    `kept`. Raises `ArchiveGap` where they leave a hole behind `start`, `ArchiveCorrupt` where one
    is not what its manifest says.
    """
    first = max(bisect_right([name.start for name in files], start) - 1, 0)
    at, written = start, Written(store)
    for name in files[first:]:
        if name.end <= at:
            continue
        if name.start > at:
            raise gap(name.topic, name.partition, at, name.start)
        yield from _messages(store, name, at, kept, written)
        at = name.end


def gap(topic: str, partition: int, start: int, end: int) -> ArchiveGap:
    """The error for offsets [start, end)."""
    return ArchiveGap(f"{topic}/{partition}: offsets {start} to {end - 1} are not in the archive")


def _messages(
    store: Store, name: FileName, start: int, kept: Kept | None, written: Written
) -> Iterator[ArchivedMessages]:
    headers = HeadersOfFile(store, name)
    with _opened(store, name) as file:
        there = kept if kept is not None and kept.within(file.schema_arrow) else None
        columns = [*RECORD, *(there.columns if there else ())]
        for group, at, rows in _batches(store, name, file, columns, start, written, marked=True):
            events = there.of(rows) if there else None
            found = ArchivedMessages(name, rows, events, headers, group, at)
            for first in range(0, len(found), BATCH_ROWS):
                yield found[first : first + BATCH_ROWS].within(start, name.end)


def tables(
    store: Store, name: FileName, columns: Sequence[str], start: int
) -> Iterator[pa.RecordBatch]:
    """A file's rows in batches, from the row group that holds `start` on. Raises `ArchiveError`."""
    with _opened(store, name) as file:
        for _, _, rows in _batches(store, name, file, columns, start, Written(store)):
            yield rows


@contextmanager
def _opened(store: Store, name: FileName) -> Iterator[Any]:
    file = standing(store, name, partial(checked, store))
    try:
        yield file
    finally:
        file.close(force=True)


def _batches(
    store: Store,
    name: FileName,
    file: Any,
    columns: Sequence[str],
    start: int,
    written: Written,
    marked: bool = False,
) -> Iterator[tuple[int, int, pa.RecordBatch]]:
    """The row group that each batch lies in, and at which of its rows; the batch."""
    for group in range(file.num_row_groups):
        found = file.metadata.row_group(group)
        if found.column(_OFFSET).statistics.max < start:
            continue
        at, fit = 0, READ_BYTES * found.num_rows // max(found.total_byte_size, 1)
        size = min(max(fit, 1), READ_ROWS)
        try:
            for rows in values.batches(file, size, columns, written, marked, row_groups=[group]):
                yield group, at, rows
                at += rows.num_rows
        except (OSError, pa.ArrowException, values.ValueLost) as error:
            raise _corrupt(store, name, f"{error}") from None


def checked(store: Store, name: FileName) -> Any:
    """A file opened with pyarrow, proven to be what its manifest says."""
    said = manifest.read(store, name)
    with ExitStack() as refused:
        handle = refused.enter_context(store.open(name.path))
        try:
            if hashlib.file_digest(handle, "sha256").hexdigest() != said.sha256:
                raise _corrupt(store, name, "it is not the file that its manifest describes")
            handle.seek(0)
            file = _repeating(pq.ParquetFile(handle), handle)
        except OSError as error:
            raise ArchiveError(f"{store.root}/{name.path}: {error.strerror or error}") from None
        except pa.ArrowException as error:
            raise _corrupt(store, name, f"{error}") from None
        if file.metadata.num_rows != said.rows:
            raise _corrupt(store, name, f"{file.metadata.num_rows} rows, not {said.rows}")
        refused.pop_all()  # it is as it should be, and stays open
    return file


def _repeating(file: Any, handle: Any) -> Any:
    """The same file, which gives columns of few different strings as dictionaries: a third of the
    work of a string per row.
    """
    group = file.metadata.row_group(0) if file.num_row_groups else None
    found = [group.column(number) for number in range(group.num_columns)] if group else []
    names = [
        column.path_in_schema
        for column in found
        if column.physical_type == "BYTE_ARRAY"
        and column.path_in_schema != VALUE
        and "." not in column.path_in_schema  # no part of a list or a record
        and _DICTIONARY in column.encodings
        and column.total_uncompressed_size <= REPEATING_BYTES * column.num_values
    ]
    return pq.ParquetFile(handle, metadata=file.metadata, read_dictionary=names)


def _corrupt(store: Store, name: FileName, what: str) -> ArchiveCorrupt:
    return ArchiveCorrupt(f"{store.root}/{name.path}: {what}")
