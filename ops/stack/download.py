"""Brings pinned files from a Maven repository, several at a time, each verified before it counts.

A file is written beside its place and renamed only when its SHA-256 is the pinned one, an archive
when it is unpacked as well: what has its name is whole, whenever the process was ended.
"""

from __future__ import annotations

import hashlib
import shutil
import tarfile
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ops.stack.errors import ChecksumMismatch, NotFetched
from ops.stack.progress import Report
from schemas.secret import without_login

if TYPE_CHECKING:
    import httpx

_ATTEMPTS = 3
_AT_ONCE = 6
_CHUNK_BYTES = 1 << 18


class Artifact(NamedTuple):
    """One pinned file; `path` is its place in any Maven repository."""

    sha256: str
    size: int
    path: str


class _Count:
    """The bytes that arrived, over all threads."""

    def __init__(self, step: str, total: int, report: Report) -> None:
        self._step, self._total, self._report = step, total, report
        self._done = 0
        self._lock = threading.Lock()
        self.add(0)

    def add(self, count: int) -> None:
        """Counts `count` bytes; a repeated attempt takes back what the first had counted."""
        with self._lock:
            self._done += count
            self._report(self._step, self._done, self._total)


def download(targets: Mapping[Artifact, Path], repository: str | None, report: Report) -> None:
    """Puts every artifact at its target. Raises `NotFetched` or `ChecksumMismatch`."""
    import httpx

    total = sum(artifact.size for artifact in targets)
    count = _Count(f"fetching the broker and the registry ({total >> 20} MB)", total, report)
    base = (repository or _default_repository()).rstrip("/")
    # The largest first: the small ones fit beside it.
    queue = sorted(targets, key=lambda artifact: -artifact.size)
    with httpx.Client(follow_redirects=True, timeout=30) as client:
        pool = ThreadPoolExecutor(_AT_ONCE)
        try:
            jobs = [pool.submit(_keep, client, base, a, targets[a], count) for a in queue]
            for job in jobs:
                job.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _default_repository() -> str:
    from jgo.constants import MAVEN_CENTRAL_URL

    return str(MAVEN_CENTRAL_URL)


def _keep(client: httpx.Client, base: str, artifact: Artifact, target: Path, count: _Count) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(target.name + ".partial")
    _bring(client, f"{base}/{artifact.path}", partial, count)
    found = _sha256(partial)
    if found != artifact.sha256:
        partial.unlink()
        raise ChecksumMismatch(
            f"{artifact.path} has SHA-256 {found}, pinned is {artifact.sha256}: it was not used"
        )
    if target.suffix == ".jar":
        partial.replace(target)
    else:
        _unpack(partial, target)


def _bring(client: httpx.Client, url: str, partial: Path, count: _Count) -> None:
    """One file over the network, tried again where the line broke or the server stumbled."""
    import httpx

    for attempt in range(1, _ATTEMPTS + 1):
        arrived = 0
        try:
            with client.stream("GET", url) as response, partial.open("wb") as file:
                response.raise_for_status()
                for chunk in response.iter_bytes(_CHUNK_BYTES):
                    file.write(chunk)
                    arrived += len(chunk)
                    count.add(len(chunk))
            return
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            count.add(-arrived)
            if attempt == _ATTEMPTS or _is_final(error):
                raise NotFetched(
                    f"cannot fetch {without_login(url)}: {_reason(error)}; check the line or name "
                    "another Maven repository in TAPE_STACK__MAVEN_REPOSITORY"
                ) from None


def _is_final(error: Exception) -> bool:
    """A refusal (404, 403) or an address that is none stays what it is when asked again."""
    import httpx

    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code < 500
    return isinstance(error, httpx.InvalidURL | httpx.UnsupportedProtocol)


def _reason(error: Exception) -> str:
    import httpx

    if isinstance(error, httpx.HTTPStatusError):
        return f"the server answers {error.response.status_code}"
    return str(error) or type(error).__name__


def _unpack(archive: Path, target: Path) -> None:
    folder = target.with_name(target.name + ".unpacking")
    shutil.rmtree(folder, ignore_errors=True)
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    folder.rename(target)
    archive.unlink()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
