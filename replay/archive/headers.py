"""Headers of records as a column: taken from messages, and as files have them."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate, chain, count
from operator import itemgetter
from typing import Final

import pyarrow as pa

Headers = Sequence[tuple[str, bytes | None]] | None
HEADER: Final = pa.struct([pa.field("name", pa.string(), False), pa.field("value", pa.binary())])


def headers_column(headers: Sequence[Headers]) -> pa.ListArray:
    """Headers as a list per record, in their order; none is an empty list. A header that all
    records have alike is kept once, see `whole_headers`.
    """
    lists = [some or () for some in headers]
    counts = list(map(len, lists))
    width, every = counts[0], list(chain.from_iterable(lists))
    if counts.count(width) == len(counts):
        places = [every[at::width] for at in range(width)]
        alike = tuple([place == place[:1] * len(place) for place in places])
        shared = [place[0] for place, one in zip(places, alike, strict=True) if one]
        others = [place for place, one in zip(places, alike, strict=True) if not one]
        several = chain.from_iterable(zip(*others, strict=True))
        kept = shared + (others[0] if len(others) == 1 else list(several))
        rows = 1 << len(lists).bit_length()  # few numbers, so that few orders are made
        order = _order(alike, rows).slice(0, len(every))
        starts = _starts(width, rows).slice(0, len(lists) + 1)
    else:
        kept, order = every, pa.array(range(len(every)), pa.int32())
        starts = pa.array(accumulate(counts, initial=0), pa.int32())
    names, values = (list(map(itemgetter(at), kept)) for at in range(HEADER.num_fields))
    items = pa.StructArray.from_arrays(
        [pa.array(names, pa.string()), pa.array(values, pa.binary())], fields=list(HEADER)
    )
    return pa.ListArray.from_arrays(starts, pa.DictionaryArray.from_arrays(order, items))


@lru_cache(32)
def _starts(width: int, rows: int) -> pa.Int32Array:
    """Where the headers of each row begin if all have as many, and where the last ones end."""
    return pa.array([width * row for row in range(rows + 1)], pa.int32())


@lru_cache(32)
def _order(alike: tuple[bool, ...], rows: int) -> pa.Int32Array:
    """Where the headers of each row lie: those that are alike come first, then row by row."""
    found, first, each = array("i", bytes(4 * rows * len(alike))), sum(alike), alike.count(False)
    shared, others = count(), count(first)
    for place, one in enumerate(alike):
        at = next(shared) if one else next(others)
        step = array("i", [at]) * rows if one else array("i", range(at, at + rows * each, each))
        found[place :: len(alike)] = step
    return pa.array(found, pa.int32())


def whole_headers(column: pa.ListArray) -> pa.ListArray:
    """The same as files have it: each header as often as it occurs."""
    kept, order = column.values.dictionary, column.values.indices
    # Arrow takes whole records several times slower than each of their fields.
    fields = [kept.field(at).take(order) for at in range(HEADER.num_fields)]
    items = pa.StructArray.from_arrays(fields, fields=list(HEADER))
    return pa.ListArray.from_arrays(column.offsets, items)
