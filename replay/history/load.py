"""Imports one source into an archive of its own: whole or not at all, and once.

A partition holds one instrument and only grows at its end, as on a log, so a source whose rows
are older than what is there is refused. Its days are those of the rows' own times.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import islice
from typing import Final

from connectors.log.interface import Tp
from replay.archive import days
from replay.archive.incoming import Records, records
from replay.archive.manifest import FileManifest, Origin
from replay.archive.reader import of_names
from replay.archive.schemas import archived_ids
from replay.archive.signed import UNKNOWN, LastSigned
from replay.archive.source import keep_partitions
from replay.archive.staged import Staged
from replay.archive.store import UNFINISHED, Store
from replay.archive.writer import PartitionWriter
from replay.history import imports
from replay.history.imports import Import, place_of, require_own
from replay.history.rows import WHAT, BadHistory, Row, Source
from replay.times import text_of
from schemas.catalog import load_catalog
from schemas.codec import Codec

ROWS: Final = 20_000
OnRows = Callable[[int], None]


def load(
    store: Store,
    source: Source,
    rows: Iterable[Row],
    on_rows: OnRows = lambda _: None,
    last: LastSigned = UNKNOWN,
) -> Import | None:
    """What was imported; None where the same file was before. Raises `BadHistory`, `ArchiveError`;
    nothing is there then that was not there before.
    """
    require_own(store)
    last.begin(store)
    known = imports.read(store)
    begun = next((one for one in known if not one.done), None)
    if begun is not None and not begun.holds(source):
        raise BadHistory(f"the import of {begun.name} was cut off: import it again first")
    if begun is None and any(one.holds(source) for one in known):
        return None
    known = [one for one in known if one.done]
    for name in store.names():
        if name.endswith(UNFINISHED):
            store.remove(name)
    return _load(store, known, source, rows, on_rows, last)


def _load(
    store: Store,
    known: list[Import],
    source: Source,
    rows: Iterable[Row],
    on_rows: OnRows,
    last: LastSigned,
) -> Import:
    staged = Staged(store)
    try:
        made, written = _staged(staged, known, source, rows, on_rows)
        imports.write(store, [*known, made])
        staged.commit()
    finally:
        staged.discard()
    _settle(store, [*known, made], written, last)
    made = replace(made, done=True)
    imports.write(store, [*known, made])
    return made


def _staged(
    staged: Staged, known: list[Import], source: Source, rows: Iterable[Row], on_rows: OnRows
) -> tuple[Import, list[FileManifest]]:
    """Everything written, nothing visible yet."""
    catalog = load_catalog()
    codec = Codec(catalog, archived_ids(staged, catalog))
    tp, start, before_ms = place_of(known, source)
    written: list[FileManifest] = []
    origin = Origin(source.name, source.sha256, source.form)
    writer = PartitionWriter(staged, codec, tp, start, before_ms, written.append, origin)
    left, at = iter(rows), start
    while batch := list(islice(left, ROWS)):
        if at == start:
            _require_later(source, batch[0], before_ms)
        writer.add(_records(codec, source, batch, at))
        at += len(batch)
        on_rows(at - start)
    if at == start:
        raise BadHistory(f"{source.name} holds no {WHAT[source.topic]}")
    writer.finish(at)
    if not written:  # no file: without a time there is no day
        raise BadHistory(f"{source.name} holds no {WHAT[source.topic]} from after 1970-01-01T00:00")
    return _import(source, tp, start, at, written, before_ms), written


def _records(codec: Codec, source: Source, batch: list[Row], at: int) -> Records:
    key, encode = source.instrument.encode(), codec.encode
    return records(
        range(at, at + len(batch)),
        [row.ts_ns // 1_000_000 for row in batch],
        [key] * len(batch),
        [encode(row.event(source)) for row in batch],
        [None] * len(batch),
    )


def _require_later(source: Source, first: Row, before_ms: int) -> None:
    at_ms = first.ts_ns // 1_000_000
    if at_ms < before_ms:
        raise BadHistory(
            f"{source.name} begins at {text_of(at_ms)}, but {WHAT[source.topic]} of "
            f"{source.instrument} are imported up to {text_of(before_ms)}: import files in the "
            "order of their times, or into another --archive"
        )


def _import(
    source: Source,
    tp: Tp,
    start: int,
    end: int,
    written: list[FileManifest],
    before_ms: int,
) -> Import:
    first_ms = min(m.timestamp_ms_min for m in written if m.timestamp_ms_min is not None)
    last_ms = written[-1].log_time_ms
    return Import(*source, tp.partition, start, end, first_ms, last_ms, before_ms)


def _settle(
    store: Store, known: list[Import], written: list[FileManifest], last: LastSigned
) -> None:
    """Partitions and days, in line with the files."""
    keep_partitions(store, imports.partitions(known))
    before, changed = days.kept(store), {one.day for one in written}
    days.write(store, before, of_names(store.root, store.names()), changed, last)
