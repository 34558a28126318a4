"""An answer as text: aligned columns for a person, one JSON document, or CSV. Nothing is rounded
or left out; a decimal loses closing zeros only. In what machines read each column has a name of
its own.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from itertools import chain, count
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from replay.sql.errors import SqlError
from replay.sql.exactly import listed
from schemas.json_form import to_json


def as_rows(answer: pa.Table) -> Iterator[dict[str, Any]]:
    """The rows as JSON values: decimals and times as text, bytes as base64."""
    names = list(distinct(answer.column_names))
    yield from (dict(zip(names, row, strict=True)) for row in values_of(answer))


def values_of(answer: pa.Table) -> Iterator[tuple[Any, ...]]:
    """The same values by place: two columns may have one name. Raises `SqlError`."""
    for batch in answer.to_batches():
        columns = map(listed, batch.columns)
        yield from (tuple(map(plain, row)) for row in zip(*columns, strict=True))


def distinct(names: Sequence[str]) -> Iterator[str]:
    """Names of which no two are the same, in any case: a second `a` is `a_1`, as in the files that
    DuckDB writes.
    """
    taken: set[str] = set()
    for name in names:
        forms = chain([name], (f"{name}_{number}" for number in count(1)))
        free = next(form for form in forms if form.lower() not in taken)
        taken.add(free.lower())
        yield free


def as_json(answer: pa.Table) -> str:
    """A list of objects, a line each."""
    rows = ",\n".join(json.dumps(row, ensure_ascii=False) for row in as_rows(answer))
    return f"[\n{rows}\n]" if rows else "[]"


def as_csv(answer: pa.Table) -> str:
    """A line of names, then a line per row; null is empty, a list or a record is JSON."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(distinct(answer.column_names))
    writer.writerows([_cell(value, "") for value in row] for row in values_of(answer))
    return out.getvalue().removesuffix("\n")


def as_table(answer: pa.Table) -> str:
    """Aligned columns and the number of rows."""
    return table_of(answer.column_names, list(values_of(answer)))


def table_of(names: Sequence[str], answer: Sequence[Sequence[Any]]) -> str:
    """The same of rows as JSON values."""
    rows = [names, *([_cell(value, "-") for value in row] for row in answer)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    count = len(answer)
    return "\n".join([*lines, f"({count:,} row{'' if count == 1 else 's'})"])


def as_parquet(answer: pa.Table) -> bytes:
    """The answer in the columns' own types. Raises `SqlError` for one that Parquet has not."""
    out = io.BytesIO()
    named = answer.rename_columns(list(distinct(answer.column_names)))
    try:
        pq.write_table(named, out, compression="zstd")
    except pa.ArrowNotImplementedError as error:
        raise SqlError(f"Parquet cannot hold this answer: {error}: cast the column") from None
    return out.getvalue()


def plain(value: Any) -> Any:
    """What `json.dumps` takes."""
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, pa.MonthDayNano):
        seconds = to_json(Decimal(value.nanoseconds).scaleb(-9))
        return f"P{value.months}M{value.days}DT{seconds}S"
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    kept = to_json(value)
    return kept if isinstance(kept, str | int | float | None) else str(kept)


def _cell(value: Any, null: str) -> str:
    if value is None:
        return null
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
