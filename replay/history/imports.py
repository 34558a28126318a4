"""What was imported into an archive: `_imports.json`, which also tells such an archive from one of
a log.

An import is noted here before its first file appears and again after its last, so one that was cut
off between is known, and doing it again gives the same files.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

from connectors.log.interface import Tp
from replay.archive.errors import ArchiveCorrupt, ArchiveError
from replay.archive.layout import IMPORTS
from replay.archive.manifest import canonical
from replay.archive.reader import index
from replay.archive.store import Store
from replay.history.rows import Source


@dataclass(frozen=True)
class Import:
    """One source: offsets [start, end) of a partition, which holds one instrument; log time from
    its first to its last row, milliseconds UTC; `before_ms`: of the partition before it, -1 where
    nothing was. `done`: whether every file of it is there.
    """

    name: str
    sha256: str
    form: str
    instrument: str
    topic: str
    partition: int
    start: int
    end: int
    first_ms: int
    last_ms: int
    before_ms: int
    done: bool = False

    @property
    def source(self) -> Source:
        return Source(self.name, self.sha256, self.form, self.instrument, self.topic)

    @property
    def rows(self) -> int:
        return self.end - self.start

    def holds(self, source: Source) -> bool:
        """Whether it is of the same bytes, read as the same: a table may hold trades and quotes."""
        return (self.sha256, self.topic) == (source.sha256, source.topic)


def read(store: Store) -> list[Import]:
    """In the order imported. Raises `ArchiveCorrupt`."""
    if not store.exists(IMPORTS):
        return []
    try:
        found: list[dict[str, Any]] = json.loads(store.read(IMPORTS))
        return [Import(**one) for one in found]
    except (ValueError, TypeError):
        raise ArchiveCorrupt(f"{store.root}/{IMPORTS} is not a list of imports") from None


def write(store: Store, imports: list[Import]) -> None:
    store.write(IMPORTS, canonical([asdict(one) for one in imports]))


def require_own(store: Store) -> None:
    """Raises `ArchiveError` for an archive of a log: its offsets are the log's."""
    if not store.exists(IMPORTS) and index(store):
        raise ArchiveError(
            f"{store.root} is the archive of a log, and imported history has no offsets on it: "
            "name another folder with --archive"
        )


def place_of(imports: list[Import], source: Source) -> tuple[Tp, int, int]:
    """The instrument's partition of the topic, where its next row goes and the log time reached
    there, -1 before the first.
    """
    wanted = (source.topic, source.instrument)
    mine = [one for one in imports if (one.topic, one.instrument) == wanted]
    if mine:
        last = mine[-1]
        return Tp(last.topic, last.partition), last.end, last.last_ms
    return Tp(source.topic, partitions(imports).get(source.topic, 0)), 0, -1


def partitions(imports: list[Import]) -> dict[str, int]:
    """How many each topic has: one per instrument in it."""
    return Counter(topic for topic, _ in {(one.topic, one.instrument) for one in imports})
