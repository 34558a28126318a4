"""Which partition a key lies in: murmur2 as Kafka's Java clients compute it.

Every producer here names its partition itself, so that a key is in one place whoever writes it: our
processes, a Java tool, or librdkafka with `partitioner=murmur2_random`.
"""

from __future__ import annotations

from functools import lru_cache

_SEED = 0x9747B28C
_M = 0x5BD1E995
_MASK = 0xFFFFFFFF


def murmur2(data: bytes) -> int:
    """The 32-bit hash of `org.apache.kafka.common.utils.Utils.murmur2`, as an unsigned number."""
    length = len(data)
    whole = length & ~3
    h = (_SEED ^ length) & _MASK
    for at in range(0, whole, 4):
        k = int.from_bytes(data[at : at + 4], "little") * _M & _MASK
        h = (h * _M & _MASK) ^ ((k ^ k >> 24) * _M & _MASK)
    if whole < length:
        h = (h ^ int.from_bytes(data[whole:], "little")) * _M & _MASK
    h = (h ^ h >> 13) * _M & _MASK
    return h ^ h >> 15


@lru_cache(maxsize=65_536)
def murmur2_partition(key: bytes, n: int) -> int:
    """The partition of `key` among `n`, as Java's default partitioner gives it."""
    return (murmur2(key) & 0x7FFFFFFF) % n
