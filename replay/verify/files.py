"""Every file of a day against its manifest, and that against the signed day: bytes, offsets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import pyarrow as pa
import pyarrow.compute as pc

from replay.archive.errors import ArchiveError
from replay.archive.manifest import FileManifest, Range, digest, load
from replay.archive.store import Store
from replay.verify.days import Entry
from replay.verify.findings import Audit
from replay.verify.rows import Files


def manifest_of(store: Store, entry: Entry, audit: Audit) -> FileManifest | None:
    """A file's manifest, if it is the one that was signed."""
    name = entry.name.manifest
    try:
        data = store.read(name)
        if digest(data) != entry.manifest_sha256:
            audit.find("its SHA-256 is not the one its day manifest names", name)
        return load(data, entry.name)
    except ArchiveError as error:
        audit.find(str(error), name)
        return None


def check_bytes(files: Files, entry: Entry, audit: Audit) -> None:
    """The Parquet file's size and SHA-256."""
    try:
        sha256, size = files.sha256(entry.name.path)
    except (ArchiveError, OSError) as error:
        audit.find(f"it cannot be read: {error}", entry.name.path)
        return
    if size != entry.size:
        text = f"it has {size} bytes, its day manifest names {entry.size}"
        audit.find(text, entry.name.path)
    elif sha256 != entry.sha256:
        audit.find("its SHA-256 is not the one its day manifest names", entry.name.path)


def check_seams(files: Files, day: str, audit: Audit) -> None:
    """Files of a partition follow each other without a gap and without an overlap."""
    for tp in files.tps:
        names = files.of(tp)
        for before, after in pairwise(names):
            if day in (before.day, after.day) and before.end != after.start:
                kind = "gap" if before.end < after.start else "overlap"
                text = f"a {kind}: the file before it ends at {before.end}"
                audit.find(text, after.path, offset=min(before.end, after.start))


@dataclass
class Offsets:
    """Looks at the rows of one file, batch by batch: offsets rise and lie in the file's range, and
    those that are not there are those that the manifest says were never committed.
    """

    manifest: FileManifest
    audit: Audit
    rows: int = 0
    _next: int = field(init=False)
    _missing: list[Range] = field(default_factory=list)
    _times: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        self._next = self.manifest.start

    def add(self, batch: pa.RecordBatch) -> None:
        if not batch.num_rows:
            return
        offsets = batch.column("_offset")
        first = pa.array([self._next - 1], pa.int64())
        steps = pc.pairwise_diff(pa.concat_arrays([first, offsets])).slice(1)
        for row in pc.indices_nonzero(pc.not_equal(steps, 1)).to_pylist():
            self._step(row, offsets[row].as_py(), steps[row].as_py())
        self._next = offsets[-1].as_py() + 1
        self.rows += batch.num_rows
        times = pc.min_max(batch.column("_timestamp_ms")).as_py()
        low, high = self._times or (times["min"], times["max"])
        self._times = min(low, times["min"]), max(high, times["max"])

    def _step(self, row: int, offset: int, step: int) -> None:
        if step > 1:
            self._missing.append((offset - step + 1, offset))
            return
        text = f"the row before it has offset {offset - step}" if step else "a row occurs twice"
        self.audit.find(text, self.manifest.name.path, row=self.rows + row, offset=offset)

    def end(self) -> None:
        """After the last row."""
        m, path = self.manifest, self.manifest.name.path
        if self._next < m.end:
            self._missing.append((self._next, m.end))
        elif self._next > m.end:
            text = f"rows go beyond the file's end at {m.end}"
            self.audit.find(text, path, offset=self._next - 1)
        for start, end in beyond(self._missing, m.missing):
            text = f"no rows up to {end}, and the manifest does not say that none were committed"
            self.audit.find(text, path, offset=start)
        for start, end in beyond(m.missing, self._missing):
            text = f"rows up to {end} that the manifest says were never committed"
            self.audit.find(text, path, offset=start)
        if self.rows != m.rows:
            self.audit.find(f"{self.rows} rows, its manifest names {m.rows}", path)
        elif self._times is not None and self._times != (m.timestamp_ms_min, m.timestamp_ms_max):
            self.audit.find("times are not those its manifest names", path)


def beyond(ranges: Iterable[Range], known: Sequence[Range]) -> Iterator[Range]:
    """What of rising ranges [a, b) lies outside the known ones, which rise too."""
    at = 0
    for start, end in ranges:
        while at < len(known) and known[at][1] <= start:
            at += 1
        place, reached = at, start
        while place < len(known) and known[place][0] < end:
            if reached < known[place][0]:
                yield reached, known[place][0]
            reached, place = known[place][1], place + 1
        if reached < end:
            yield reached, end
