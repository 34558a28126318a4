"""What epochs read: the rows in each range are as many, and digest to the same, as recorded.

A partition is read once, whoever read it: each pass feeds all its readers.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from connectors.log.interface import Tp
from replay.verify.columns import Columns, Fingerprint, Piece, input_digest
from replay.verify.epochs import label
from replay.verify.findings import Audit
from replay.verify.rows import Files
from schemas.events import EpochCommitted, InputRange


class Claim(NamedTuple):
    """An epoch says what it read of a partition."""

    epoch: str
    range: InputRange


@dataclass
class Reading:
    """One shard's reading of one partition: its claims in order."""

    tp: Tp
    audit: Audit
    fingerprint: Fingerprint
    claims: deque[Claim]
    _pieces: list[Piece] = field(default_factory=list)

    @property
    def start(self) -> int:
        return self.claims[0].range.start

    @property
    def end(self) -> int:
        return self.claims[-1].range.end

    def feed(self, columns: Columns | None, end: int) -> None:
        """The rows up to offset `end`; None where there are none."""
        while self.claims and self.claims[0].range.start < end:
            wanted = self.claims[0].range
            if columns is not None:
                first, stop = columns.rows(wanted.start, wanted.end)
                if stop > first:
                    self._pieces.append(Piece(columns, first, stop))
            if wanted.end > end:
                return
            self._settle()

    def finish(self) -> None:
        """No more rows: what is open is settled with what was found."""
        while self.claims:
            self._settle()

    def _settle(self) -> None:
        claim, pieces = self.claims.popleft(), self._pieces
        self._pieces, count = [], sum(piece.height for piece in pieces)
        self.audit.inputs += count
        name = f"{self.tp.topic}/{self.tp.partition}"
        if count != claim.range.count:
            text = f"it read {claim.range.count} rows of {name} from here on, {count} are archived"
        elif input_digest(pieces, self.fingerprint) != claim.range.digest:
            text = f"rows of {name} from here to {claim.range.end} are not those it read"
        else:
            return
        self.audit.find(text, offset=claim.range.start, epoch=claim.epoch)


def readings(
    epochs: Iterable[EpochCommitted], fingerprint: Fingerprint, audit: Audit
) -> dict[Tp, Reading]:
    """What one shard read, by partition."""
    found: dict[Tp, Reading] = {}
    for epoch in epochs:
        for each in epoch.inputs:
            if each.end > each.start:
                tp = Tp(each.topic, each.partition)
                if tp not in found:
                    found[tp] = Reading(tp, audit, fingerprint, deque())
                found[tp].claims.append(Claim(label(epoch), each))
    return found


def check_held(files: Files, reading: Reading, audit: Audit) -> None:
    """Every offset that was read lies in some file; what was read elsewhere is left out."""
    if files.missing(reading.tp, reading.start, reading.end) is None:
        return
    held: deque[Claim] = deque()
    for claim in reading.claims:
        lost = files.missing(reading.tp, claim.range.start, claim.range.end)
        if lost is None:
            held.append(claim)
            continue
        text = f"it read {reading.tp.topic}/{reading.tp.partition}, not archived up to {lost[1]}"
        audit.find(text, offset=lost[0], epoch=claim.epoch)
    reading.claims = held
