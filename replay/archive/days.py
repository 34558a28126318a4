"""The manifest of a whole day: every file of it by SHA-256, and the day before it by SHA-256.

So a file that was added, taken away or changed shows, and so does a day that is missing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from replay.archive import manifest
from replay.archive.errors import ArchiveConflict, ArchiveCorrupt, ArchiveError
from replay.archive.layout import DAYS, FileName, day_manifest, parse, schema_file
from replay.archive.manifest import FileManifest
from replay.archive.reader import Index
from replay.archive.schemas import kept_ids
from replay.archive.source import partitions
from replay.archive.store import UNFINISHED, Store

SIGNATURE = ".sig"


def by_day(files: Index) -> dict[str, list[FileName]]:
    """The files of each day, days and files in order."""
    found: dict[str, list[FileName]] = {}
    for name in (name for some in files.values() for name in some):
        found.setdefault(name.day, []).append(name)
    return {day: sorted(found[day]) for day in sorted(found)}


def kept(store: Store) -> dict[str, bytes]:
    """The manifests and signatures that there are, by name. Whoever writes days reads them before
    it lists the files: a store that knows its writers then refuses to put an older list in the
    place of a newer one. Raises `ArchiveConflict`.
    """
    return {n: _listed(store, n) for n in store.names(DAYS) if not n.endswith(UNFINISHED)}


def _listed(store: Store, name: str) -> bytes:
    """Raises `ArchiveConflict` where it was there a moment ago."""
    try:
        return store.read(name)
    except ArchiveError:
        if store.exists(name):
            raise
        raise ArchiveConflict(f"{store.root}/{name}") from None


def write(
    store: Store, before: Mapping[str, bytes], files: Index, changed: Iterable[str]
) -> list[str]:
    """Brings the day manifests in line with the files: those of `changed` days, those whose list
    of files is another, and every later one. The days written. `before`: what `kept` gave before
    the files were listed. Raises `ArchiveConflict`.

    A day is closed once the archive holds a later one. The signature of a manifest that changes
    is no longer one, and goes.
    """
    days, fresh = by_day(files), set(changed)
    written, previous = [], None
    for number, (day, names) in enumerate(days.items()):
        name, closed = day_manifest(day), number + 1 < len(days)
        old, signed = before.get(name, b""), name + SIGNATURE in before
        entries, means = _said(old)
        if signed:
            _none_lost(store, name, entries, names)
        listed = entries if day not in fresh else {}
        used = means if closed else {}  # the open day's is always up to date
        if not used or list(listed) != [n.path for n in names]:
            read_again = {n: _listed(store, n.manifest) for n in names}
            listed = {n.path: _entry(n, found) for n, found in read_again.items()}
            used = _means(store, [manifest.load(d, n) for n, d in read_again.items()])
        body = {"date": day, "closed": closed, "previous": previous, "files": list(listed.values())}
        body |= used
        data = manifest.canonical(body)
        if data != old:
            if signed:
                store.remove(name + SIGNATURE)
            store.write(name, data)
            written.append(day)
        previous = manifest.digest(data)
    return written


def _none_lost(store: Store, name: str, entries: Iterable[str], names: Iterable[FileName]) -> None:
    """What was signed is never left out: a file may only have grown. Raises `ArchiveCorrupt`."""
    starts = {(n.tp, n.start) for n in names}
    for path in entries:
        file = parse(path)
        if file is None or (file.tp, file.start) not in starts:
            raise ArchiveCorrupt(
                f"{store.root}/{path} or its manifest is gone, but {name} is signed: `tape verify` "
                "tells what else is, and a copy of the archive has it"
            )


def _means(store: Store, files: Iterable[FileManifest]) -> dict[str, Any]:
    """What files are read with. The schemas by fingerprint: SHA-256 of the schema's file, and the
    registry's ids that mean it. How many partitions each topic has.
    """
    ids: dict[str, list[int]] = {}
    for number, fingerprint in sorted(kept_ids(store).items()):
        ids.setdefault(fingerprint, []).append(number)
    used = {fingerprint for file in files for fingerprint in file.schemas}
    return {
        "schemas": {
            f: {"sha256": manifest.digest(store.read(schema_file(f))), "ids": ids.get(f, [])}
            for f in sorted(used)
        },
        "partitions": partitions(store),
    }


def _entry(name: FileName, data: bytes) -> dict[str, Any]:
    """What a day's manifest says of one file, by the bytes of its own."""
    found = manifest.load(data, name)
    return {
        "name": name.path,
        "manifest_sha256": manifest.digest(data),
        "sha256": found.sha256,
        "size": found.size,
        "rows": found.rows,
    }


def _said(data: bytes) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    """The files that a day's manifest lists, by name, and what they are read with; nothing where
    it cannot be read, for it is written anew then.
    """
    try:
        found = json.loads(data)
        entries = {entry["name"]: entry for entry in found["files"]}
        return entries, {name: dict(found[name]) for name in ("schemas", "partitions")}
    except (ValueError, KeyError, TypeError):
        return {}, {}


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
