"""Builds the records of the protocol: `ShardOpened`, `EpochCommitted` and the chunks of a
snapshot.
"""

from __future__ import annotations

import os
import platform
import socket
from collections import Counter
from collections.abc import Mapping, Sequence
from hashlib import sha256
from operator import itemgetter

from connectors.epochs.digest import Fingerprint, chain_digest, input_digest
from connectors.epochs.model import Place, Shard
from connectors.epochs.runs import Slice
from connectors.log.interface import OutRecord, Tp
from schemas.blocks import FRAME_BYTES
from schemas.codec import Codec
from schemas.events import (
    EpochCommitted,
    InputRange,
    Position,
    ShardOpened,
    SnapshotRef,
)


def shard_opened(
    shard: Shard, instance: str, next_sequence: int, places: Mapping[Tp, Place], now_ns: int
) -> ShardOpened:
    start = tuple(Position(tp.topic, tp.partition, place.offset) for tp, place in places.items())
    return ShardOpened(
        shard.pipeline,
        shard.number,
        shard.shards,
        instance,
        socket.gethostname(),
        os.getpid(),
        shard.version,
        platform.machine(),
        next_sequence,
        start,
        now_ns,
    )


def record_stamp(log_time_ms: int) -> int:
    """The timestamp of a protocol record: the log time reached, so that times find epochs.

    1 before any input: to librdkafka 0 would mean now.
    """
    return max(log_time_ms, 1)


def input_range(part: Slice, fingerprint: Fingerprint) -> InputRange:
    return InputRange(
        part.tp.topic,
        part.tp.partition,
        part.start,
        part.end,
        part.count,
        part.log_time_ms,
        input_digest(part, fingerprint),
    )


def partition_counts(records: Sequence[OutRecord]) -> dict[Tp, int]:
    """How many records each partition gets."""
    return {Tp(*tp): count for tp, count in Counter(map(_tp_of, records)).items()}


_tp_of = itemgetter(slice(0, 2))
CHAIN_LENGTH = b"\x40"  # 32, as Avro writes the length of bytes


def snapshot_ref(
    sequence: int, version: int, body: bytes, chunks: int, snapshots_floor: int, epochs_floor: int
) -> SnapshotRef:
    return SnapshotRef(
        sequence, version, len(body), chunks, sha256(body).digest(), snapshots_floor, epochs_floor
    )


def seal(codec: Codec, previous: bytes, epoch: EpochCommitted) -> tuple[EpochCommitted, bytes]:
    """The epoch with its chain, and its encoded value: the link covers the record's Avro body up
    to its last field, which is the chain itself.
    """
    unsealed = codec.encode(epoch._replace(chain=b""))[:-1]
    chain = chain_digest(previous, unsealed[FRAME_BYTES:])
    return epoch._replace(chain=chain), unsealed + CHAIN_LENGTH + chain
