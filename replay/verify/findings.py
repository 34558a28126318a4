"""What an audit found, and where."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple


class Finding(NamedTuple):
    """One thing that is not as it was signed or recorded. `file` is a path below the root, `row`
    counts from 0 in it, `epoch` is PIPELINE-SHARD/SEQUENCE.
    """

    what: str
    file: str | None = None
    row: int | None = None
    offset: int | None = None
    epoch: str | None = None

    def __str__(self) -> str:
        places = (("row", self.row), ("offset", self.offset), ("epoch", self.epoch))
        where = [f"{name} {value}" for name, value in places if value is not None]
        return f"{', '.join([*([self.file] if self.file else []), *where])}: {self.what}"


@dataclass
class Audit:
    """What was looked at, and every finding in the order it was made."""

    day: str
    days: int = 0  # in the chain of day manifests
    files: int = 0
    rows: int = 0
    epochs: int = 0
    inputs: int = 0  # rows that epochs read, digests compared
    outputs: int = 0  # rows that epochs wrote, digests compared
    snapshots: int = 0
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        return not self.findings

    def find(
        self,
        what: str,
        file: str | None = None,
        *,
        row: int | None = None,
        offset: int | None = None,
        epoch: str | None = None,
    ) -> None:
        self.findings.append(Finding(what, file, row, offset, epoch))
