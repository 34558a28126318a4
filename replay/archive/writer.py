"""One partition's records to files: cut, decoded, written, each with its manifest."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Final

from connectors.log.interface import Tp
from replay.archive import schemas
from replay.archive.cutting import Cutter
from replay.archive.errors import ArchiveCorrupt, ArchiveError
from replay.archive.incoming import Records
from replay.archive.layout import FileName, day_of
from replay.archive.manifest import FileManifest, Origin, Range, read
from replay.archive.parquet import ROW_GROUP_BYTES, ROW_GROUP_ROWS, ParquetFile
from replay.archive.records import checked
from replay.archive.rows import Tabulator
from replay.archive.store import Store
from schemas.codec import Codec

_ENCODER: Final = ThreadPoolExecutor(1, "tape-archive")
OnFile = Callable[[FileManifest], None]


class PartitionWriter:
    """Takes a partition's committed records in order, from `start` on. `log_time_ms`: of the
    partition before that; -1 before its first record. `origin`: where imported records came from.
    """

    def __init__(
        self,
        store: Store,
        codec: Codec,
        tp: Tp,
        start: int,
        log_time_ms: int = -1,
        on_file: OnFile = lambda _: None,
        origin: Origin | None = None,
    ) -> None:
        self._store, self._codec, self._tp, self._on_file = store, codec, tp, on_file
        self._cutter, self._origin = Cutter(start, log_time_ms), origin
        self._file = _Rows(store, codec, tp, origin)

    def add(self, records: Records) -> None:
        """Raises `RegistryError` where a schema cannot be had, `ArchiveError`."""
        at = 0
        while at < records.length:
            stop = self._cutter.take(records.offsets, records.timestamps, at)
            if stop > at:
                self._file.add(records.part(at, stop))
                at = stop
            if at < records.length:
                next_at = records.offsets[at]
                self._close(min(next_at, self._cutter.limit), records.timestamps[at])

    def finish(self, end: int) -> None:
        """The log was read up to `end`: closes what is complete and writes what is there of the
        last file. A last file without a record that has a time is not written: it has no day yet.
        """
        while end >= self._cutter.limit and self._cutter.has_time:
            self._close(self._cutter.limit, self._cutter.log_time_ms)
        if self._file.rows and self._cutter.has_time:
            self._close(end, self._cutter.log_time_ms)

    def _close(self, end: int, next_ms: int) -> None:
        """Ends the file at `end`; one without a record takes the day that was reached, or that of
        the record after it.
        """
        start, log_time_ms = self._cutter.start, self._cutter.log_time_ms
        day = day_of(log_time_ms if self._cutter.has_time else next_ms)
        name = FileName(*self._tp, start, end, day)
        self._on_file(self._file.finish(name, log_time_ms))
        self._file = _Rows(self._store, self._codec, self._tp, self._origin)
        self._cutter.begin(end)


class _Rows:
    """The file being filled. Row groups end after `ROW_GROUP_ROWS` rows, or before the record
    whose key and value would exceed `ROW_GROUP_BYTES`.
    """

    def __init__(self, store: Store, codec: Codec, tp: Tp, origin: Origin | None) -> None:
        self._store, self._codec, self._tp, self._origin = store, codec, tp, origin
        self._tables = Tabulator(codec, tp.topic)
        self._waiting: deque[Records] = deque()
        self._count, self._bytes = 0, 0  # that wait
        self._file: ParquetFile | None = None
        self._encoding: Future[None] | None = None
        self._path: Path | None = None
        self._offsets: list[Sequence[int]] = []
        self._times: list[int] = []
        self.rows = 0

    def add(self, records: Records) -> None:
        if self._path is None:
            self._open()
        self._offsets.append(records.offsets)
        self._times += [min(records.timestamps), max(records.timestamps)]
        self.rows += records.length
        self._waiting.append(records)
        self._count += records.length
        self._bytes += records.size
        while self._count >= ROW_GROUP_ROWS or self._bytes > ROW_GROUP_BYTES:
            self._write()

    def _open(self) -> None:
        """Under a name of the partition: which day it will be of is not known yet."""
        tp = self._tp
        self._path = self._store.draft(f"{tp.topic}/{tp.topic}+{tp.partition}")
        self._file = ParquetFile(self._path, self._tables.schema)

    def _write(self) -> None:
        """The first records that wait, as one row group."""
        group, rows, size = list[Records](), ROW_GROUP_ROWS, ROW_GROUP_BYTES
        while self._waiting and rows:
            some = self._waiting.popleft()
            fit = min(rows, max(some.fitting(size), 0 if group else 1))
            taken, left = some.part(0, fit), some.part(fit, some.length)
            group += [taken] if fit else []
            rows, size = rows - fit, size - taken.size
            if left.length:
                self._waiting.appendleft(left)
                break
        self._count -= sum(some.length for some in group)
        self._bytes -= sum(some.size for some in group)
        self._wait()
        self._encoding = _ENCODER.submit(self._encode, group)

    def _encode(self, group: Sequence[Records]) -> None:
        """Beside the reading of the next group: decoding and compressing leave Python's lock."""
        assert self._file is not None
        self._file.add(self._tables.table(self._tp, group))

    def _wait(self) -> None:
        """For the row group under way. Raises what went wrong with it."""
        if self._encoding is not None:
            encoding, self._encoding = self._encoding, None
            encoding.result()

    def finish(self, name: FileName, log_time_ms: int) -> FileManifest:
        """Gives the file its name; its manifest is written last, and makes it count. What is
        there by that name stays: another version of Tape has other bytes for the same records.
        """
        if self._path is None:
            self._open()
        assert self._file is not None
        assert self._path is not None
        self._wait()
        if self._waiting:
            self._encode(self._waiting)
        sha256, size = self._file.close()
        # What a log holds at these offsets never changes; what an import gives does.
        there = written(self._store, name) if self._origin is None else None
        if there is not None:
            self._path.unlink()
            return there
        used = schemas.keep(self._store, self._codec.ids, sorted(self._tables.ids))
        offsets = self._offsets
        manifest = FileManifest(
            *name,
            rows=self.rows,
            first_offset=offsets[0][0] if offsets else None,
            last_offset=offsets[-1][-1] if offsets else None,
            timestamp_ms_min=min(self._times, default=None),
            timestamp_ms_max=max(self._times, default=None),
            log_time_ms=log_time_ms,
            missing=tuple(missing(offsets, name.start, name.end)),
            schemas=tuple(used),
            sha256=sha256,
            size=size,
            origin=self._origin,
        )
        self._store.publish(self._path, name.path)
        self._store.write(name.manifest, manifest.dump())
        return manifest


def written(store: Store, name: FileName) -> FileManifest | None:
    """The manifest of a file that an earlier run finished, if the file is what it says."""
    if not _there(store, name):
        return None
    try:
        checked(store, name).close(force=True)
        return read(store, name)
    except ArchiveCorrupt:
        return None
    except ArchiveError:
        if _there(store, name):  # else another archiver's longer one took its place
            raise
        return None


def _there(store: Store, name: FileName) -> bool:
    return store.exists(name.manifest) and store.exists(name.path)


def missing(offsets: Iterable[Sequence[int]], start: int, end: int) -> Iterator[Range]:
    """The ranges [a, b) of [start, end) that hold none of the offsets, which rise."""
    at = start
    for some in (*filter(len, offsets), (end,)):
        if some[-1] - at + 1 == len(some):  # none is missing before and between them
            at = some[-1] + 1
            continue
        for offset in some:
            if offset > at:
                yield at, offset
            at = offset + 1
