"""`tape schemas check`: everything about the vocabulary that its files alone can show."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fastavro

from schemas import generate
from schemas.catalog import ROOT, Catalog, EventType, SchemaVersion, load_catalog, load_schema
from schemas.compatibility import conflicts, wrong_defaults
from schemas.errors import SchemaError
from schemas.json_form import from_json
from schemas.topics import load_topic


def check(root: Path = ROOT) -> list[str]:
    """What is wrong, one line each; empty where nothing is. Files that cannot be read hide the
    findings between files."""
    findings = [*_unreadable(root)]
    if findings:
        return findings
    catalog = load_catalog(root)
    for event in catalog.events.values():
        findings += _versions(event)
        findings += conflicts({f"v{n}": schema for n, schema in event.versions.items()})
    findings += _topics(catalog)
    findings += _examples(catalog, root / "examples")
    findings += _generated(catalog, root / "events.py")
    return findings


def _unreadable(root: Path) -> Iterator[str]:
    loaders: tuple[tuple[str, Any], ...] = (("avro", load_schema), ("topics", load_topic))
    for folder, load in loaders:
        for path in sorted((root / folder).iterdir()):
            try:
                load(path)
            except SchemaError as error:
                yield str(error)


def _versions(event: EventType) -> Iterator[str]:
    newest = max(event.versions)
    for number in range(1, newest):
        if number not in event.versions:
            yield f"{event.name}: v{newest} exists, v{number} does not"
    seen: dict[bytes, SchemaVersion] = {}
    for schema in event.versions.values():
        label = f"{event.name}.v{schema.version}"
        twin = seen.setdefault(schema.fingerprint, schema)
        if twin is not schema:
            yield f"{label}: its bytes equal those of v{twin.version}; change that file instead"
        for problem in wrong_defaults(schema.schema):
            yield f"{label}: {problem}"


def _topics(catalog: Catalog) -> Iterator[str]:
    used = {event for topic in catalog.topics.values() for event in topic.events}
    for event in catalog.events.keys() - used:
        yield f"{event}: no topic carries it"
    partitions: dict[str, tuple[str, int]] = {}
    for name, topic in catalog.topics.items():
        for event in topic.events:
            if event not in catalog.events:
                yield f"{name}: event {event} has no schema"
        if name.endswith(".dlq") and name.removesuffix(".dlq") not in catalog.topics:
            yield f"{name}: there is no {name.removesuffix('.dlq')}"
        other, count = partitions.setdefault(topic.key, (name, topic.partitions))
        if count != topic.partitions:
            yield f"{name}: {topic.partitions} partitions, {other} of the same key has {count}"


def _examples(catalog: Catalog, folder: Path) -> Iterator[str]:
    expected = {
        f"{event.name}.v{number}": (schema, event.newest)
        for event in catalog.events.values()
        for number, schema in event.versions.items()
    }
    found = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    for name in sorted(found - expected.keys()):
        yield f"examples/{name}: no such event version"
    for name, (written, newest) in expected.items():
        paths = sorted((folder / name).glob("*.json"))
        if not paths:
            yield f"{name}: no example in examples/{name}/*.json"
        for path in paths:
            problem = _example_problem(path, written, newest)
            if problem:
                yield f"examples/{name}/{path.name}: {problem}"


def _example_problem(path: Path, written: SchemaVersion, newest: SchemaVersion) -> str:
    """Why an example cannot be written with its version and read with the newest; else empty."""
    try:
        value = from_json(written.schema, json.loads(path.read_text("utf-8")))
        writer = fastavro.parse_schema(json.loads(written.text))
        buffer = io.BytesIO()
        fastavro.schemaless_writer(buffer, writer, value)
        buffer.seek(0)
        reader = fastavro.parse_schema(json.loads(newest.text))
        read = fastavro.schemaless_reader(buffer, writer, reader)
    except SchemaError as error:
        return str(error)
    except Exception as error:
        return f"v{newest.version} cannot read it: {error!r}"
    same = newest is not written or read == value
    return "" if same else f"reads as {read!r}"


def _generated(catalog: Catalog, path: Path) -> Iterator[str]:
    try:
        wanted = generate.source(catalog)
    except SchemaError as error:
        yield str(error)
        return
    if not path.is_file() or path.read_text("utf-8") != wanted:
        yield "events.py is not what the schemas say: run `python -m schemas.generate`"
