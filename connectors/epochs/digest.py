"""Digests: what makes two runs the same run.

A digest covers logical topic, partition, key, schema fingerprint and Avro body; inputs also their
timestamps. It does not
cover the registry's ids (another registry numbers anew) nor headers. Fields are framed by packed
lengths, so that no two
different sequences of records share an encoding.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Callable, Sequence
from hashlib import sha256

from connectors.log.interface import Message, OutRecord
from schemas.errors import TapeError

FRAME_BYTES = 5  # Confluent framing: magic byte and schema id
Fingerprint = Callable[[bytes], bytes]
_OUTPUT_HEAD = struct.Struct(">iii")


def _lengths(items: Sequence[bytes]) -> bytes:
    return array("i", map(len, items)).tobytes()


def input_digest(
    messages: Sequence[Message],
    values: Sequence[bytes],
    timestamps: Sequence[int],
    fingerprint: Fingerprint,
) -> bytes:
    """SHA-256 over the records of one partition's range, in offset order; empty for an empty
    range.
    """
    if not messages:
        return b""
    keys = [m.key() or b"" for m in messages]
    frames = [value[:FRAME_BYTES] for value in values]
    identities = {frame: _identity(frame, fingerprint) for frame in set(frames)}
    hasher = sha256(array("q", timestamps).tobytes())
    hasher.update(_lengths(keys) + b"".join(keys) + _lengths(values))
    if len(set(identities.values())) == 1:
        hasher.update(identities[frames[0]] + b"*")
    else:
        hasher.update(b"".join([identities[frame] for frame in frames]))
    hasher.update(b"".join([value[FRAME_BYTES:] for value in values]))
    return hasher.digest()


def _identity(value: bytes, fingerprint: Fingerprint) -> bytes:
    """The fingerprint; where a bad record has none, its first bytes stand for it."""
    try:
        return fingerprint(value)
    except TapeError:
        return b"?" + value[:FRAME_BYTES]


def outputs_digest(records: Sequence[OutRecord], fingerprint: Fingerprint) -> bytes:
    """SHA-256 over the outputs of one epoch, in the order they were decided."""
    hasher = sha256()
    heads: dict[tuple[str, bytes], bytes] = {}
    for topic, partition, key, value, _, _ in records:
        kind = (topic, value[:FRAME_BYTES])
        head = heads.get(kind)
        if head is None:
            head = heads[kind] = sha256(topic.encode() + b"\0" + fingerprint(value)).digest()
        hasher.update(head + _OUTPUT_HEAD.pack(partition, len(key), len(value)) + key)
        hasher.update(value[FRAME_BYTES:])
    return hasher.digest()


def chain_digest(previous: bytes, record_without_chain: bytes) -> bytes:
    """The link of one epoch: covers the link before it and the canonical bytes of its own
    record.
    """
    return sha256(previous + record_without_chain).digest()
