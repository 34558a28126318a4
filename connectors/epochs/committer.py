"""Writes one epoch in one transaction: its outputs, its snapshot if one is due, and its record,
chained to the one before.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import NamedTuple

from connectors.epochs.parts import Flight, Parts
from connectors.epochs.records import (
    input_range,
    partition_counts,
    record_stamp,
    seal,
    snapshot_ref,
)
from connectors.epochs.snapshots import cut
from connectors.log.interface import OutRecord, Tp
from pipelines.items import StateBody
from schemas.events import EpochCommitted, OutputRange, SnapshotRef


class Standing(NamedTuple):
    """Where the shard stands before the epoch."""

    chain: bytes
    snapshot: SnapshotRef | None
    log_time_ms: int


class Committer:
    """The writing half of a session. Any error of the writer ends the process: see its errors."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._floors: dict[Tp, int] = {}
        self.transaction_s = 0.0  # how long the newest transaction took
        self.ends: Mapping[Tp, int] = {}  # where what it wrote ends, by partition

    def commit(
        self, flight: Flight, stands: Standing, records: list[OutRecord], body: StateBody | None
    ) -> EpochCommitted:
        """The epoch as committed."""
        parts, shard, writer = self._parts, self._parts.shard, self._parts.writer
        assert writer is not None, "only a live session commits"
        parts.point("reduced")
        stamp = record_stamp(stands.log_time_ms)
        snapshot, chunks = self._snapshot(flight, body, stamp) if body else (stands.snapshot, [])
        unsealed = self._epoch(flight, records, snapshot, body)
        epoch, value = seal(parts.codec, stands.chain, unsealed)
        begun_s = time.monotonic()
        writer.begin()
        parts.point("begun")
        writer.send(records)
        parts.point("outputs-sent")
        key = str(shard.number).encode()
        writer.send([*chunks, OutRecord(*shard.epochs, key, value, stamp)])
        parts.point("epoch-sent")
        self.ends = writer.commit()
        self._floors.update(self.ends)
        self.transaction_s = time.monotonic() - begun_s
        parts.point("committed")
        return epoch

    def _floor(self, tp: Tp) -> int:
        """What is written next to a partition lies at or after this offset."""
        if tp not in self._floors:
            self._floors[tp] = self._parts.log.bounds(tp)[1]
        return self._floors[tp]

    def _outputs(self, records: list[OutRecord]) -> tuple[OutputRange, ...]:
        counts = partition_counts(records)
        return tuple(OutputRange(*tp, counts[tp], self._floor(tp)) for tp in sorted(counts))

    def _snapshot(
        self, flight: Flight, body: StateBody, stamp: int
    ) -> tuple[SnapshotRef, list[OutRecord]]:
        shard, encode = self._parts.shard, self._parts.codec.encode
        chunks = cut(shard, flight.sequence, body.version, body.body)
        floors = self._floor(shard.snapshots), self._floor(shard.epochs)
        ref = snapshot_ref(flight.sequence, body.version, body.body, len(chunks), *floors)
        keys = [f"{shard.number}/{flight.sequence}/{c.chunk}".encode() for c in chunks]
        return ref, [
            OutRecord(*shard.snapshots, k, encode(c), stamp)
            for k, c in zip(keys, chunks, strict=True)
        ]

    def _epoch(
        self,
        flight: Flight,
        records: list[OutRecord],
        snapshot: SnapshotRef | None,
        body: StateBody | None,
    ) -> EpochCommitted:
        """The record, not yet sealed."""
        parts, shard = self._parts, self._parts.shard
        fingerprint = parts.codec.fingerprint_of
        return EpochCommitted(
            pipeline=shard.pipeline,
            shard=shard.number,
            shards=shard.shards,
            sequence=flight.sequence,
            reason=flight.reason,
            inputs=tuple(input_range(s, fingerprint) for s in flight.slices),
            outputs=self._outputs(records),
            output_count=len(records),
            outputs_digest=parts.verifier.outputs_digest(records),
            snapshot_taken=body is not None,
            snapshot=snapshot,
            boundary=flight.boundary,
            version=shard.version,
            instance=parts.instance,
            cpu=parts.verifier.cpu,
            chain=b"",
        )
