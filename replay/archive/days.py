"""The manifest of a whole day: every file of it by SHA-256, and the day before it by SHA-256.

So a file that was added, taken away or changed shows, and so does a day that is missing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from replay.archive import manifest
from replay.archive.errors import ArchiveCorrupt
from replay.archive.layout import DAYS, FileName, day_manifest
from replay.archive.reader import Index
from replay.archive.store import Store

SIGNATURE = ".sig"


def by_day(files: Index) -> dict[str, list[FileName]]:
    """The files of each day, days and files in order."""
    found: dict[str, list[FileName]] = {}
    for name in (name for some in files.values() for name in some):
        found.setdefault(name.day, []).append(name)
    return {day: sorted(found[day]) for day in sorted(found)}


def write(store: Store, files: Index, changed: Iterable[str]) -> list[str]:
    """Brings the day manifests in line with the files: those of `changed` days, those whose list
    of files is another, and every later one. The days written.

    A day is closed once the archive holds a later one. The signature of a manifest that changes
    is no longer one, and goes.
    """
    days, fresh = by_day(files), set(changed)
    written, previous = [], None
    for number, (day, names) in enumerate(days.items()):
        name, closed = day_manifest(day), number + 1 < len(days)
        old = store.read(name) if store.exists(name) else b""
        kept = _entries(old) if day not in fresh else {}
        if list(kept) != [n.path for n in names]:
            kept = {n.path: _entry(store, n) for n in names}
        body = {"date": day, "closed": closed, "previous": previous, "files": list(kept.values())}
        data = manifest.canonical(body)
        if data != old:
            store.remove(name + SIGNATURE)
            store.write(name, data)
            written.append(day)
        previous = manifest.digest(data)
    return written


def _entry(store: Store, name: FileName) -> dict[str, Any]:
    """What a day's manifest says of one file."""
    data = store.read(name.manifest)
    found = manifest.load(data, name)
    return {
        "name": name.path,
        "manifest_sha256": manifest.digest(data),
        "sha256": found.sha256,
        "size": found.size,
        "rows": found.rows,
    }


def _entries(data: bytes) -> Mapping[str, dict[str, Any]]:
    """The files a day's manifest lists, by name; none where it cannot be read, for it is written
    anew then.
    """
    try:
        return {entry["name"]: entry for entry in json.loads(data)["files"]}
    except (ValueError, KeyError, TypeError):
        return {}


def read(store: Store, day: str) -> dict[str, Any]:
    """A day's manifest. Raises `ArchiveError`, `ArchiveCorrupt` where it is none."""
    data = store.read(day_manifest(day))
    try:
        found: dict[str, Any] = json.loads(data)
        if manifest.canonical(found) != data or found["date"] != day:
            raise ValueError("not canonical, or another day's")
    except (ValueError, KeyError, TypeError) as error:
        raise ArchiveCorrupt(f"{store.root}/{day_manifest(day)}: {error}") from None
    return found


def days(store: Store) -> list[str]:
    """The days that have a manifest, in order."""
    names = store.names(DAYS)
    return [n.removeprefix(f"{DAYS}/").removesuffix(".json") for n in names if n.endswith(".json")]
