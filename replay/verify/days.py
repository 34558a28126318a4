"""Day manifests: each names the one before it by SHA-256, and a closed one is signed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from replay.archive.days import SIGNATURE
from replay.archive.layout import DAYS, FileName, day_manifest, parse
from replay.archive.manifest import canonical, digest
from replay.archive.signed import Check
from replay.archive.store import UNFINISHED, Store
from replay.verify.findings import Audit

_SUFFIX = ".json"


class Entry(NamedTuple):
    """What a day manifest says of one file."""

    name: FileName
    manifest_sha256: str
    sha256: str
    size: int
    rows: int


@dataclass(frozen=True)
class Day:
    """A day manifest as read. `schemas`: what its files were written with, by fingerprint.
    `partitions`: how many each topic had.
    """

    day: str
    closed: bool
    previous: str | None
    entries: tuple[Entry, ...]
    schemas: dict[str, dict[str, Any]]
    partitions: dict[str, int]
    digest: str


def chain(store: Store, signed: Check, audit: Audit) -> dict[str, Day]:
    """Every day manifest, in order; those that cannot be read are findings and left out."""
    found: dict[str, Day] = {}
    before: str | None = None
    for day in _listed(store, audit):
        name = day_manifest(day)
        data = store.read(name)
        audit.days += 1
        read = _day(data, day, audit)
        if read is not None:
            found[day] = read
            _linked(read, before, audit)
            _signed(store, read, data, signed, audit)
        before = digest(data)
    _followed(found, audit)
    return found


def _listed(store: Store, audit: Audit) -> list[str]:
    names = [name for name in store.names(DAYS) if not name.endswith(UNFINISHED)]
    days = [n.removeprefix(f"{DAYS}/").removesuffix(_SUFFIX) for n in names if n.endswith(_SUFFIX)]
    known = {day_manifest(day) for day in days}
    for name in (name for name in names if name not in known):
        manifest = name.removesuffix(SIGNATURE)
        if manifest == name or not manifest.endswith(_SUFFIX):
            audit.find("it is no day manifest", name)
        elif manifest not in known:
            audit.find("it is missing, yet its signature is there", manifest)
    return days


def _day(data: bytes, day: str, audit: Audit) -> Day | None:
    try:
        found = json.loads(data)
        if canonical(found) != data or found["date"] != day:
            raise ValueError("it is not in canonical form, or another day's")
        entries = tuple(_entries(found["files"]))
        schemas = {str(name): _schema(one) for name, one in found["schemas"].items()}
        partitions = {str(topic): int(count) for topic, count in found["partitions"].items()}
        read = (day, found["closed"], found["previous"], entries, schemas, partitions)
        return Day(*read, digest(data))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        audit.find(f"it is not a day manifest: {error}", day_manifest(day))
        return None


def _schema(said: dict[str, Any]) -> dict[str, Any]:
    """Raises for anything else than a digest and ids."""
    return {"sha256": str(said["sha256"]), "ids": [int(number) for number in said["ids"]]}


def _entries(files: list[dict[str, Any]]) -> Iterator[Entry]:
    for file in files:
        name = parse(file["name"])
        if name is None:
            raise ValueError(f"{file['name']} is no file of an archive")
        yield Entry(name, *(file[key] for key in Entry._fields[1:]))


def _linked(day: Day, before: str | None, audit: Audit) -> None:
    if day.previous != before:
        wanted, there = _short(day.previous), _short(before)
        text = f"the day manifest before it has the SHA-256 {there}, it names {wanted}"
        audit.find(text, day_manifest(day.day))


def _followed(days: dict[str, Day], audit: Audit) -> None:
    """A day is closed because the archive holds a later one."""
    last = max(days, default="")
    if last and days[last].closed:
        audit.find(f"a day after {last} is missing: this one is closed", day_manifest(last))


def _short(sha256: str | None) -> str:
    return "none" if sha256 is None else f"{sha256[:16]}..."


def _signed(store: Store, day: Day, data: bytes, signed: Check, audit: Audit) -> None:
    name = day_manifest(day.day) + SIGNATURE
    if not store.exists(name):
        if day.closed:
            audit.find(f"it is missing: {day_manifest(day.day)} is not signed", name)
    elif not signed(data, store.read(name)):
        text = f"{name} does not hold for it: one of them was changed, or the key is another"
        audit.find(text, day_manifest(day.day))
