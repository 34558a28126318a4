"""A log in memory, an archive in a folder, and what is in it."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import fastavro
import pyarrow as pa
import pyarrow.parquet as pq

from connectors.log.interface import Log, Message, Tp
from replay.archive.layout import FileName
from replay.archive.reader import index
from replay.archive.records import tables
from replay.archive.run import Archived, archive
from replay.archive.store import FolderStore
from replay.times import EVERYTHING, Span
from schemas.catalog import ROOT, SchemaVersion
from schemas.json_form import from_json
from tests.connectors.epochs import toy

DAY_MS = 86_400_000
TOPICS = tuple(toy.TOPICS)


def archived(
    log: Log, folder: Path, topics: Sequence[str] = TOPICS, span: Span = EVERYTHING, **more: Any
) -> Archived:
    return archive(log, toy.CODEC, FolderStore(folder), topics, span, **more)


def bytes_of(folder: Path) -> dict[str, bytes]:
    """Everything in an archive, by name."""
    store = FolderStore(folder)
    return {name: store.read(name) for name in store.names()}


def rows(folder: Path, topic: str) -> list[dict[str, Any]]:
    """All rows of a topic, by partition and offset."""
    found = index(FolderStore(folder), [topic])
    return [
        row for names in found.values() for name in names for row in whole(folder, name).to_pylist()
    ]


def whole(folder: Path, name: FileName) -> pa.Table:
    """A file with all columns, values included that it leaves out."""
    columns = pq.read_schema(folder / name.path)
    found = tables(FolderStore(folder), name, columns.names, 0)
    return pa.Table.from_batches(found).cast(columns)


def messages(log: Log, topic: str) -> Iterator[Message]:
    for partition in range(log.partition_count(topic)):
        tp = Tp(topic, partition)
        yield from log.read(tp, *log.bounds(tp), 10.0)


def facts(message: Message) -> tuple[Any, ...]:
    """What must be kept of a record."""
    headers = [{"name": name, "value": value} for name, value in message.headers() or ()]
    place = (message.topic(), message.partition(), message.offset(), message.timestamp()[1])
    return (*place, message.key(), headers, message.value())


def examples(version: SchemaVersion) -> Iterator[bytes]:
    """The shipped examples of an event version, as Kafka values under the toy codec's ids."""
    parsed = fastavro.parse_schema(json.loads(version.text))
    for path in sorted((ROOT / "examples" / f"{version.event}.v{version.version}").iterdir()):
        body = io.BytesIO()
        example = from_json(version.schema, json.loads(path.read_text()))
        fastavro.schemaless_writer(body, parsed, example)
        yield b"\0" + toy.CODEC.ids.id_of(version).to_bytes(4, "big") + body.getvalue()
