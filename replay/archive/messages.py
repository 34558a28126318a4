"""A batch of archived records: columns for whoever takes all, an object for each one asked for."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from functools import cached_property, partial
from typing import Final, overload

import pyarrow as pa
import pyarrow.parquet as pq

from connectors.epochs.runs import Events, InColumns, Run, Unread
from connectors.log.interface import Message
from replay.archive.grown import standing
from replay.archive.layout import FileName
from replay.archive.store import Store
from replay.archive.strings import marked, numbers, packed, size, unmarked, values_of
from replay.archive.values import MARKED
from schemas.blocks import FRAME_BYTES, MARK, Block, framed_as
from schemas.packed import Packed

RECORD: Final = ("_offset", "_timestamp_ms", "_key", "_value")


class HeadersOfFile:
    """The headers of a file, a row group at a time: they are 40 % of reading a record, and most
    readers never look at them.
    """

    def __init__(self, store: Store, name: FileName) -> None:
        self._store, self._name = store, name
        self._group, self._column = -1, pa.chunked_array([pa.array([])])

    def of(self, group: int, at: int) -> list[tuple[str, bytes]] | None:
        """Those of one row of a row group."""
        if group != self._group:
            self._column = standing(self._store, self._name, partial(self._read, group))
            self._group = group
        found = self._column[at].as_py()
        return [(one["name"], one["value"]) for one in found] or None

    def _read(self, group: int, name: FileName) -> pa.ChunkedArray:
        with self._store.open(name.path) as handle, pq.ParquetFile(handle) as file:
            return file.read_row_group(group, columns=["_headers"]).column(0)


class ArchivedMessage:
    """A record as read; the methods are those of confluent_kafka's Message. Headers are taken
    apart only when asked for.
    """

    __slots__ = ("_at", "_batch", "_key", "_offset", "_timestamp_ms", "_value")

    def __init__(
        self,
        batch: ArchivedMessages,
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
        return self._batch.headers(self._at)


class ArchivedMessages(InColumns):
    """The records of a batch. An object for one is made when it is asked for."""

    def __init__(
        self,
        name: FileName,
        rows: pa.RecordBatch,
        events: Events | None,
        headers: HeadersOfFile,
        group: int,
        at: int,
    ) -> None:
        """The rows lie in a row group of the file, from row `at` of it on."""
        self.name, self._rows, self._events = name, rows, events
        self._headers, self._group, self._at = headers, group, at

    def __len__(self) -> int:
        return int(self._rows.num_rows)

    @overload
    def __getitem__(self, at: int) -> Message: ...
    @overload
    def __getitem__(self, at: slice) -> ArchivedMessages: ...
    def __getitem__(self, at: int | slice) -> Message | ArchivedMessages:
        if isinstance(at, slice):
            start, stop, _ = at.indices(len(self))
            length = max(stop - start, 0)
            events = self._events and self._events.part(start, start + length)
            rows, place = self._rows.slice(start, length), self._at + start
            return ArchivedMessages(self.name, rows, events, self._headers, self._group, place)
        place = range(len(self))[at]
        return next(iter(self[place : place + 1]))

    def __iter__(self) -> Iterator[Message]:
        *places, values = (self._rows.column(name) for name in RECORD)
        plain = unmarked(values, self._frame) if self._frame else values
        columns = (column.to_pylist() for column in (*places, plain))
        rows = zip(range(len(self)), *columns, strict=True)
        return (ArchivedMessage(self, *row) for row in rows)

    @property
    def _frame(self) -> bytes:
        """In whose place values have a mark; empty where they are as they were."""
        number = (self._rows.schema.metadata or {}).get(MARKED)
        return framed_as(int(number)) if number else b""

    def headers(self, at: int) -> list[tuple[str, bytes]] | None:
        return self._headers.of(self._group, self._at + at)

    @property
    def offsets(self) -> Sequence[int]:
        """A range, unless transaction markers lie between."""
        column = self._rows.column("_offset")
        first, last = column[0].as_py(), column[-1].as_py()
        whole = last - first + 1 == len(self)
        return range(first, last + 1) if whole else numbers(column, "q").tolist()

    def within(self, start: int, end: int) -> ArchivedMessages:
        """Those of offsets [start, end)."""
        offsets = self.offsets if len(self) else ()
        return self[bisect_left(offsets, start) : bisect_left(offsets, end)]

    def run(self) -> Run:
        """See `InColumns`."""
        times = array("q", numbers(self._rows.column("_timestamp_ms"), "q").tobytes())
        values = Values(self._rows.column("_value"), self._frame)
        return Run(self.offsets, times, packed(self._rows.column("_key")), values, self._events)


class Values(Unread):
    """A column of values, with marks in place of their frame if one is given."""

    def __init__(self, column: pa.BinaryArray, frame: bytes) -> None:
        self._column, self._frame = column, frame

    @cached_property
    def size(self) -> int:
        gap = len(MARK) - FRAME_BYTES if self._frame else 0
        return size(self._column) - gap * len(self._column)

    def part(self, start: int, stop: int) -> Values:
        return Values(self._column.slice(start, stop - start), self._frame)

    def read(self) -> Block | Packed:
        return self._taken

    @cached_property
    def _taken(self) -> Block | Packed:
        """Kept: digest and decoding both ask."""
        return marked(self._column, self._frame) if self._frame else values_of(self._column)
