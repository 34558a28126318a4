"""What lies in the folders of days is what the day manifests name."""

from __future__ import annotations

from collections.abc import Sequence

from replay.archive.layout import FileName, described
from replay.archive.store import UNFINISHED, Store
from replay.verify.days import Day
from replay.verify.findings import Audit


def check_listing(store: Store, days: dict[str, Day], day: str, audit: Audit) -> None:
    """Files that nobody signed for, in the folder of any day: readers take them for the archive's.
    Of other days only what an archiver at work leaves behind a partition's end is not one.
    """
    named = [entry.name for d in days.values() for entry in d.entries]
    known = {path for name in named for path in (name.path, name.manifest)}
    underway = _Underway(days, named)
    for path in store.names():
        if path in known or path.endswith(UNFINISHED):
            continue
        name = described(path)
        if f"/dt={day}/" in path or (name is not None and not underway.may_be(name)):
            audit.find("no day manifest names it", path)


class _Underway:
    """What an archiver has written since the day manifests, and what it has not removed yet. The
    audit of a day that is closed again finds what stays there.
    """

    def __init__(self, days: dict[str, Day], named: Sequence[FileName]) -> None:
        self._days = days
        self._ends = {(n.tp, n.start, n.day): n.end for n in named}
        self._lasts = {n.tp: n for n in sorted(named, key=lambda n: n.start)}

    def may_be(self, name: FileName) -> bool:
        """A shorter or a longer form of a file that is named, or what follows the last one. A day
        that is over without a manifest gets no more files.
        """
        last, end = self._lasts.get(name.tp), self._ends.get((name.tp, name.start, name.day))
        if end is not None and last is not None:
            return name.end < end or name.start == last.start
        if last is not None and (name.start < last.end or name.day < last.day):
            return False
        return name.day in self._days or name.day > max(self._days, default="")
