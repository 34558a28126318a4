"""The schemas and topics of this checkout, read from the files beside this module."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from schemas import avsc
from schemas.errors import SchemaError
from schemas.topics import Topic, load_topics

ROOT: Final = Path(__file__).parent
_FILE_NAME: Final = re.compile(r"([A-Z][A-Za-z0-9]*)\.v([1-9][0-9]*)\.avsc")


@dataclass(frozen=True)
class SchemaVersion:
    """One `.avsc` file. `fingerprint` is of 32 bytes; see `schemas.avsc.canonical`."""

    event: str
    version: int
    text: str
    schema: avsc.Parsed
    fingerprint: bytes

    @property
    def fullname(self) -> str:
        name: str = self.schema["name"]
        return name


@dataclass(frozen=True)
class EventType:
    """All versions of one event, from 1; new events are written with the newest."""

    name: str
    versions: Mapping[int, SchemaVersion]

    @property
    def newest(self) -> SchemaVersion:
        return self.versions[max(self.versions)]

    @property
    def fullname(self) -> str:
        return self.newest.fullname

    @property
    def fingerprint(self) -> bytes:
        return self.newest.fingerprint


@dataclass(frozen=True)
class Catalog:
    """`events` by short name, `topics` by logical name, both in alphabetical order."""

    events: Mapping[str, EventType]
    topics: Mapping[str, Topic]

    def topics_of(self, event: str) -> list[str]:
        """The topics that carry an event."""
        return [name for name, topic in self.topics.items() if event in topic.events]

    def within(self, partitions_max: int | None) -> Catalog:
        """The same where no topic has more partitions; one by shard keeps one for every shard."""
        if partitions_max is None:
            return self
        topics = {
            name: replace(topic, partitions=min(topic.partitions, partitions_max))
            for name, topic in self.topics.items()
            if topic.key != "shard"
        }
        return replace(self, topics={**self.topics, **topics})


def load_catalog(root: Path = ROOT) -> Catalog:
    """Reads `avro/*.avsc` and `topics/*.yaml` below `root`. Raises `SchemaError` for the first
    file that is wrong; `schemas.check` finds what is wrong between them."""
    schemas = [load_schema(path) for path in sorted((root / "avro").iterdir())]
    return Catalog(by_event(schemas), load_topics(root / "topics"))


def by_event(schemas: Iterable[SchemaVersion]) -> dict[str, EventType]:
    """The versions of each event together, in order."""
    versions: dict[str, dict[int, SchemaVersion]] = {}
    for schema in schemas:
        versions.setdefault(schema.event, {})[schema.version] = schema
    return {
        name: EventType(name, dict(sorted(versions[name].items()))) for name in sorted(versions)
    }


def load_schema(path: Path) -> SchemaVersion:
    """The schema in a file named `<Event>.v<N>.avsc`."""
    match = _FILE_NAME.fullmatch(path.name)
    if not match:
        raise SchemaError(f"{path.name}: a schema file is named <Event>.v<N>.avsc")
    return schema_version(match[1], int(match[2]), path.read_text("utf-8"), path.name)


def schema_version(event: str, version: int, text: str, origin: str) -> SchemaVersion:
    """The parsed form of one schema text; `origin` names it in errors."""
    schema = avsc.parse(text, origin)
    if avsc.short_name(schema["name"]) != event:
        raise SchemaError(f"{origin}: the record is named {schema['name']}, not {event}")
    return SchemaVersion(event, version, text, schema, avsc.fingerprint(schema))
