"""The manifest of a whole day: every file of it by SHA-256, and the day before it by SHA-256.

So a file that was added, taken away or changed shows, and so does a day that is missing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from replay.archive import manifest
from replay.archive.errors import ArchiveConflict, ArchiveCorrupt, ArchiveError
from replay.archive.layout import DAYS, FileName, day_manifest, parse, schema_file
from replay.archive.manifest import FileManifest
from replay.archive.reader import Index
from replay.archive.schemas import kept_ids
from replay.archive.signed import UNKNOWN, Last, LastSigned
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
    store: Store,
    before: Mapping[str, bytes],
    files: Index,
    changed: Iterable[str],
    last: LastSigned = UNKNOWN,
) -> list[str]:
    """Brings the day manifests in line with the files: those of `changed` days, those whose list
    of files is another, and every later one. The days written. `before`: what `kept` gave before
    the files were listed. Raises `ArchiveConflict`.

    A day is closed once the archive holds a later one. The signature of a manifest that changes
    is no longer one, and goes; before any manifest is written, so that wherever this ends what is
    signed follows what is there. `last` then tells of what stays signed alone.
    """
    days, noted = by_day(files), last.read()
    _require_as_signed(store, before, days, noted)
    _require_last(store, before, last, noted)
    signed = {day for day in days if _was_signed(before, day_manifest(day), noted)}
    planned = _planned(store, before, days, set(changed), signed)
    fresh = {day: data for day, data in planned if data != before.get(day_manifest(day))}
    if noted and fresh and min(fresh) <= noted.day:
        last.write(_newest_before(before, min(fresh)))
    for name in map(day_manifest, fresh):
        if name + SIGNATURE in before:
            store.remove(name + SIGNATURE)
    for day, data in fresh.items():
        store.write(day_manifest(day), data)
    return list(fresh)


def _planned(
    store: Store,
    before: Mapping[str, bytes],
    days: Mapping[str, list[FileName]],
    fresh: set[str],
    signed: set[str],
) -> Iterator[tuple[str, bytes]]:
    """What each day's manifest has to be. Of a signed day that is not fresh, what it says of a file
    stays, so that one that was changed since shows.
    """
    previous = None
    for number, (day, names) in enumerate(days.items()):
        closed = number + 1 < len(days)
        entries, means = _said(before.get(day_manifest(day), b""))
        listed = entries if day not in fresh else {}
        kept_on = listed if day in signed else {}
        used = means if closed else {}  # the open day's is always up to date
        if not used or list(listed) != [n.path for n in names]:
            read_again = {n: _listed(store, n.manifest) for n in names}
            listed = {n.path: kept_on.get(n.path) or _entry(n, d) for n, d in read_again.items()}
            used = _means(store, [manifest.load(d, n) for n, d in read_again.items()])
        body = {"date": day, "closed": closed, "previous": previous, "files": list(listed.values())}
        data = manifest.canonical(body | used)
        yield day, data
        previous = manifest.digest(data)


def _newest_before(before: Mapping[str, bytes], day: str) -> Last | None:
    names = [n for n in before if n.endswith(".json") and n < day_manifest(day)]
    return Last(_day(names[-1]), manifest.digest(before[names[-1]])) if names else None


def _require_as_signed(
    store: Store,
    before: Mapping[str, bytes],
    days: Mapping[str, list[FileName]],
    noted: Last | None,
) -> None:
    """A signed day, and one before the day noted last, is never signed anew over another past than
    its own, nor without a file of its own. Raises `ArchiveCorrupt`.
    """
    previous = None
    for name, data in before.items():
        if not name.endswith(".json"):
            continue
        if _was_signed(before, name, noted):
            _require_follows(store, before, name, previous)
            _none_lost(store, name, _said(data)[0], days.get(_day(name), ()))
        previous = manifest.digest(data)


def _was_signed(before: Mapping[str, bytes], name: str, noted: Last | None) -> bool:
    return name + SIGNATURE in before or (noted is not None and _day(name) <= noted.day)


def _require_follows(
    store: Store, before: Mapping[str, bytes], name: str, previous: str | None
) -> None:
    """Raises `ArchiveConflict` where another archiver has just signed it."""
    try:
        if json.loads(before[name])["previous"] == previous:
            return
    except (ValueError, KeyError, TypeError):
        pass
    if kept(store) != before:
        raise ArchiveConflict(f"{store.root}/{name}")
    raise ArchiveCorrupt(
        f"{store.root}/{name} was signed, but it or the day before it is not what was signed: "
        "`tape verify` tells what changed; put that back from a copy of the archive"
    )


def _require_last(
    store: Store, before: Mapping[str, bytes], last: LastSigned, noted: Last | None
) -> None:
    """Raises `ArchiveConflict` where another archiver is at work."""
    if noted is None:
        return
    name = day_manifest(noted.day)
    data, signature = before.get(name, b""), before.get(name + SIGNATURE, b"")
    if manifest.digest(data) == noted.sha256 or last.holds(data, signature):
        return
    if kept(store) != before:
        raise ArchiveConflict(f"{store.root}/{name}")
    raise ArchiveCorrupt(
        f"{store.root}/{name} is not what was signed last, by {last.place}: put it back from a "
        "copy of the archive, or remove the note where you know why it is another"
    )


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
    return [_day(name) for name in store.names(DAYS) if name.endswith(".json")]


def _day(name: str) -> str:
    """The day that a manifest is of."""
    return name.removeprefix(f"{DAYS}/").removesuffix(".json")
