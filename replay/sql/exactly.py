"""The values of an answer as they are: what Arrow or Python has no form for is refused, never
shown as something else.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
from duckdb.sqltypes import DuckDBPyType

from replay.sql.errors import SqlError

# In Arrow a large UHUGEINT is negative, TIMETZ has no zone, the others are bytes of DuckDB's own.
FOREIGN: Final = {"uhugeint", "time with time zone", "bignum", "bit", "variant"}
INFINITE: Final = {2**63 - 1, -(2**63) + 1}
DAY: Final = {"us": 86_400_000_000, "ns": 86_400_000_000_000}


def require_held(answer: duckdb.DuckDBPyRelation) -> None:
    """Raises `SqlError` for a column with such a type, also within a list or a record."""
    for name, kind in zip(answer.columns, answer.types, strict=True):
        for part in _parts(kind):
            if part.id in FOREIGN:
                raise SqlError(f"column {name}: an answer cannot hold {part}: cast it to text")


def _parts(kind: DuckDBPyType) -> Iterator[DuckDBPyType]:
    yield kind
    if kind.id in {"list", "array", "struct", "map", "union"}:
        for _, child in kind.children:
            if isinstance(child, DuckDBPyType):  # an array's size is none
                yield from _parts(child)


def listed(column: pa.Array) -> list[Any]:
    """A Python value each; of a time in nanoseconds, which Python has not, its text. Raises
    `SqlError` for other times that it has not: infinity, a year outside of 1 to 9999, 24:00.
    """
    if any(map(_ends_a_day, _leaves(column))):
        raise SqlError("24:00:00 is a time that cannot be shown: cast such times to text")
    if pa.types.is_temporal(column.type) and getattr(column.type, "unit", None) == "ns":
        return list(_texts(column))
    try:
        return list(column.to_pylist())
    except (OverflowError, ValueError) as error:
        said = str(error).partition(". ")[0]
        raise SqlError(f"{said}: cast such times to text") from None


def _texts(column: pa.Array) -> Iterator[str | None]:
    """As `datetime.isoformat` has them, with nine digits."""
    if INFINITE & set(pc.min_max(column.cast(pa.int64())).as_py().values()):
        raise SqlError("infinity is a time that cannot be shown: cast such times to text")
    for text in column.cast(pa.string()).to_pylist():
        yield text and text.replace(" ", "T").replace("+0000", "Z")


def _ends_a_day(leaf: pa.Array) -> bool:
    """Arrow's 24:00:00 is 00:00:00 in Python."""
    if not pa.types.is_time64(leaf.type):
        return False
    latest: int | None = pc.max(leaf.cast(pa.int64())).as_py()
    return latest is not None and latest >= DAY[leaf.type.unit]


def _leaves(column: pa.Array) -> Iterator[pa.Array]:
    kind = column.type
    if pa.types.is_struct(kind):
        inner = column.flatten()
    elif pa.types.is_map(kind):
        inner = [column.keys, column.items]
    elif pa.types.is_union(kind):
        inner = [column.field(at) for at in range(kind.num_fields)]
    elif pa.types.is_nested(kind):
        inner = [column.flatten()]
    else:
        yield column
        return
    for part in inner:
        yield from _leaves(part)
