"""Which shard this process is: by flag, by environment, or by the ordinal of its Kubernetes pod."""

from __future__ import annotations

import os
import re

from ops.settings import Settings
from schemas.errors import TapeError

ORDINAL = re.compile(r"-(\d+)$")


class NoSuchShard(TapeError):
    """The shard's number is not below the number of shards."""


class ShardUnnamed(TapeError):
    """There are several shards and nothing says which one this is."""


def chosen(settings: Settings, shard: int | None, shards: int | None) -> tuple[int, int]:
    """The shard's number and the number of shards. Raises `NoSuchShard` or `ShardUnnamed`."""
    count = shards if shards is not None else settings.shards
    number = shard if shard is not None else settings.shard
    if number is None:
        number = ordinal(os.environ.get("POD_NAME", "")) if count > 1 else 0
    if number is None:
        raise ShardUnnamed(
            f"{count} shards: say which this is with --shard, TAPE_SHARD or the pod's POD_NAME"
        )
    if not 0 <= number < count:
        raise NoSuchShard(f"shard {number} does not exist: {count} shards are 0 to {count - 1}")
    return number, count


def ordinal(pod: str) -> int | None:
    """The ordinal that ends a StatefulSet pod's name: 3 for `tape-market-3`."""
    found = ORDINAL.search(pod)
    return int(found.group(1)) if found else None
