"""An archiver that dies in the middle: `python -m tests.replay.archive.crash FOLDER [DIES_AT]`.

It archives after each round of a log that is the same in every process, without DIES_AT after the
last alone; SIGKILL comes before the given change to the archive.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from connectors.log.interface import OutRecord
from connectors.log.memory import MemoryLog
from replay.archive.run import archive
from replay.archive.store import FolderStore
from tests.connectors.epochs import toy
from tests.replay.archive.rig import DAY_MS, TOPICS

ROUNDS = 3


class Killed(BaseException):
    """A death that can be watched from the same process."""


class DyingStore(FolderStore):
    """Counts the changes made to it, and ends everything before one of them."""

    def __init__(self, root: Path, dies_at: int | None, really: bool = False) -> None:
        super().__init__(root)
        self.changes, self._dies_at, self._really = 0, dies_at, really

    def _change(self) -> None:
        if self.changes == self._dies_at:
            if self._really:
                os.kill(os.getpid(), signal.SIGKILL)
            raise Killed
        self.changes += 1

    def draft(self, name: str) -> Path:
        self._change()
        return super().draft(name)

    def publish(self, draft: Path, name: str) -> None:
        self._change()
        super().publish(draft, name)
        self._change()

    def remove(self, name: str) -> None:
        self._change()
        super().remove(name)


def log_after(rounds: int) -> MemoryLog:
    """Rounds over two days, transactions among them: each leaves open files that the next one's
    replace.
    """
    log = MemoryLog(toy.TOPICS)
    writer = log.writer("writer")
    writer.fence()
    for number in range(rounds * 20):
        record = toy.trade_record(number, 1_000 + number * DAY_MS // 32)
        log.append(record)
        if number % 10 == 9:
            writer.begin()
            writer.send([record, OutRecord(toy.CLOCK, 0, b"", b"no event", record.timestamp_ms)])
            writer.commit()
    return log


if __name__ == "__main__":
    dies_at = int(sys.argv[2]) if len(sys.argv) > 2 else None
    store = DyingStore(Path(sys.argv[1]), dies_at, really=True)
    for rounds in range(1 if dies_at is not None else ROUNDS, ROUNDS + 1):
        archive(log_after(rounds), toy.CODEC, store, TOPICS)
