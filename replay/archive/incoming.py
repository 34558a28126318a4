"""Records as they come from a log, before they are rows of a file: no record is touched twice, for
fields are taken from a batch of messages at once.

The process that reads ahead imports this, and neither polars nor schemas, which take half a second.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from operator import add
from typing import Final

import pyarrow as pa

from connectors.epochs.runs import longs, offsets_of
from connectors.log.interface import Message
from replay.archive.headers import Headers, headers_column
from replay.archive.strings import plain, size, strings

SIZED: Final = ("_key", "_value")


@dataclass(frozen=True, eq=False)
class Records:
    """Consecutive committed records of one partition: where and when each lay, and `_key`, `_value`
    and `_headers` of each, the latter as `headers_column` gives them. A few thousand at a time
    become columns while they are in the processor's cache; nothing keeps an object per record.
    """

    offsets: range | array[int]
    timestamps: array[int]
    rows: pa.RecordBatch

    @property
    def length(self) -> int:
        return len(self.offsets)

    def part(self, start: int, stop: int) -> Records:
        """The records from `start` to before `stop`."""
        if start == 0 and stop >= self.length:
            return self
        rows = self.rows.slice(start, stop - start)
        return Records(self.offsets[start:stop], self.timestamps[start:stop], rows)

    @property
    def size(self) -> int:
        """Bytes of all keys and values."""
        return sum(size(self.rows.column(name)) for name in SIZED)

    def fitting(self, bytes_max: int) -> int:
        """How many records there are before their bytes exceed the bound."""
        if self.size <= bytes_max:
            return self.length
        keys, values = (strings(plain(self.rows.column(name))).lengths for name in SIZED)
        return bisect_left(list(accumulate(map(add, keys, values))), bytes_max + 1)


def records_of(messages: Sequence[Message]) -> Records:
    """At least one message, all of one partition."""
    kind = type(messages[0])
    return records(
        offsets_of(messages),
        [time[1] for time in map(kind.timestamp, messages)],
        list(map(kind.key, messages)),
        list(map(kind.value, messages)),
        list(map(kind.headers, messages)),
    )


def records(
    offsets: Sequence[int],
    timestamps: Sequence[int],
    keys: Sequence[bytes | None],
    values: Sequence[bytes | None],
    headers: Sequence[Headers],
) -> Records:
    """The same, a list per field."""
    columns = {
        "_key": pa.array(keys, pa.binary()),
        "_value": pa.array(values, pa.binary()),
        "_headers": headers_column(headers),
    }
    places = offsets if isinstance(offsets, range) else longs(offsets)
    return Records(places, longs(timestamps), pa.record_batch(columns))
