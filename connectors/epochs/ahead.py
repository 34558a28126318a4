"""The recorded epochs of a re-run, in turn: while one goes through the flow, a thread reads the
next.

Which records the next one takes is recorded, so nothing that this one decides can change them; and
reading, digesting and decoding columns hardly hold Python's lock.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

from connectors.epochs.batch import EpochBatch
from connectors.epochs.digest import input_digests
from connectors.epochs.runs import Slice
from connectors.epochs.supply import Supply
from pipelines.logic import ROWS_MAX, Position
from schemas.codec import Codec
from schemas.events import EpochCommitted


class Reread(NamedTuple):
    """A recorded epoch and what it took, `digests` by slice."""

    record: EpochCommitted
    slices: list[Slice]
    digests: list[bytes]
    batch: EpochBatch


class Ahead:
    """Only one thread at a time takes from the supply: whoever takes an epoch waits for it first.
    Epochs that go row by row are read in line, for rows hold the lock.
    """

    def __init__(
        self, supply: Supply, recorded: Sequence[EpochCommitted], codec: Codec, pipeline: str
    ) -> None:
        self._supply, self._codec, self._pipeline = supply, codec, pipeline
        self._recorded, self._at = recorded, 0
        self._thread = ThreadPoolExecutor(1, "tape-ahead")
        self._next: Future[Reread] | None = None

    @property
    def record(self) -> EpochCommitted | None:
        """The epoch that comes next."""
        return self._recorded[self._at] if self._at < len(self._recorded) else None

    def take(self, skipped: frozenset[Position]) -> Reread:
        """What that epoch took. `skipped`: what the one after it leaves out as well. Raises
        `HistoryBroken`.
        """
        record = self.record
        assert record is not None, "nothing is left"
        taken = self._next.result() if self._next else self._read(record, skipped)
        self._at, self._next = self._at + 1, None
        if self.record is not None and sum(r.count for r in self.record.inputs) >= ROWS_MAX:
            self._next = self._thread.submit(self._prepared, self.record, skipped)
        return taken

    def _read(self, record: EpochCommitted, skipped: frozenset[Position]) -> Reread:
        slices = self._supply.recorded(record)
        digests = input_digests(slices, self._codec.fingerprint_of)
        batch = EpochBatch(slices, self._codec, self._pipeline, skipped)
        return Reread(record, slices, digests, batch)

    def _prepared(self, record: EpochCommitted, skipped: frozenset[Position]) -> Reread:
        found = self._read(record, skipped)
        found.batch.decode()
        return found

    def close(self) -> None:
        """What is under way is given up."""
        self._supply.give_up()
        self._thread.shutdown(cancel_futures=True)
