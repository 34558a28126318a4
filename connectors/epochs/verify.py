"""Compares a re-run epoch with its record: inputs first, then outputs, then the snapshot. Or
counts, during an upgrade.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from connectors.epochs.digest import outputs_digest
from connectors.epochs.encode import ID_HEADER
from connectors.epochs.errors import Diverged
from connectors.epochs.model import Shard
from connectors.log.interface import OutRecord
from pipelines.items import Carried, StateBody
from schemas.codec import Codec
from schemas.events import Boundary, EpochCommitted


@dataclass
class Difference:
    """What an upgrade's new code would have decided otherwise, over the epochs re-run with it."""

    epochs: int = 0
    recorded: int = 0
    added: int = 0
    removed: int = 0


@dataclass
class Verifier:
    """`on_divergence` gets the finding and the re-run outputs; it may raise it (the default) or
    note it and go on.
    """

    codec: Codec
    shard: Shard
    difference: Difference = field(default_factory=Difference)
    on_divergence: Callable[[Diverged, EpochCommitted, Sequence[OutRecord]], None] | None = None
    cpu: str = field(default_factory=platform.machine)

    def outputs_digest(self, records: Sequence[OutRecord]) -> bytes:
        return outputs_digest(records, self.codec.fingerprint_of)

    def check(
        self,
        record: EpochCommitted,
        digests: Sequence[bytes],
        records: Sequence[OutRecord],
        body: StateBody | None,
        carried: Carried | None,
    ) -> None:
        """Raises `Diverged`. Of a carried epoch the outputs are counted, not compared."""
        if carried is not None:
            self.count(record, records, carried)
        what = self._inputs(record, digests)
        if carried is None:
            what = what or self._outputs(record, records) or self._state(record, body)
        if what is None:
            return
        finding = Diverged(self._message(record, what), record.sequence, what.split(" ")[0])
        if self.on_divergence is None:
            raise finding
        self.on_divergence(finding, record, records)

    def _message(self, record: EpochCommitted, what: str) -> str:
        same = record.version == self.shard.version
        other = "" if same else f" (recorded by version {record.version[:12]})"
        return (
            f"{self.shard.transactional_id}: epoch {record.sequence} differs from its record in "
            f"its {what}{other}; see `tape replay {self.shard.pipeline}`, or go on with "
            f"--accept-divergence {record.sequence} --reason WHY"
        )

    def _inputs(self, record: EpochCommitted, digests: Sequence[bytes]) -> str | None:
        for wanted, digest in zip(record.inputs, digests, strict=True):
            if digest != wanted.digest:
                return f"inputs ({wanted.topic}/{wanted.partition}/{wanted.start})"
        return None

    def _outputs(self, record: EpochCommitted, records: Sequence[OutRecord]) -> str | None:
        if self.outputs_digest(records) == record.outputs_digest:
            return None
        return f"outputs ({record.output_count} recorded, {len(records)} now)"

    def _state(self, record: EpochCommitted, body: StateBody | None) -> str | None:
        if not record.snapshot_taken or body is None or record.snapshot is None:
            return None
        same = sha256(body.body).digest() == record.snapshot.digest
        return (
            None
            if same
            else f"snapshot ({record.snapshot.size} bytes recorded, {len(body.body)} now)"
        )

    def count(self, record: EpochCommitted, records: Sequence[OutRecord], carried: Carried) -> None:
        """Counts what a carried epoch would have given otherwise."""
        would = {(dict(r.headers)[ID_HEADER], r.value) for r in records}
        recorded = carried.values
        self.difference.epochs += 1
        self.difference.recorded += record.output_count
        self.difference.added += len(would - recorded)
        self.difference.removed += len(recorded - would)

    def filled(self, boundary: Boundary) -> Boundary:
        """The boundary with what was counted on the way to it."""
        d = self.difference
        return boundary._replace(
            epochs_compared=d.epochs,
            outputs_recorded=d.recorded,
            outputs_added=d.added,
            outputs_removed=d.removed,
        )
