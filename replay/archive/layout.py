"""Where a file of the archive lies, below its root:
`<topic>/dt=YYYY-MM-DD/<topic>+<partition>+<start>-<end>.parquet`.

Offsets are [start, end). A range begins at the partition's first offset, at a multiple of
`FILE_OFFSETS` or at the first record of a UTC day of log time (the partition's running maximum of
record timestamps), so boundaries depend on the log alone.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from connectors.log.interface import Tp

FILE_OFFSETS: Final = 1_000_000
DAY_MS: Final = 86_400_000
SCHEMAS: Final = "_schemas"
DAYS: Final = "_days"
IDS: Final = f"{SCHEMAS}/ids.json"
PARTITIONS: Final = f"{SCHEMAS}/partitions.json"
IMPORTS: Final = "_imports.json"
"""In an archive of imported history alone: what was imported."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_DAY: Final = (datetime(9999, 12, 31, tzinfo=UTC) - _EPOCH).days
_NAME: Final = re.compile(
    r"(?P<topic>[^/+]+)/dt=(?P<day>\d{4}-\d\d-\d\d)/(?P=topic)\+(?P<partition>\d+)"
    r"\+(?P<start>\d+)-(?P<end>\d+)\.parquet"
)


class FileName(NamedTuple):
    """One file: offsets [start, end) of one partition, on one UTC day of log time."""

    topic: str
    partition: int
    start: int
    end: int
    day: str

    @property
    def tp(self) -> Tp:
        return Tp(self.topic, self.partition)

    @property
    def path(self) -> str:
        """Relative to the archive's root."""
        name = f"{self.topic}+{self.partition}+{self.start}-{self.end}.parquet"
        return f"{self.topic}/dt={self.day}/{name}"

    @property
    def manifest(self) -> str:
        """Its manifest, beside it."""
        return f"{self.path.removesuffix('.parquet')}.json"


def parse(path: str) -> FileName | None:
    """The file at a path relative to the root; None where it is something else."""
    found = _NAME.fullmatch(path)
    if found is None:
        return None
    partition, start, end = (int(found[name]) for name in ("partition", "start", "end"))
    return FileName(found["topic"], partition, start, end, found["day"])


def described(path: str) -> FileName | None:
    """The file at a path, or the one that a manifest at the path is of."""
    return parse(f"{path.removesuffix('.json')}.parquet" if path.endswith(".json") else path)


def day_number(log_time_ms: int) -> int:
    """Days since 1970; a clock beyond all calendars stays in the last day there is."""
    return min(max(log_time_ms, 0) // DAY_MS, _LAST_DAY)


def day_of(log_time_ms: int) -> str:
    """The UTC day of a log time, as in `dt=`."""
    return f"{(_EPOCH + timedelta(days=day_number(log_time_ms))).date()}"


def day_manifest(day: str) -> str:
    """Where the manifest of a whole day lies."""
    return f"{DAYS}/{day}.json"


def schema_file(fingerprint: str) -> str:
    """Where a schema lies."""
    return f"{SCHEMAS}/{fingerprint}.avsc"
