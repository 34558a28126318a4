"""Which files of an archive hold the time asked for. Only names and manifests are read here: what
another day holds, and whether it can be read or is gone, is of no importance.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from replay.archive import days, manifest
from replay.archive.errors import ArchiveError
from replay.archive.grown import manifest_of
from replay.archive.layout import DAY_MS, FileName, day_manifest, day_of, parse
from replay.archive.reader import index
from replay.archive.store import Store
from replay.times import EVERYTHING, Span


class Files(NamedTuple):
    """The files of one topic, in order of partition and offset; `bounds`: the record timestamps to
    keep, milliseconds, where a file holds others too.
    """

    topic: str
    names: tuple[FileName, ...]
    bounds: Span = EVERYTHING


def listed(store: Store, topic: str) -> list[FileName]:
    """All files of a topic, in order of partition and offset."""
    return [name for files in index(store, [topic]).values() for name in files]


def files_of(
    store: Store, topic: str, span: Span = EVERYTHING, found: Sequence[FileName] | None = None
) -> Files:
    """The files of a topic that hold a span; `found`: those there are, where they were listed
    before. Raises `ArchiveError` for a manifest that lies, and for a file that is gone.
    """
    found = listed(store, topic) if found is None else found
    _require_whole(store, found, span)
    within, bounds = [name for name in found if _within(name.day, span)], _inside_days(span)
    if bounds == EVERYTHING:
        return Files(topic, tuple(within))
    held = [name for name in within if _overlaps(manifest_of(store, name), bounds)]
    return Files(topic, tuple(held), bounds)


def _require_whole(store: Store, found: Sequence[FileName], span: Span) -> None:
    """Where files leave a gap, no day manifest may name one: `tape archive --accept-gap` leaves
    gaps too. Raises `ArchiveError`.
    """
    gaps = [(a, b) for a, b in pairwise(found) if a.tp == b.tp and a.end < b.start]
    known = [day for day in days.days(store) if _within(day, span)] if gaps else []
    for before, after in gaps:
        for day in (day for day in known if before.day <= day <= after.day):
            _require_named(store, day, before, after)


def _require_named(store: Store, day: str, before: FileName, after: FileName) -> None:
    names = [parse(entry["name"]) for entry in days.read(store, day)["files"]]
    for name in (name for name in names if name is not None and name.tp == before.tp):
        if before.end <= name.start < after.start and not store.exists(name.path):
            raise ArchiveError(
                f"{store.root}/{name.path} and its manifest are gone, but {day_manifest(day)} "
                f"names it: offsets {name.start} to {name.end - 1} are missing"
            )


def require_archive(store: Store) -> None:
    """Raises `ArchiveError` where there is none at all."""
    if not index(store):
        raise ArchiveError(f"{store.root} holds no archive: write one with `tape archive`")


def _within(day: str, span: Span) -> bool:
    low, high = span
    return (low is None or day >= day_of(low)) and (high is None or day <= day_of(high - 1))


def _inside_days(span: Span) -> Span:
    """The ends that part a day. At the others its files end, with what came late in them."""
    return Span(*(None if end is None or end % DAY_MS == 0 else end for end in span))


def _overlaps(kept: manifest.FileManifest, span: Span) -> bool:
    first, last = kept.timestamp_ms_min, kept.timestamp_ms_max
    if first is None or last is None:
        return False
    low, high = span
    return (low is None or last >= low) and (high is None or first < high)
