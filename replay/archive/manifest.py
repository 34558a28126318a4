"""What is kept beside each file, and of each day: canonical JSON (keys sorted, no spaces, a newline
at the end), so that equal facts are equal bytes.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any, Final, NamedTuple

import pyarrow as pa

from replay.archive.errors import ArchiveCorrupt
from replay.archive.layout import FileName
from replay.archive.store import Store

WRITER: Final = f"4 pyarrow-{pa.__version__}"
Range = tuple[int, int]


class Origin(NamedTuple):
    """Where the rows of a file came from that no log held: the imported file's name, its SHA-256
    (hex) and the form it was in.
    """

    name: str
    sha256: str
    form: str


@dataclass(frozen=True)
class FileManifest:
    """One Parquet file: offsets [start, end). `missing` are the ranges [a, b) in it that hold no
    committed record: transaction markers and aborted records. `log_time_ms` is the partition's
    log time at the end; first and last are None, and the times too, where there are no rows.
    `schemas`: fingerprints (hex) of the writers' schemas. `sha256` (hex) and `size` (bytes) are
    the Parquet file's. `origin`: of imported rows, which the file then says of itself.
    """

    topic: str
    partition: int
    start: int
    end: int
    day: str
    rows: int
    first_offset: int | None
    last_offset: int | None
    timestamp_ms_min: int | None
    timestamp_ms_max: int | None
    log_time_ms: int
    missing: tuple[Range, ...]
    schemas: tuple[str, ...]
    sha256: str
    size: int
    writer: str = WRITER
    origin: Origin | None = None

    @property
    def name(self) -> FileName:
        return FileName(self.topic, self.partition, self.start, self.end, self.day)

    def dump(self) -> bytes:
        said = asdict(self)
        origin = said.pop("origin")
        if origin is not None:
            said |= {"imported": True, "origin": origin._asdict()}
        return canonical(said)


def canonical(value: Any) -> bytes:
    """The one form of a JSON value."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return f"{text}\n".encode()


def digest(data: bytes) -> str:
    """SHA-256, hex."""
    return hashlib.sha256(data).hexdigest()


def load(data: bytes, name: FileName) -> FileManifest:
    """The manifest of a file. Raises `ArchiveCorrupt` where it is none, or another file's."""
    try:
        found: dict[str, Any] = json.loads(data)
        ranges = tuple((int(a), int(b)) for a, b in found["missing"])
        found |= {"missing": ranges, "schemas": tuple(found["schemas"])}
        if found.pop("imported", False):
            found["origin"] = Origin(**found["origin"])
        manifest = FileManifest(**found)
        if manifest.name != name or manifest.dump() != data:
            raise ValueError("it describes another file, or is not in canonical form")
    except (ValueError, TypeError, KeyError) as error:
        raise ArchiveCorrupt(f"{name.manifest} is not the manifest of its file: {error}") from None
    return manifest


def read(store: Store, name: FileName) -> FileManifest:
    """The manifest beside a file. Raises `ArchiveError`."""
    return load(store.read(name.manifest), name)
