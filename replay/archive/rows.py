"""Records of one partition to one table: the columns as read, and the events decoded beside them.

Nothing here touches a record twice: fields are taken from a batch of messages at once, values are
decoded a batch at a time (`schemas.columns`).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

import polars as pl
import pyarrow as pa

from connectors.log.interface import Message, Tp
from replay.archive.columns import NANOSECONDS, headers_column, is_time, shape
from schemas.blocks import FRAME_BYTES
from schemas.codec import Codec

_PLACE, _EVENT = "_place", "_event"


@dataclass
class Records:
    """Consecutive committed records of one partition, a list per field."""

    offsets: list[int] = field(default_factory=list)
    timestamps: list[int] = field(default_factory=list)
    keys: list[bytes | None] = field(default_factory=list)
    values: list[bytes | None] = field(default_factory=list)
    headers: list[Any] = field(default_factory=list)

    @property
    def count(self) -> int:
        return len(self.offsets)

    @property
    def columns(self) -> tuple[list[Any], ...]:
        return self.offsets, self.timestamps, self.keys, self.values, self.headers

    def part(self, start: int, stop: int) -> Records:
        """The records from `start` to before `stop`."""
        if start == 0 and stop >= self.count:
            return self
        return Records(*(column[start:stop] for column in self.columns))

    def extend(self, more: Records) -> None:
        for held, added in zip(self.columns, more.columns, strict=True):
            held.extend(added)

    @property
    def size(self) -> int:
        """Bytes of all keys and values."""
        return _size(self.keys) + _size(self.values)

    def fitting(self, bytes_max: int) -> int:
        """How many records there are before their bytes exceed the bound; at least one."""
        sizes = (len(k or b"") + len(v or b"") for k, v in zip(self.keys, self.values, strict=True))
        return max(bisect_left(list(accumulate(sizes)), bytes_max + 1), 1)


def _size(items: Sequence[bytes | None]) -> int:
    try:
        return sum(map(len, items))  # type: ignore[arg-type]
    except TypeError:  # one is None
        return sum(len(item or b"") for item in items)


def records_of(messages: Sequence[Message]) -> Records:
    """The columns of at least one message, all of one partition."""
    kind = type(messages[0])
    return Records(
        list(map(kind.offset, messages)),
        [time[1] for time in map(kind.timestamp, messages)],
        list(map(kind.key, messages)),
        list(map(kind.value, messages)),
        list(map(kind.headers, messages)),
    )


class Tabulator:
    """Tables of one topic, in the columns of its files; notes which schemas were met."""

    def __init__(self, codec: Codec, topic: str) -> None:
        known = codec.catalog.topics.get(topic)
        self._codec, self._events = codec, frozenset(known.events if known else ())
        self.schema = shape(codec.catalog, topic)
        self._times = {f.name for f in self.schema if is_time(f.name, f.type)}
        self.ids: set[int] = set()

    def table(self, tp: Tp, records: Records) -> pa.Table:
        """One table of at least one record. Raises `RegistryError` where a schema cannot be had."""
        found = self._decoded(records.values)
        count = records.count
        columns: dict[str, Any] = {
            "_topic": pa.repeat(pa.scalar(tp.topic), count),
            "_partition": pa.repeat(pa.scalar(tp.partition, pa.int32()), count),
            "_offset": pa.array(records.offsets, pa.int64()),
            "_timestamp_ms": pa.array(records.timestamps, pa.int64()),
            "_key": pa.array(records.keys, pa.binary()),
            "_schema_id": self._ids_of(records.values),
            "_headers": headers_column(records.headers),
            "_value": pa.array(records.values, pa.binary()),
        }
        for name, kind in zip(self.schema.names, self.schema.types, strict=True):
            if name in found.column_names:
                columns[name] = found[name].cast(kind)
        absent = (n for n in self.schema.names if n not in columns)
        columns.update({n: pa.nulls(count, self.schema.field(n).type) for n in absent})
        return pa.table([columns[name] for name in self.schema.names], schema=self.schema)

    def _decoded(self, values: Sequence[bytes | None]) -> pa.Table:
        """The events' columns and `_event`, a row per value; null where no schema decodes it."""
        frames = self._codec.tables(values).frames  # type: ignore[arg-type]
        parts = [
            frame.with_columns(
                pl.lit(name).alias(_EVENT),
                pl.Series(_PLACE, range(len(values)) if places is None else places, pl.Int64),
            )
            for name, (frame, places) in frames.items()
            if name in self._events
        ]
        whole = pl.DataFrame({_PLACE: range(len(values))}, {_PLACE: pl.Int64})
        if len(parts) == 1 and parts[0].height == len(values):
            whole = parts[0]
        elif parts:
            together = pl.concat(parts, how="diagonal")
            whole = whole.join(together, on=_PLACE, how="left", maintain_order="left")
        return self._with_times(whole).to_arrow(compat_level=pl.CompatLevel.oldest())

    def _with_times(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Beside each `x_ns` its `x`: down to the microsecond, before 1970 too."""
        times = [n for n in frame.columns if n in self._times]
        return frame.with_columns(
            (pl.col(n) // 1_000).cast(pl.Datetime("us", "UTC")).alias(n.removesuffix(NANOSECONDS))
            for n in times
        )

    def _ids_of(self, values: Sequence[bytes | None]) -> pa.Array:
        """The schema ids in the frames, null where a value has none."""
        heads = pa.array([v[:FRAME_BYTES] if v else None for v in values], pa.binary())
        distinct = heads.dictionary_encode()
        ids = [_id(head) for head in distinct.dictionary.to_pylist()]
        self.ids.update(number for number in ids if number is not None)
        return pa.array(ids, pa.int32()).take(distinct.indices)


def _id(head: bytes) -> int | None:
    """Ids are signed in Java, so those above 2^31 - 1 are none."""
    framed = len(head) == FRAME_BYTES and head[0] == 0
    number = int.from_bytes(head[1:], "big") if framed else 1 << 31
    return number if number < 1 << 31 else None
