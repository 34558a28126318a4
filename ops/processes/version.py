"""The version of a pipeline: a hash of its logic, the schemas, its settings and the lock file. Not
the commit.

Two checkouts with equal hashes decide alike; one changed constant makes another version.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from ops.settings import ROOT

SHARED = ("pipelines/*.py", "schemas/*.py", "schemas/avro/*.avsc", "uv.lock")


def version_of(
    patterns: Iterable[str], settings: Mapping[str, Any], digests: Iterable[bytes] = ()
) -> str:
    """Hex SHA-256 over the files the patterns name (below the root), the settings and further
    digests.
    """
    hasher = sha256()
    for path in sorted(files_of([*SHARED, *patterns])):
        body = path.read_bytes()
        hasher.update(f"{path.relative_to(ROOT).as_posix()} {len(body)}\n".encode() + body)
    hasher.update(json.dumps(settings, sort_keys=True, default=str).encode())
    for digest in digests:
        hasher.update(digest)
    return hasher.hexdigest()


def files_of(patterns: Iterable[str]) -> set[Path]:
    return {path for pattern in patterns for path in ROOT.glob(pattern) if path.is_file()}
