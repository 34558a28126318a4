"""A store in which nothing appears before `commit`: what is given up half-way leaves no trace."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from replay.archive.layout import parse
from replay.archive.store import Store


class Staged:
    """See `replay.archive.store.Store`. Files wait under their drafts' names, texts in memory."""

    def __init__(self, store: Store) -> None:
        self._store, self.root = store, store.root
        self._drafts: list[Path] = []
        self._files: list[tuple[Path, str]] = []
        self._texts: dict[str, bytes] = {}

    def names(self, folder: str = "") -> list[str]:
        """What was there before."""
        return self._store.names(folder)

    def read(self, name: str) -> bytes:
        return self._texts[name] if name in self._texts else self._store.read(name)

    def exists(self, name: str) -> bool:
        return name in self._texts or self._store.exists(name)

    @property
    def folder(self) -> str:
        return self._store.folder

    def open(self, name: str) -> pa.NativeFile:
        return self._store.open(name)

    def local(self, name: str) -> Path:
        return self._store.local(name)

    def write(self, name: str, data: bytes) -> None:
        self._texts[name] = data

    def draft(self, name: str) -> Path:
        self._drafts.append(self._store.draft(f"{name}.{len(self._drafts)}"))
        return self._drafts[-1]

    def publish(self, draft: Path, name: str) -> None:
        self._files.append((draft, name))

    def remove(self, name: str) -> None:
        self._store.remove(name)

    def commit(self) -> None:
        """Everything appears: files first, then what is said of them, in the order written."""
        for draft, name in self._files:
            self._unsay(name)
            self._store.publish(draft, name)
        for name, data in self._texts.items():
            self._store.write(name, data)

    def _unsay(self, name: str) -> None:
        """Of a file that was cut off before the whole was there, what another version said of it
        goes: it has other bytes for the same rows.
        """
        file = parse(name)
        if file is None or not self._store.exists(file.manifest):
            return
        if self._store.read(file.manifest) != self._texts[file.manifest]:
            self._store.remove(file.manifest)

    def discard(self) -> None:
        """Nothing ever appears. Does nothing after `commit`."""
        for draft in self._drafts:
            draft.unlink(missing_ok=True)
