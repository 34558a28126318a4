"""An archive in S3: the same names below a prefix, the same bytes as in a folder.

Nothing is overwritten unseen. A Parquet file is put only where there is none that has a manifest;
everything else only in the place of what was read, and what was read is all that is removed. So a
second archiver is found out, and neither loses what it wrote.
Files are read as local copies (`replay.archive.cache`).
"""

from __future__ import annotations

import re
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from replay.archive.bucket import Bucket, Head
from replay.archive.cache import Cache, digest_of
from replay.archive.errors import ArchiveConflict, ArchiveError
from replay.archive.layout import parse
from replay.archive.options import S3Options

SCHEME: Final = "s3://"
_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


class S3Store:
    """See `replay.archive.store.Store`. Raises `ArchiveError` for a root that names no bucket."""

    def __init__(self, root: str, options: S3Options) -> None:
        bucket, _, prefix = root.removeprefix(SCHEME).partition("/")
        prefix = prefix.strip("/")
        if not _BUCKET.fullmatch(bucket):
            raise ArchiveError(f"{root} names no bucket: an archive lies at s3://bucket/prefix")
        self._name, self._prefix, self._options = bucket, f"{prefix}/" if prefix else "", options
        self.root = f"{SCHEME}{bucket}/{prefix}".rstrip("/")
        self._seen: dict[str, str | None] = {}  # tags, None for what was not there
        self._taken_over: dict[str, tuple[str, str]] = {}  # manifests: their files, and whose tag

    def __reduce__(self) -> tuple[Any, ...]:
        """Another process connects by itself."""
        return S3Store, (self.root, self._options)

    @cached_property
    def _bucket(self) -> Bucket:
        return Bucket(self._name, self._options)

    @cached_property
    def _cache(self) -> Cache:
        return Cache(self._options.folder, self._options.cache_bytes)

    @cached_property
    def _links(self) -> dict[str, Path]:
        return {}

    @property
    def folder(self) -> str:
        return str(self._cache.own)

    def names(self, folder: str = "") -> list[str]:
        prefix = f"{self._prefix}{folder}/" if folder else self._prefix
        return sorted(key.removeprefix(self._prefix) for key in self._bucket.keys(prefix))

    def read(self, name: str) -> bytes:
        data, self._seen[name] = self._bucket.get(self._key(name))
        return data

    def exists(self, name: str) -> bool:
        return self._head(name) is not None

    def open(self, name: str) -> pa.NativeFile:
        path = self._fetched(name, self._there(name))
        try:
            return pa.OSFile(str(path))
        finally:
            path.unlink()  # it stays readable until it is closed

    def local(self, name: str) -> Path:
        head = self._there(name)
        place = f"{name} {head.tag}"
        if place not in self._links:
            taken = sum(path.stat().st_size for path in self._links.values())
            if taken + head.size > self._options.cache_bytes:
                raise ArchiveError(
                    f"{self.root}: what is asked for takes more than {self._options.cache_bytes} "
                    "bytes: ask for fewer days, or raise TAPE_ARCHIVE__CACHE_BYTES"
                )
            self._links[place] = self._fetched(name, head)
        return self._links[place]

    def write(self, name: str, data: bytes) -> None:
        if not self._put(name, data) and not (self._is_ours(name) and self._put(name, data)):
            raise ArchiveConflict(f"{self.root}/{name}")

    def _put(self, name: str, data: bytes) -> bool:
        """Whether it is there now; if not, what is has been seen."""
        tag = self._bucket.put(self._key(name), data, self._seen.get(name))
        if tag is None:
            return self.exists(name) and self.read(name) == data
        self._seen[name] = tag
        return True

    def _is_ours(self, manifest: str) -> bool:
        """Whether the file is still the one that took another's place. The other's manifest may
        have come since: it was halted, not dead.
        """
        file, tag = self._taken_over.get(manifest, ("", ""))
        head = self._head(file) if file else None
        return head is not None and head.tag == tag

    def draft(self, name: str) -> Path:
        return self._cache.own / f"{name.replace('/', '+')}.tmp"

    def publish(self, draft: Path, name: str) -> None:
        there = self._bucket.upload(self._key(name), draft) or self._same(draft, name)
        if not there and not self._takes_over(draft, name):
            raise ArchiveConflict(f"{self.root}/{name}")
        draft.unlink()

    def remove(self, name: str) -> None:
        if not self._bucket.delete(self._key(name), self._seen.get(name)):
            raise ArchiveConflict(f"{self.root}/{name}")
        self._seen[name] = None

    def _same(self, draft: Path, name: str) -> bool:
        """Whether what is there has the same bytes: an earlier run's, or this one's, whose answer
        was lost.
        """
        head = self._head(name)
        if head is None or head.size != draft.stat().st_size:
            return False
        digest = sha256()
        self._bucket.stream(self._key(name), head.tag, digest.update)
        return digest.hexdigest() == digest_of(draft)

    def _takes_over(self, draft: Path, name: str) -> bool:
        """A file without a manifest is nobody's: whoever put it died, and was of another version,
        which has other bytes for the same records.
        """
        file, key, tag = parse(name), self._key(name), self._seen[name]
        if file is None or tag is None or self.exists(file.manifest):
            return False
        put = self._bucket.upload(key, draft) if self._bucket.delete(key, tag) else None
        if put is not None:
            self._taken_over[file.manifest] = name, put
        return put is not None

    def _fetched(self, name: str, head: Head) -> Path:
        place = f"{self._options.endpoint_url} {self.root}/{name} {head.tag}"
        key = self._key(name)
        return self._cache.link(
            sha256(place.encode()).hexdigest(),
            head.size,
            lambda take: self._bucket.stream(key, head.tag, take),
        )

    def _there(self, name: str) -> Head:
        head = self._head(name)
        if head is None:
            raise ArchiveError(f"{self.root}/{name}: No such object")
        return head

    def _head(self, name: str) -> Head | None:
        head = self._bucket.head(self._key(name))
        self._seen[name] = head.tag if head else None
        return head

    def _key(self, name: str) -> str:
        return f"{self._prefix}{name}"
