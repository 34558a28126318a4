"""What a reader brings, as columns, together with what was seen of each partition's end.

`Intake` polls when asked; `ThreadedIntake` reads ahead, in the process that `intake_process` starts
for a reader that waits for a broker. When records are handed out decides nothing that is not
recorded, so no run depends on either.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from threading import Condition, Thread
from typing import Generic, NamedTuple, Protocol, TypeVar

from connectors.log.interface import Message, Reader, Tp

CHUNK_RECORDS = 2_000  # as many messages as stay in the processor's cache until taken apart
AHEAD_RECORDS = 20_000
WAIT_S = 0.1  # records end it; what is to be held waits for its end


class Ends(NamedTuple):
    """What is known of a partition: it was read up to `seen`, markers included, and ends there or
    at `end`.
    """

    seen: int
    end: int


class Columns(Protocol):
    """Consecutive records of one partition, taken apart."""

    @property
    def offsets(self) -> Sequence[int]: ...
    @property
    def length(self) -> int: ...


C = TypeVar("C", bound=Columns)
Take = Callable[[Sequence[Message]], C]
Taken = list[tuple[Tp, C]]


class Known:
    """What is known of the partitions' ends, never ahead of the records handed out."""

    ends: dict[Tp, Ends]

    def has_backlog(self, tp: Tp, position: int) -> bool:
        """Whether records at or after `position`, the next one to be polled, are known to lie on
        the log.
        """
        # One offset short of the end is a transaction marker or a single record: no backlog worth
        # waiting for.
        return self.end_seen(tp, position) + 1 < self.ends[tp].end

    def end_seen(self, tp: Tp, position: int) -> int:
        """`position`, or what was seen beyond it when only transaction markers lie between."""
        return max(position, self.ends[tp].seen)


class Intake(Known, Generic[C]):
    """In line: polls when asked. `take` makes columns of at least one message of a partition."""

    def __init__(self, reader: Reader, positions: Mapping[Tp, int], take: Take[C]) -> None:
        self._reader, self._take = reader, take
        self._next = dict(positions)
        self._held: frozenset[Tp] = frozenset()
        self.ends = self._known()

    def poll(self, timeout_s: float) -> Taken[C]:
        """What is there; waits up to `timeout_s` for something. Raises what the reader raises."""
        runs, self.ends = self._fetch(timeout_s)
        return runs

    def hold(self, tps: Collection[Tp]) -> None:
        """Reads no further in these partitions, and again in all others."""
        self._held = frozenset(tps)

    def _fetch(self, timeout_s: float) -> tuple[Taken[C], dict[Tp, Ends]]:
        held, take = self._held, self._take
        self._reader.pause(list(held))
        self._reader.resume([tp for tp in self._next if tp not in held])
        runs = [(tp, take(m)) for tp, m in self._reader.poll(CHUNK_RECORDS, timeout_s).items()]
        for tp, run in runs:
            self._next[tp] = run.offsets[-1] + 1
        return runs, self._known()

    def _known(self) -> dict[Tp, Ends]:
        reader = self._reader
        return {tp: Ends(reader.end_seen(tp, at), reader.end(tp)) for tp, at in self._next.items()}

    def close(self) -> None:
        self._reader.close()


class ThreadedIntake(Intake[C]):
    """Polls all the time, as long as not much waits to be asked for. Only the thread touches the
    reader.

    What is known of the ends is handed over together with the records before them: a partition
    whose last records still wait here is not taken for exhausted.
    """

    def __init__(self, reader: Reader, positions: Mapping[Tp, int], take: Take[C]) -> None:
        super().__init__(reader, positions, take)
        self._changed = Condition()
        self._waiting: Taken[C] = []
        self._waiting_records = 0
        self._waiting_ends = self.ends
        self._error: Exception | None = None
        self._closed = False
        self._thread = Thread(target=self._work, name="tape-intake", daemon=True)
        self._thread.start()

    def poll(self, timeout_s: float) -> Taken[C]:
        with self._changed:
            if timeout_s and not self._news():
                self._changed.wait(timeout_s)
            if self._error is not None and not self._waiting:
                raise self._error
            runs, self._waiting, self._waiting_records = self._waiting, [], 0
            self.ends = self._waiting_ends
            self._changed.notify()
        return runs

    def _news(self) -> bool:
        return bool(self._waiting) or self._error is not None or self.ends != self._waiting_ends

    def _work(self) -> None:
        try:
            while not self._closed:
                self._hand_over(*self._fetch(WAIT_S))
        except Exception as error:
            with self._changed:
                self._error = error
                self._changed.notify()

    def _hand_over(self, runs: Taken[C], ends: dict[Tp, Ends]) -> None:
        with self._changed:
            self._waiting += runs
            self._waiting_records += sum(run.length for _, run in runs)
            self._waiting_ends = ends
            if self._news():
                self._changed.notify()
            while self._waiting_records > AHEAD_RECORDS and not self._closed:
                self._changed.wait()

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()
        super().close()
