"""Fetches the stack's files once, and only those whose SHA-256 `checksums.txt` pins.

The list holds every file of the resolved dependency tree (`python -m ops.stack.pin` writes it), so
starting needs no resolver and everybody runs the same bytes. The cache is shared by all run
folders: `TAPE_CACHE`, else `tape` in the user's cache folder. A stamp remembers that all files were
verified against this very list; later starts then look at their sizes alone.
"""

from __future__ import annotations

import errno
import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from connectors.alone import alone
from connectors.cache_folder import cache_folder
from ops.stack.download import Artifact, download
from ops.stack.errors import DiskFull
from ops.stack.progress import Report, silent

PINNED = Path(__file__).with_name("checksums.txt")
_ROOM_BYTES = 800_000_000


class Files(NamedTuple):
    """Where the verified files are: the broker's class path and the registry's folder."""

    kafka_jars: list[Path]
    registry: Path


def pinned(listing: Path = PINNED) -> list[Artifact]:
    """The artifacts that `listing` pins."""
    rows = (line.split() for line in listing.read_text().splitlines() if line[:1] not in ("#", ""))
    return [Artifact(sha256, int(size), path) for sha256, size, path in rows]


def fetch(repository: str | None = None, report: Report = silent, listing: Path = PINNED) -> Files:
    """Every pinned file, verified. Raises `NotFetched`, `ChecksumMismatch` or `DiskFull`."""
    cache, artifacts = cache_folder(), pinned(listing)
    stamp = cache / f"verified-{hashlib.sha256(listing.read_bytes()).hexdigest()[:16]}"
    with room_for_files(cache), alone(cache / "lock"):
        kept = [_place(cache, artifact) for artifact in artifacts]
        if not (stamp.exists() and all(map(_looks_whole, kept, artifacts))):
            _complete(cache, artifacts, repository, report)
            stamp.touch()
    jars = [path for path in kept if path.suffix == ".jar"]
    return Files(jars, next(path for path in kept if path.suffix != ".jar"))


@contextmanager
def room_for_files(folder: Path) -> Iterator[None]:
    """Turns the system's 'no space left' while writing below `folder` into `DiskFull`."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise DiskFull(f"the disk of {folder} is full: {error.strerror}") from None


def _place(cache: Path, artifact: Artifact) -> Path:
    """The kept form: a jar as it came, an archive as the folder it was unpacked to."""
    if artifact.path.endswith(".jar"):
        return cache / "maven" / artifact.path
    return cache / f"{Path(artifact.path).name.split('-all.')[0]}-{artifact.sha256[:8]}"


def _looks_whole(kept: Path, artifact: Artifact) -> bool:
    """An unpacked folder exists only when it is complete: it is renamed into place."""
    if kept.suffix == ".jar":
        return kept.is_file() and kept.stat().st_size == artifact.size
    return kept.is_dir()


def _complete(
    cache: Path, artifacts: list[Artifact], repository: str | None, report: Report
) -> None:
    missing = [artifact for artifact in artifacts if not _is_verified(cache, artifact)]
    if not missing:
        return
    total = sum(artifact.size for artifact in missing)
    free = shutil.disk_usage(cache).free
    if free < total + _ROOM_BYTES:
        raise DiskFull(
            f"{free >> 20} MB are free in {cache}, fetching the stack takes "
            f"{(total + _ROOM_BYTES) >> 20} MB: make room, or name another folder in TAPE_CACHE"
        )
    targets = {artifact: _place(cache, artifact) for artifact in missing}
    download(targets, repository, report)


def _is_verified(cache: Path, artifact: Artifact) -> bool:
    kept = _place(cache, artifact)
    if not _looks_whole(kept, artifact):
        return False
    return kept.is_dir() or _sha256(kept) == artifact.sha256


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
