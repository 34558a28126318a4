"""How far the log may forget: what is proven archived, and what no running process needs.

Proven is a file of a closed day whose bytes are those that its manifest and its day name, and whose
records are, one by one, those on the log. Needed are epochs and snapshots from each shard's newest
snapshot on, and what the epochs after it read and wrote.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from connectors.epochs.history import Ledger, read_history
from connectors.epochs.model import EPOCHS, SNAPSHOTS, Shard
from connectors.log.interface import Log, Tp
from connectors.log.places import present
from connectors.log.ranges import passing
from replay.archive import days, manifest
from replay.archive.errors import ArchiveCorrupt
from replay.archive.layout import FileName
from replay.archive.reader import index
from replay.archive.records import batches
from replay.archive.same import facts
from replay.archive.store import Store
from schemas.codec import Codec

GATEWAY = "gateway"  # has its own snapshots, and asks the log for older things than those
SNAPSHOT, DAY = "a shard's newest snapshot", "the last closed day that is archived"
STALL_S = 15.0


class Trim(NamedTuple):
    """Offsets below `upto` may go; the log begins at `low`. `kept_by`: why no more may."""

    tp: Tp
    low: int
    upto: int
    kept_by: str


def trimmable(codec: Codec) -> list[str]:
    """Topics that are trimmed: epochs and snapshots of pipelines, and what is kept for a time only;
    nothing that the gateway reads or writes.
    """
    return [
        name
        for name, topic in codec.catalog.topics.items()
        if GATEWAY not in (*topic.producers, *topic.consumers)
        and (topic.retention != "forever" or name.endswith((EPOCHS, SNAPSHOTS)))
    ]


def plan(log: Log, codec: Codec, store: Store, topics: Sequence[str]) -> list[Trim]:
    """What may go of each partition that has something to give. Raises `ArchiveCorrupt` where a
    file is not what was archived: then nothing may.
    """
    needed, files = needs(log, codec), index(store)
    found = []
    for tp in present(log, *topics):
        low, high = log.bounds(tp)
        proven = _closed(store, files.get(tp, ()), low)
        upto, kept_by = min((needed.get(tp, high), SNAPSHOT), (proven, DAY))
        if upto > low:
            compare(log, store, tp, files[tp], low, upto)
            found.append(Trim(tp, low, upto, kept_by))
    return found


def needs(log: Log, codec: Codec) -> dict[Tp, int]:
    """First offset of each partition that a shard would read if it were started now."""
    needed: dict[Tp, int] = {}
    for name in (n for n in codec.catalog.topics if n.endswith(EPOCHS)):
        for _, number in present(log, name):
            shard = Shard(name.removesuffix(EPOCHS), number, number + 1, (), "")
            for tp, offset in _needs(log, codec, shard).items():
                needed[tp] = min(offset, needed.get(tp, offset))
    return needed


def _needs(log: Log, codec: Codec, shard: Shard) -> dict[Tp, int]:
    history = read_history(Ledger(log, codec, shard), shard)
    if history is None:
        return {}
    taken = history.base.snapshot
    outputs = [(Tp(o.topic, o.partition), o.floor) for e in history.epochs for o in e.outputs]
    return {
        **dict(reversed(outputs)),
        **{tp: place.offset for tp, place in history.base.places.items()},
        shard.epochs: taken.epochs_floor if taken else 0,
        shard.snapshots: taken.snapshots_floor if taken else 0,
    }


def _closed(store: Store, files: Sequence[FileName], low: int) -> int:
    """Where the files of closed days end that cover the log from its first offset on, each as its
    day manifest names it.
    """
    at, known = low, dict[str, dict[str, Any]]()
    for name in files:
        if name.end <= low:
            continue
        if name.day not in known:
            known[name.day] = days.read(store, name.day)
        if name.start > at or not known[name.day]["closed"]:
            break
        _require_named(store, name, known[name.day])
        at = name.end
    return at


def _require_named(store: Store, name: FileName, day: Mapping[str, Any]) -> None:
    """The Parquet file itself is checked against its manifest when it is read."""
    entry = next((e for e in day["files"] if e["name"] == name.path), None)
    data = store.read(name.manifest)
    if entry is None or entry["manifest_sha256"] != manifest.digest(data):
        raise ArchiveCorrupt(f"{store.root}/{name.manifest} is not the one its day names")


def compare(log: Log, store: Store, tp: Tp, files: Sequence[FileName], low: int, upto: int) -> None:
    """Raises `ArchiveCorrupt` at the first record of [low, upto) that is not on both sides."""
    archived = (m for batch in batches(store, files, low) for m in batch)
    for theirs in passing(log, tp, low, upto, STALL_S):
        ours = next(archived, None)
        if ours is None or facts(ours) != facts(theirs):
            raise ArchiveCorrupt(
                f"{tp.topic}/{tp.partition}/{theirs.offset()} is not archived as it is on the log"
            )
    more = next(archived, None)
    if more is not None and more.offset() < upto:
        raise ArchiveCorrupt(f"{tp.topic}/{tp.partition}/{more.offset()} is not on the log")
