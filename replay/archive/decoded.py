"""A file's columns as the events that its values hold: nobody decodes again what was decoded to be
archived.
"""

from __future__ import annotations

from typing import NamedTuple

import polars as pl
import pyarrow as pa

from connectors.epochs.runs import Events
from replay.archive.columns import EVENT, arrow_type, plain_type
from schemas.catalog import Catalog
from schemas.projection import column_type


class Kept(NamedTuple):
    """The event of a topic that has but one, and its fields as files keep them."""

    event: str
    fields: list[pa.Field]
    frame: dict[str, pl.DataType]

    @property
    def columns(self) -> list[str]:
        """The columns to be read."""
        return [EVENT, *(field.name for field in self.fields)]

    def within(self, schema: pa.Schema) -> bool:
        """Whether a file has these fields: one of an earlier version may have others."""
        return all(
            field.name in schema.names and plain_type(schema.field(field.name).type) == field.type
            for field in self.fields
        )

    def of(self, rows: pa.RecordBatch) -> Events | None:
        """The events of a batch; None where a value holds none that could be decoded."""
        if rows.column(EVENT).null_count:
            return None
        frame = pl.DataFrame([_series(field.name, rows) for field in self.fields])
        return Events(self.event, frame) if frame.schema == self.frame else None


def _series(name: str, rows: pa.RecordBatch) -> pl.Series:
    column = rows.column(name)
    if not pa.types.is_dictionary(column.type):
        return _plain(name, column)
    return _plain(name, column.dictionary)[_plain(name, column.indices)]


def _plain(name: str, column: pa.Array) -> pl.Series:
    found = pl.from_arrow(column)
    assert isinstance(found, pl.Series)
    return found.alias(name)


def kept(catalog: Catalog, topic: str) -> Kept | None:
    """None for a topic whose files hold several events, or none."""
    known = catalog.topics.get(topic)
    if known is None or len(known.events) != 1:
        return None
    event = known.events[0]
    fields = catalog.events[event].newest.schema["fields"]
    return Kept(
        event,
        [pa.field(field["name"], arrow_type(field["type"])) for field in fields],
        {field["name"]: column_type(field["type"]) for field in fields},
    )
