"""Archives that grow while they are read: of trades that are made on the way, or of the traded run
in steps.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from connectors.log.memory import MemoryLog
from pipelines.batches import local_codec
from replay.archive.run import archive
from replay.archive.store import FolderStore
from tests.connectors.epochs import toy

NAME, MORE, ROUNDS = "BTCUSDT", 20, 40
CODEC = local_codec()
TOPICS = tuple(CODEC.catalog.topics)


class Growing:
    """A log of trades and its archive; `grow` adds to both."""

    def __init__(self, root: Path) -> None:
        self.log, self.store = MemoryLog(toy.TOPICS), FolderStore(root)
        self.count = 0
        self.grow()

    def grow(self) -> None:
        for number in range(self.count, self.count + MORE):
            toy.trade(self.log, number, 1_772_000_000_000 + number, NAME)
        self.count += MORE
        archive(self.log, toy.CODEC, self.store, [toy.TRADES])


@contextmanager
def restless(growing: Growing) -> Iterator[threading.Event]:
    """An archiver beside; the event tells that it did its rounds."""
    done, wrong = threading.Event(), list[BaseException]()

    def rounds() -> None:
        try:
            for _ in range(ROUNDS):
                growing.grow()
        except BaseException as error:
            wrong.append(error)
        finally:
            done.set()

    thread = threading.Thread(target=rounds)
    thread.start()
    try:
        yield done
    finally:
        thread.join()
    assert not wrong


class Overtaken(FolderStore):
    """Each time a file is about to be opened or read the archiver takes the next of its steps, as
    long as there are some: what was listed may have made room for a longer one by then.
    """

    def __init__(self, root: Path, steps: Iterator[None]) -> None:
        super().__init__(root)
        self._steps = steps

    def read(self, name: str) -> bytes:
        self._step(name)
        return super().read(name)

    def open(self, name: str) -> pa.NativeFile:
        self._step(name)
        return super().open(name)

    def local(self, name: str) -> Path:
        self._step(name)
        return super().local(name)

    def _step(self, name: str) -> None:
        if not name.startswith("_"):
            next(self._steps, None)


def steps_of(log: MemoryLog, root: Path, times_ms: list[int]) -> Iterator[None]:
    """The archive of a log as it was at each of these times of its own, then of all of it."""
    for at_ms in times_ms:
        archive(until(log, at_ms), CODEC, FolderStore(root), TOPICS)
        yield
    archive(log, CODEC, FolderStore(root), TOPICS)
    yield


def until(log: MemoryLog, at_ms: int) -> MemoryLog:
    """The log as it was before a time."""
    earlier = MemoryLog({topic: log.partition_count(topic) for topic in TOPICS})
    for tp, partition in log.partitions.items():
        kept = earlier.partitions[tp].entries
        for entry in partition.entries:
            if entry.record is not None and entry.record.timestamp_ms >= at_ms:
                break
            kept.append(entry)
    return earlier


def times_between(log: MemoryLog, count: int) -> list[int]:
    """So many times, evenly laid over the second half of a log."""
    parts = log.partitions.values()
    all_ms = [r.timestamp_ms for p in parts for _, r in p.committed(0, p.end) if r.timestamp_ms > 1]
    first, last = min(all_ms), max(all_ms)
    return [last - (last - first) * (count - at) // (2 * count) for at in range(count)]
