"""Which files an archive has, and what is in them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from connectors.log.interface import Tp
from replay.archive.errors import ArchiveError
from replay.archive.layout import FileName, described
from replay.archive.store import Store

Index = dict[Tp, list[FileName]]


def index(store: Store, topics: Iterable[str] | None = None) -> Index:
    """The finished files (those that have their manifest) of each partition, by offset. Of files
    of a day that begin at the same offset the longest counts: the others are on their way out. One
    that its manifest alone is left of counts too: whoever reads there is told that it is gone.
    Raises `ArchiveError` where others hold the same offsets: nobody can tell which is right.
    """
    names = store.names() if topics is None else [n for t in topics for n in store.names(t)]
    return _apart(store.root, _longest(_finished(names)))


def of_names(root: str, names: Sequence[str]) -> Index:
    """The same of a listing, without what is gone: whoever writes can write it again."""
    return _apart(root, _longest(_whole(names)))


def _finished(names: Iterable[str]) -> list[FileName]:
    found = (described(name) for name in names if name.endswith(".json"))
    return [name for name in found if name is not None]


def _whole(names: Sequence[str]) -> list[FileName]:
    there = frozenset(names)
    return [name for name in _finished(names) if name.path in there]


def _longest(names: Iterable[FileName]) -> Index:
    found: dict[Tp, dict[tuple[int, str], FileName]] = {}
    for name in names:
        files, place = found.setdefault(name.tp, {}), (name.start, name.day)
        if name.end >= files.get(place, name).end:
            files[place] = name
    return {tp: [files[at] for at in sorted(files)] for tp, files in sorted(found.items())}


def _apart(root: str, files: Index) -> Index:
    pairs = ((a, b) for some in files.values() for a, b in pairwise(some))
    if (twice := next(((a, b) for a, b in pairs if a.end > b.start), None)) is not None:
        raise ArchiveError(
            f"{root}/{twice[0].path} and {twice[1].path} hold the same offsets: two archivers "
            "began at different places, or one file was added; move the one away that no day "
            "manifest names (`tape verify` tells), with its manifest"
        )
    return files


def superseded(names: Sequence[str]) -> list[str]:
    """Files, and their manifests, that a longer one of the day with the same start has taken the
    place of. One may be left alone: two archivers wrote and removed it.
    """
    best = {(n.tp, n.start, n.day): n for files in _longest(_whole(names)).values() for n in files}
    found = []
    for path in names:
        name = described(path)
        longer = best.get((name.tp, name.start, name.day)) if name else None
        if name and longer and longer.end > name.end:
            found.append(path)
    return found


def covered(files: Sequence[FileName]) -> list[tuple[int, int]]:
    """The ranges [start, end) that files cover, joined where one ends as the next begins."""
    ranges: list[tuple[int, int]] = []
    for name in files:
        if ranges and ranges[-1][1] == name.start:
            ranges[-1] = (ranges[-1][0], name.end)
        else:
            ranges.append((name.start, name.end))
    return ranges
