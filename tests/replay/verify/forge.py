"""What somebody could do who holds the private key: change rows, and sign for them; and who may
only write the archive: take the signatures away.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq

from replay.archive import days, manifest
from replay.archive.layout import FileName, day_manifest
from replay.archive.manifest import FileManifest
from replay.archive.reader import index
from replay.archive.writer import missing
from replay.verify.signature import sign_days
from tests.replay.archive.rig import whole
from tests.replay.verify.shelf import Shelf

Change = Callable[[pa.Table], pa.Table]


def forge(shelf: Shelf, name: FileName, change: Change) -> None:
    """Changes the rows of a file; its manifest and its day say what it is now, signed."""
    store = shelf.store
    rewrite(shelf, name, change)
    days.write(store, days.kept(store), index(store), {name.day})
    sign_days(store, (shelf.root.parent / "key.pem").read_bytes())


def forge_unsigned(shelf: Shelf, name: FileName, change: Change) -> None:
    """The same without the key: the day's signature is gone."""
    store, day = shelf.store, day_manifest(name.day)
    now = rewrite(shelf, name, change)
    said = json.loads(store.read(day))
    [entry] = [one for one in said["files"] if one["name"] == name.path]
    entry |= {"manifest_sha256": manifest.digest(now.dump()), "sha256": now.sha256}
    entry |= {"size": now.size, "rows": now.rows}
    store.write(day, manifest.canonical(said))
    store.remove(day + days.SIGNATURE)


def rewrite(shelf: Shelf, name: FileName, change: Change) -> FileManifest:
    """Changes the rows of a file and says so in its manifest."""
    path, store = shelf.root / name.path, shelf.store
    pq.write_table(change(whole(shelf.root, name)), path)
    table, data = pq.read_table(path, partitioning=None), path.read_bytes()
    offsets = table.column("_offset").to_pylist()
    times = table.column("_timestamp_ms").to_pylist()
    now = replace(
        manifest.read(store, name),
        rows=table.num_rows,
        first_offset=min(offsets, default=None),
        last_offset=max(offsets, default=None),
        timestamp_ms_min=min(times, default=None),
        timestamp_ms_max=max(times, default=None),
        missing=tuple(missing([offsets], name.start, name.end)),
        sha256=hashlib.sha256(data).hexdigest(),
        size=len(data),
    )
    store.write(name.manifest, now.dump())
    return now


def dropped(row: int) -> Change:
    return lambda table: pa.concat_tables([table.slice(0, row), table.slice(row + 1)])


def with_value(row: int, value: Callable[[bytes], bytes]) -> Change:
    """Another value in one row."""

    def change(table: pa.Table) -> pa.Table:
        values = table.column("_value").to_pylist()
        values[row] = value(values[row])
        place = table.schema.get_field_index("_value")
        return table.set_column(place, table.schema.field(place), pa.array(values, pa.binary()))

    return change


def with_price(row: int) -> Change:
    """Another price in one row, and no value that would say otherwise."""

    def change(table: pa.Table) -> pa.Table:
        prices = table.column("last_px").to_pylist()
        prices[row] += 1
        for name, column in (("last_px", prices), ("_value", [None] * table.num_rows)):
            place = table.schema.get_field_index(name)
            field = table.schema.field(place)
            table = table.set_column(place, field, pa.array(column, field.type))
        return table

    return change


def added(row: int) -> Change:
    """A row once more, at the next offset that has none."""

    def change(table: pa.Table) -> pa.Table:
        offsets = table.column("_offset").to_pylist()
        free = next(n for n in range(offsets[row], offsets[-1]) if n not in offsets)
        place = table.schema.get_field_index("_offset")
        copy = table.slice(row, 1).set_column(
            place, table.schema.field(place), pa.array([free], pa.int64())
        )
        return pa.concat_tables([table, copy]).sort_by("_offset")

    return change


def flipped(value: bytes) -> bytes:
    return value[:-1] + bytes([value[-1] ^ 1])
