"""Views of what the log holds: one per topic, by the topic's name, one per event, in snake_case.

Besides an event's own fields each row has where it lay (`_topic`, `_partition`, `_offset`), log
time (`_timestamp_ms`, and `_time` as a timestamp), its `_key`, its `_id` (header ce_id) and its
`_position`, by which `causation_id` and `correlation_id` name other rows.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, Literal

import pyarrow as pa

from replay.archive.columns import PLACE, event_fields, shape
from replay.times import Span
from schemas.catalog import Catalog

Kind = Literal["VIEW", "TABLE"]
_RECORD: Final = (*PLACE, "_time", "_key", "_id", "_position", "_event", "_schema_id", "_headers")
_TIME: Final = 'make_timestamptz("_timestamp_ms" * 1000) AS "_time"'
_ID: Final = """decode([h.value FOR h IN "_headers" IF h.name = 'ce_id'][1]) AS "_id\""""
_POSITION: Final = """concat("_topic", '/', "_partition", '/', "_offset") AS "_position\""""
_TYPES: Final = {
    pa.string(): "VARCHAR",
    pa.binary(): "BLOB",
    pa.bool_(): "BOOLEAN",
    pa.int32(): "INTEGER",
    pa.int64(): "BIGINT",
    pa.timestamp("us", "UTC"): "TIMESTAMPTZ",
}


def event_view(event: str) -> str:
    """`trade_printed` of `TradePrinted`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", event).lower()


def topic_sql(
    catalog: Catalog, topic: str, paths: Sequence[str], bounds: Span, kind: Kind = "VIEW"
) -> str:
    """The view of a topic over its files, or a table of what they hold; without files it has no
    rows, and all its columns.
    """
    columns = [
        f"CAST(NULL AS {sql_type(field.type)}) AS {quoted(field.name)}"
        for field in shape(catalog, topic)
    ]
    rows = f"SELECT {', '.join(columns)} WHERE false"
    if paths:
        # By name: a file of an older version lacks the columns of newer events.
        listed = ", ".join(map(literal, paths))
        options = "union_by_name = true, hive_partitioning = false"
        found = f"SELECT * FROM read_parquet([{listed}], {options})"
        rows = f"{found}{_between(bounds)} UNION ALL BY NAME {rows}"
    return f"CREATE {kind} {quoted(topic)} AS SELECT *, {_TIME}, {_ID}, {_POSITION} FROM ({rows})"


def event_sql(catalog: Catalog, event: str) -> str:
    """The view of an event, over every topic that carries it."""
    fields = [field.name for field in event_fields(catalog, event)]
    columns = ", ".join(quoted(name) for name in (*_RECORD, *fields))
    parts = [
        f'SELECT {columns} FROM {quoted(topic)} WHERE "_event" = {literal(event)}'
        for topic in catalog.topics_of(event)
    ]
    return f"CREATE VIEW {event_view(event)} AS {' UNION ALL '.join(parts)}"


def every_event_sql(catalog: Catalog) -> str:
    """The view of all records: where each lay, and the ids that lead from one to another."""
    parts = []
    for topic in catalog.topics:
        known = set(shape(catalog, topic).names)
        links = [
            quoted(name) if name in known else f"CAST(NULL AS VARCHAR) AS {name}"
            for name in ("account", "instrument", "cl_ord_id", "correlation_id", "causation_id")
        ]
        columns = ", ".join([*map(quoted, _RECORD[:-2]), *links])
        parts.append(f"SELECT {columns} FROM {quoted(topic)}")
    return f"CREATE VIEW events AS {' UNION ALL '.join(parts)}"


def sql_type(kind: pa.DataType) -> str:
    """DuckDB's name of a column's type."""
    if pa.types.is_decimal(kind):
        return f"DECIMAL({kind.precision}, {kind.scale})"
    if pa.types.is_list(kind):
        return f"{sql_type(kind.value_type)}[]"
    if pa.types.is_struct(kind):
        inner = ", ".join(f"{quoted(field.name)} {sql_type(field.type)}" for field in kind)
        return f"STRUCT({inner})"
    return _TYPES[kind]


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _between(bounds: Span) -> str:
    low, high = bounds
    parts = [
        *([f'"_timestamp_ms" >= {low}'] if low is not None else []),
        *([f'"_timestamp_ms" < {high}'] if high is not None else []),
    ]
    return f" WHERE {' AND '.join(parts)}" if parts else ""
