"""Which day of an archive was signed last, noted outside of it: who may only write the archive can
take signatures away, and what has none would be signed as it is then.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from connectors.alone import alone
from replay.archive.errors import ArchiveCorrupt, ArchiveError
from replay.archive.layout import day_manifest, parse
from replay.archive.manifest import canonical
from replay.archive.store import FolderStore, Store

NOTES: Final = "archive-signed.json"
Check = Callable[[bytes, bytes], bool]


class Last(NamedTuple):
    """A signed day, and the SHA-256 of its manifest, which names the day before it by SHA-256."""

    day: str
    sha256: str


@dataclass(frozen=True)
class LastSigned:
    """What `notes` say of the archive at `root`; nothing without notes. `holds`: whether the key
    that signs has signed some bytes, as another archiver of the same archive may have.
    """

    notes: FolderStore | None
    root: str
    holds: Check = lambda data, signature: False

    @property
    def place(self) -> str:
        return f"{self.notes.root}/{NOTES}" if self.notes else ""

    def read(self) -> Last | None:
        """Raises `ArchiveCorrupt`."""
        found = self._all().get(self.root)
        return None if found is None else Last(*found)

    def write(self, last: Last | None) -> None:
        """Notes another day, or that there is none. Who writes another archive notes it in the same
        place.
        """
        if self.notes is None or last == self.read():
            return
        try:
            with alone(Path(self.place).with_suffix(".lock")):
                others = {root: found for root, found in self._all().items() if root != self.root}
                self.notes.write(NOTES, canonical({**others, self.root: last} if last else others))
        except OSError as error:
            raise ArchiveError(f"{self.place}: {error.strerror}") from None

    def begin(self, store: Store) -> None:
        """An archive that holds nothing any more begins anew."""
        last = self.read()
        if last and not store.exists(day_manifest(last.day)) and not any(map(parse, store.names())):
            self.write(None)

    def _all(self) -> Mapping[str, Last]:
        if self.notes is None or not self.notes.exists(NOTES):
            return {}
        try:
            found = json.loads(self.notes.read(NOTES))
            return {str(root): Last(str(day), str(sha256)) for root, (day, sha256) in found.items()}
        except (ValueError, TypeError, AttributeError):
            raise ArchiveCorrupt(f"{self.place} does not say which days were signed") from None


UNKNOWN: Final = LastSigned(None, "")
