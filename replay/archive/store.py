"""Where an archive's files are kept: a folder here, or `replay.archive.s3`.

A name is a path relative to the root. What is put there appears whole or not at all.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from errno import ENOENT
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from connectors.durable import sync_folder
from replay.archive.errors import ArchiveError
from replay.archive.options import S3Options, of_environment

UNFINISHED = ".tmp"


class Store(Protocol):
    """Raises `ArchiveError` where the storage refuses."""

    root: str

    @property
    def folder(self) -> str:
        """The local folder in which `local` files lie: the root itself where it is one."""
        ...

    def names(self, folder: str = "") -> list[str]:
        """Everything below a folder, sorted; nothing where it does not exist."""
        ...

    def read(self, name: str) -> bytes: ...
    def exists(self, name: str) -> bool: ...
    def open(self, name: str) -> pa.NativeFile:
        """A file from its beginning; whoever opens it closes it."""
        ...

    def local(self, name: str) -> Path:
        """A path at which it can be read until this process ends, below `folder`."""
        ...

    def write(self, name: str, data: bytes) -> None: ...
    def draft(self, name: str) -> Path:
        """A local path where a file is written before `publish` gives it its name."""
        ...

    def publish(self, draft: Path, name: str) -> None: ...
    def remove(self, name: str) -> None: ...


class FolderStore:
    """A local folder. A file is written under a temporary name, synced, renamed."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.root = str(root)

    def names(self, folder: str = "") -> list[str]:
        return sorted(self._below(self._root / folder))

    def _below(self, folder: Path) -> Iterator[str]:
        """What each folder holds at one moment, no file of it asked again: a file whose longer form
        takes its place meanwhile would be seen in neither.
        """
        for parent, _, files in os.walk(folder, onerror=_refused):
            place = Path(parent).relative_to(self._root)
            yield from ((place / name).as_posix() for name in files)

    def read(self, name: str) -> bytes:
        try:
            return (self._root / name).read_bytes()
        except OSError as error:
            raise ArchiveError(f"{self._root / name}: {error.strerror}") from None

    def exists(self, name: str) -> bool:
        return (self._root / name).is_file()

    @property
    def folder(self) -> str:
        return self.root

    def open(self, name: str) -> pa.NativeFile:
        try:
            return pa.OSFile(str(self._root / name))
        except OSError as error:
            raise ArchiveError(f"{self._root / name}: {os.strerror(error.errno or 0)}") from None

    def local(self, name: str) -> Path:
        path = self._root / name
        if not path.exists():
            raise ArchiveError(f"{path}: {os.strerror(ENOENT)}")
        return path

    def write(self, name: str, data: bytes) -> None:
        path = self.draft(name)
        try:
            path.write_bytes(data)
        except OSError as error:
            raise ArchiveError(f"{path}: {error.strerror}") from None
        self.publish(path, name)

    def draft(self, name: str) -> Path:
        path = self._root / f"{name}{UNFINISHED}"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ArchiveError(f"{path.parent}: {error.strerror}") from None
        return path

    def publish(self, draft: Path, name: str) -> None:
        path = self._root / name
        try:
            with draft.open("rb+") as handle:
                os.fsync(handle.fileno())
            if not path.parent.is_dir():
                path.parent.mkdir(parents=True)
                sync_folder(path.parent.parent)
            draft.rename(path)
            sync_folder(path.parent)
        except OSError as error:
            raise ArchiveError(f"{path}: {error.strerror}") from None

    def remove(self, name: str) -> None:
        (self._root / name).unlink(missing_ok=True)


def _refused(error: OSError) -> None:
    """What cannot be listed is not empty: only what is gone, or was never there, is."""
    if not isinstance(error, FileNotFoundError | NotADirectoryError):
        raise ArchiveError(f"{error.filename}: {error.strerror}")


def store_at(root: str, options: S3Options | None = None) -> Store:
    """The archive at a folder or at `s3://bucket/prefix`; without options those of the environment.
    Raises `ArchiveError`.
    """
    if root.startswith("s3://"):
        from replay.archive.s3 import S3Store  # boto3 is slow to import

        return S3Store(root, options or of_environment(os.environ))
    if "://" in root:
        raise ArchiveError(f"an archive lies in a folder or at s3://bucket/prefix, not at {root}")
    return FolderStore(Path(root).expanduser().absolute())
