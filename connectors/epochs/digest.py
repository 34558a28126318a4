"""Digests: what makes two runs the same run.

A digest covers logical topic, partition, key, schema fingerprint and Avro body; inputs also their
timestamps. It does not cover the registry's ids (another registry numbers anew) nor headers. Every
field is framed by its length, so that no two different sequences of records share an encoding.
"""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from operator import itemgetter

from connectors.epochs.runs import Slice
from connectors.log.interface import OutRecord
from schemas.blocks import FRAME_BYTES, MARK, Block
from schemas.errors import TapeError
from schemas.packed import Packed, pack

Fingerprint = Callable[[bytes], bytes]
_frame_of = itemgetter(slice(0, FRAME_BYTES))
_body_of = itemgetter(slice(FRAME_BYTES, None))


def input_digest(part: Slice, fingerprint: Fingerprint) -> bytes:
    """SHA-256 over the records of one partition's range, in offset order; empty for an empty
    range.

    Column by column: timestamps (8 bytes), lengths of keys (4), keys, lengths of bodies (4), schema
    fingerprints (`*` after the only one stands for all), bodies, each after the codec's mark.
    """
    if not part.count:
        return b""
    values = [run.values for run in part.runs]
    bodies = [_bodies(some) for some in values]
    kinds = [_kinds(some, fingerprint) for some in values]
    different = {kind for found, _ in kinds for kind in found}
    only = different.pop() if len(different) == 1 else None
    hasher = sha256()
    for column in (
        [run.timestamps for run in part.runs],
        [run.keys.lengths for run in part.runs],
        [run.keys.data for run in part.runs],
        [packed.lengths for packed in bodies],
        [only + b"*"] if only else [b"".join(found * times) for found, times in kinds],
        [packed.data for packed in bodies],
    ):
        for piece in column:
            hasher.update(piece)
    return hasher.digest()


def input_digests(slices: Sequence[Slice], fingerprint: Fingerprint) -> list[bytes]:
    """One for each."""
    return [input_digest(part, fingerprint) for part in slices]


def _bodies(values: Block | Packed) -> Packed:
    if isinstance(values, Block):
        return values.bodies
    return pack([value[FRAME_BYTES:] for value in values], MARK)


def _kinds(values: Block | Packed, fingerprint: Fingerprint) -> tuple[list[bytes], int]:
    """The identities of a run's schemas, record by record, or one and how often it repeats."""
    if isinstance(values, Block):
        return [_identity(values.frame, fingerprint)], values.count
    return [_identity(value, fingerprint) for value in values], 1


def _identity(value: bytes, fingerprint: Fingerprint) -> bytes:
    """The fingerprint; where a bad record has none, its first bytes stand for it."""
    try:
        return fingerprint(value)
    except TapeError:
        return b"?" + value[:FRAME_BYTES]


def outputs_digest(records: Sequence[OutRecord], fingerprint: Fingerprint) -> bytes:
    """SHA-256 over the outputs of one epoch, by topic and partition; in each, in the order they
    were decided: what the log itself keeps, so that the log or its archive can prove it.

    First how many kinds of output and how many outputs there are (4 bytes each) and the kinds
    (logical topic and schema), in order of appearance; then, column by column: each output's kind
    (4 bytes), partition (4), length of key (4), key, length of body (4), body.
    """
    if not records:
        return sha256().digest()
    numbers: dict[tuple[str, bytes], int] = {}
    kinds: list[int] = []
    partitions: list[bytes] = []
    keys: list[bytes] = []
    bodies: list[bytes] = []
    for (topic, partition), found in sorted(_by_partition(records).items()):
        _, _, own_keys, values, _, _ = zip(*found, strict=True)
        frames = list(map(_frame_of, values))
        own = {
            frame: numbers.setdefault((topic, frame), len(numbers))
            for frame in dict.fromkeys(frames)
        }
        kinds += map(own.__getitem__, frames)
        partitions.append(_ints((partition,)) * len(found))
        keys += own_keys
        bodies += map(_body_of, values)
    heads = [
        sha256(topic.encode() + b"\0" + fingerprint(frame)).digest() for topic, frame in numbers
    ]
    hasher = sha256(_ints((len(heads), len(records))))
    for piece in (*heads, _ints(kinds), *partitions):
        hasher.update(piece)
    for column in (keys, bodies):
        hasher.update(_ints(map(len, column)))
        hasher.update(b"".join(column))
    return hasher.digest()


def _by_partition(records: Sequence[OutRecord]) -> dict[tuple[str, int], list[OutRecord]]:
    groups: defaultdict[tuple[str, int], list[OutRecord]] = defaultdict(list)
    for record in records:
        groups[record[:2]].append(record)
    return groups


def _ints(numbers: Iterable[int]) -> bytes:
    numbers = tuple(numbers)
    return struct.pack(f"<{len(numbers)}i", *numbers)


def chain_digest(previous: bytes, record_without_chain: bytes) -> bytes:
    """The link of one epoch: covers the link before it and the canonical bytes of its own
    record.
    """
    return sha256(previous + record_without_chain).digest()
