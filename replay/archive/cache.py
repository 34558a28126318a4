"""Whole files of a distant archive, kept here: bounded, shared by the processes of one machine, and
never believed without their SHA-256.

A file that somebody reads is a hard link in a folder of the reading process, so another process may
drop it from the cache at any time. Such a folder goes with its process; the next one clears what a
killed one left.
"""

from __future__ import annotations

import atexit
import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import cache
from itertools import count
from pathlib import Path
from typing import IO, Final

from connectors.alone import alone
from replay.archive.errors import ArchiveError

Fetch = Callable[[Callable[[bytes], object]], object]
_NUMBERS: Final = count()


class Cache:
    """Files by a key that stands for one content: other bytes have another key."""

    def __init__(self, folder: Path, bytes_max: int) -> None:
        self._files, self._bytes_max = folder / "files", bytes_max
        self._files.mkdir(parents=True, exist_ok=True)
        self.own = own_folder(folder, os.getpid())

    def link(self, key: str, size: int, fetch: Fetch) -> Path:
        """A path of this process alone at which the file lies. `fetch` brings it where it is not
        here, or is not what it was. Raises what `fetch` raises, `ArchiveError` for a full disk.
        """
        path = self.own / f"{next(_NUMBERS)}.parquet"
        try:
            if not self._kept(key, path):
                sha256 = _written(path, fetch)
                self._keep(key, sha256, size, path)
        except OSError as error:
            path.unlink(missing_ok=True)
            raise ArchiveError(f"{self._files}: {error.strerror or error}") from None
        return path

    def _kept(self, key: str, path: Path) -> bool:
        """Links what the cache has, if it is whole."""
        for entry in self._files.glob(f"{key}.*"):
            with suppress(FileNotFoundError):
                path.hardlink_to(entry)
                if digest_of(path) == entry.suffix[1:]:
                    os.utime(entry)  # used last
                    return True
                path.unlink()
                entry.unlink()
        return False

    def _keep(self, key: str, sha256: str, size: int, path: Path) -> None:
        if size > self._bytes_max:
            return
        with suppress(FileExistsError):
            (self._files / f"{key}.{sha256}").hardlink_to(path)
        self._drop(self._files.iterdir())

    def _drop(self, entries: Iterable[Path]) -> None:
        """Those used longest ago, until the rest fits."""
        known = []
        for entry in entries:
            with suppress(FileNotFoundError):
                found = entry.stat()
                known.append((found.st_mtime_ns, found.st_size, entry))
        total = sum(size for _, size, _ in known)
        for _, size, entry in sorted(known):
            if total <= self._bytes_max:
                return
            entry.unlink(missing_ok=True)
            total -= size


def _written(path: Path, fetch: Fetch) -> str:
    """SHA-256 (hex) of what was fetched."""
    digest = hashlib.sha256()
    with path.open("wb") as handle:

        def take(data: bytes) -> None:
            digest.update(data)
            handle.write(data)

        fetch(take)
    return digest.hexdigest()


def digest_of(path: Path) -> str:
    """SHA-256 (hex) of a file."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


@cache
def own_folder(folder: Path, process: int) -> Path:
    """A folder of this process below the cache's, gone when it ends. Raises `ArchiveError`."""
    try:
        (folder / "in-use").mkdir(parents=True, exist_ok=True)
        with alone(folder / "lock"):
            for other in (folder / "in-use").iterdir():
                _clear(other)
            made = Path(tempfile.mkdtemp(dir=folder / "in-use"))
            held = (made / "held").open("w")
            fcntl.flock(held, fcntl.LOCK_EX)
    except OSError as error:
        raise ArchiveError(f"{folder}: {error.strerror}") from None
    atexit.register(_leave, made, held, process)
    return made


def _leave(folder: Path, held: IO[str], process: int) -> None:
    """A forked child leaves its parent's folder alone."""
    held.close()
    if os.getpid() == process:
        shutil.rmtree(folder, ignore_errors=True)


def _clear(folder: Path) -> None:
    """Removes the folder of a process that is no more."""
    try:
        with (folder / "held").open() as held:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return
    except FileNotFoundError:
        pass  # it died before it had a lock
    shutil.rmtree(folder, ignore_errors=True)
