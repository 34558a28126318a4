"""A small archive of three days: a pipeline's epochs, what it read and wrote, its snapshots; and
the key that its closed days are signed with.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from connectors.log.memory import MemoryLog
from connectors.signing import make_key
from replay.archive.run import archive
from replay.archive.store import FolderStore
from replay.verify.signature import sign_days
from tests.connectors.epochs import toy

DAY_MS = 86_400_000
FIRST_MS = 20_000 * DAY_MS
DAYS = ("2024-10-04", "2024-10-05", "2024-10-06")
PER_DAY = 40
PIPELINE_TOPICS = [*toy.TOPICS]


class Shelf(NamedTuple):
    """Where the archive lies, and the public key."""

    root: Path
    public_pem: bytes

    @property
    def store(self) -> FolderStore:
        return FolderStore(self.root)


def recorded() -> MemoryLog:
    """Trades and ticks of three days, decided by two shards, stopped and started once a day."""
    log = MemoryLog(toy.TOPICS)
    for day in range(len(DAYS)):
        for number in range(PER_DAY):
            at_ms = FIRST_MS + day * DAY_MS + number * 1_000
            name = toy.INSTRUMENTS[number % 2]
            toy.trade(log, day * PER_DAY + number, at_ms, name)
            if number % 20 == 0:
                log.append(toy.tick_record(at_ms))
        for shard in range(2):
            bounds = {"records_max": 10, "snapshot_bytes_min": 20_000, "snapshot_factor": 1}
            toy.live(log, toy.shard(shard, 2, **bounds))
    return log


def made(folder: Path, log: MemoryLog | None = None) -> Shelf:
    """An archive below a folder, signed."""
    key, root = folder / "key.pem", folder / "archive"
    make_key(key)
    store = FolderStore(root)
    archive(log or recorded(), toy.CODEC, store, PIPELINE_TOPICS)
    sign_days(store, key.read_bytes())
    return Shelf(root, key.with_name("key.pem.pub").read_bytes())
