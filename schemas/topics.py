"""The topics, one YAML file each: `schemas/topics/<topic>.yaml`.

Names here are logical: an environment's prefix (`pr-123.`) is added where a cluster is shared.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

import yaml

from schemas.errors import SchemaError, one_line

# Every process reads all of them at its start; the reader in C takes an eighth of the time.
_Loader: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NAME: Final = re.compile(r"[a-z]+\.[a-z][a-z-]*\.v[1-9][0-9]*(\.dlq)?")
_DURATION: Final = re.compile(r"([1-9][0-9]*)(m|h|d)")
_MILLISECONDS: Final = {"m": 60_000, "h": 3_600_000, "d": 86_400_000}
KEYS: Final = (
    "instrument",
    "venue:instrument",
    "venue:stream",
    "account",
    "scope",
    "shard",
    "none",
)


@dataclass(frozen=True)
class Topic:
    """One topic. `key` says what its records are keyed by, `retention` how long they are kept
    (`30m`, `12h`, `7d`, `forever`); a topic that is not `transactional` is written outside of
    transactions only. `events` are short names."""

    topic: str
    owner: str
    description: str
    key: str
    partitions: int
    retention: str
    cleanup_policy: str
    max_message_bytes: int
    compatibility: str
    transactional: bool
    producers: tuple[str, ...]
    consumers: tuple[str, ...]
    events: tuple[str, ...]

    @property
    def retention_ms(self) -> int:
        """Milliseconds; -1 for ever."""
        match = _DURATION.fullmatch(self.retention)
        return int(match[1]) * _MILLISECONDS[match[2]] if match else -1

    def config(self) -> dict[str, str]:
        """What the broker is told. Record timestamps are log time, so they are the writer's."""
        return {
            "cleanup.policy": self.cleanup_policy,
            "max.message.bytes": str(self.max_message_bytes),
            "message.timestamp.type": "CreateTime",
            "retention.ms": str(self.retention_ms),
        }


def load_topics(folder: Path) -> dict[str, Topic]:
    """The topics by name, in alphabetical order. Raises `SchemaError` for the first wrong file."""
    found = [load_topic(path) for path in sorted(folder.iterdir())]
    return {topic.topic: topic for topic in found}


def load_topic(path: Path) -> Topic:
    """The topic in a file. Raises `SchemaError`, which names all that is wrong with it."""
    try:
        entries = yaml.load(path.read_text("utf-8"), Loader=_Loader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SchemaError(f"{path.name}: not YAML: {one_line(error)}") from None
    wrong = "; ".join(problems(entries, path.name))
    if wrong:
        raise SchemaError(f"{path.name}: {wrong}")
    lists = {name: tuple(value) for name, value in entries.items() if isinstance(value, list)}
    return Topic(**{**entries, **lists})


def problems(entries: Any, file_name: str) -> Iterator[str]:
    """What is wrong with the contents of a topic's file."""
    if not isinstance(entries, dict):
        yield "not a mapping"
        return
    types = {field.name: str(field.type) for field in fields(Topic)}
    yield from (f"unknown key {key}" for key in entries if key not in types)
    yield from (f"{key} is missing" for key in types if key not in entries)
    wrong = {key for key in types if key in entries and not _has_type(entries[key], types[key])}
    yield from (f"{key} is not of type {_TYPES[types[key]][1]}" for key in types if key in wrong)
    sound = {key: value for key, value in entries.items() if key not in wrong}
    if sound.get("topic", file_name[:-5]) + ".yaml" != file_name:
        yield f"topic is {sound['topic']}, unlike the file's name"
    for key, (allowed, text) in _RULES.items():
        if key in sound and not allowed(sound[key]):
            yield f"{key} is {sound[key]!r}, not {text}"


_TYPES: Final[Mapping[str, tuple[type, str]]] = {
    "str": (str, "text"),
    "int": (int, "integer"),
    "bool": (bool, "boolean"),
    "tuple[str, ...]": (list, "list of texts"),
}


def _has_type(value: Any, wanted: str) -> bool:
    if wanted == "tuple[str, ...]":
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    return type(value) is _TYPES[wanted][0]


_RULES: Final[Mapping[str, tuple[Any, str]]] = {
    "topic": (_NAME.fullmatch, "<domain>.<entity>.v<N> or its .dlq"),
    "owner": (str.strip, "a name"),
    "description": (str.strip, "a text"),
    "key": (KEYS.__contains__, f"one of {', '.join(KEYS)}"),
    "partitions": (lambda n: 1 <= n <= 10_000, "1 to 10000"),
    "retention": (lambda t: t == "forever" or _DURATION.fullmatch(t), "forever or like 30m 12h 7d"),
    "cleanup_policy": ({"delete"}.__contains__, "delete: replay needs every record"),
    "max_message_bytes": (lambda n: 1024 <= n <= 1 << 26, "1024 to 67108864"),
    "compatibility": ({"FULL_TRANSITIVE"}.__contains__, "FULL_TRANSITIVE: replay starts at 0"),
    "producers": (bool, "at least one"),
    "events": (bool, "at least one"),
}
