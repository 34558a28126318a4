"""Which files an archive has, and what is in them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from connectors.log.interface import Tp
from replay.archive.layout import FileName, parse
from replay.archive.store import Store

Index = dict[Tp, list[FileName]]


def index(store: Store, topics: Iterable[str] | None = None) -> Index:
    """The finished files (those that have their manifest) of each partition, by offset. Of files
    that begin at the same offset the longest counts: the others are on their way out.
    """
    names = store.names() if topics is None else [n for t in topics for n in store.names(t)]
    return of_names(names)


def of_names(names: Sequence[str]) -> Index:
    """The same of a listing."""
    there = frozenset(names)
    found: dict[Tp, dict[int, FileName]] = {}
    for name in filter(None, map(parse, names)):
        files = found.setdefault(name.tp, {})
        if name.manifest in there and name.end >= files.get(name.start, name).end:
            files[name.start] = name
    return {tp: [files[at] for at in sorted(files)] for tp, files in sorted(found.items()) if files}


def superseded(names: Sequence[str]) -> list[str]:
    """Files, and their manifests, that a longer one with the same start has taken the place of.
    One may be left alone: two archivers wrote and removed it.
    """
    best = {(n.tp, n.start): n for files in of_names(names).values() for n in files}
    found = []
    for path in names:
        name = parse(f"{path.removesuffix('.json')}.parquet" if path.endswith(".json") else path)
        longer = best.get((name.tp, name.start)) if name else None
        if name and longer and longer.end > name.end:
            found.append(path)
    return found


def overlapping(files: Index) -> tuple[FileName, FileName] | None:
    """Two files that hold the same offsets; None where there are none."""
    pairs = ((a, b) for some in files.values() for a, b in pairwise(some))
    return next(((a, b) for a, b in pairs if a.end > b.start), None)


def covered(files: Sequence[FileName]) -> list[tuple[int, int]]:
    """The ranges [start, end) that files cover, joined where one ends as the next begins."""
    ranges: list[tuple[int, int]] = []
    for name in files:
        if ranges and ranges[-1][1] == name.start:
            ranges[-1] = (ranges[-1][0], name.end)
        else:
            ranges.append((name.start, name.end))
    return ranges
