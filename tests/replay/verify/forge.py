"""What somebody could do who holds the private key: change rows, and sign for them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq

from replay.archive import days, manifest
from replay.archive.layout import FileName
from replay.archive.reader import index
from replay.archive.writer import missing
from replay.verify.signature import sign_days
from tests.replay.archive.rig import whole
from tests.replay.verify.shelf import Shelf

Change = Callable[[pa.Table], pa.Table]


def forge(shelf: Shelf, name: FileName, change: Change) -> None:
    """Changes the rows of a file; its manifest and its day say what it is now."""
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
    days.write(store, days.kept(store), index(store), {name.day})
    sign_days(store, (shelf.root.parent / "key.pem").read_bytes())


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
