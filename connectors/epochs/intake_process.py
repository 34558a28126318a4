"""Reads ahead in a process of its own, so that taking messages apart and deciding what they mean
do not wait for one another's lock: in one process both together are no faster than in turn.

The pipeline's process starts it (`connectors.child`), tells it what to read over a socket pair and
gets columns back (`Run`), with what is known of each partition's end. It ends with the socket.
"""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Callable, Collection, Mapping
from multiprocessing.connection import Connection
from typing import Any, Generic

from connectors import child
from connectors.epochs.intake import (
    AHEAD_RECORDS,
    WAIT_S,
    C,
    Ends,
    Intake,
    Known,
    Take,
    Taken,
    ThreadedIntake,
)
from connectors.epochs.runs import Run, run_of
from connectors.epochs.tuning import tune
from connectors.log.errors import LogUnreachable
from connectors.log.interface import Log, Reader, Tp
from schemas.errors import TapeError


def intake_of(log: Log, positions: Mapping[Tp, int]) -> Intake[Run] | ProcessIntake[Run]:
    """In a process of its own where the log is elsewhere too, in line where it is in memory."""
    opener = log.opener(positions)
    if opener is None:
        return Intake(log.reader(positions), positions, run_of)
    return ProcessIntake(opener, positions, run_of)


class ProcessIntake(Known, Generic[C]):
    """The pipeline's end: an `Intake` whose records come from the other process; `take` is a
    function that it can import.
    """

    def __init__(
        self, opener: Callable[[], Reader], positions: Mapping[Tp, int], take: Take[C]
    ) -> None:
        self._process, self._pipe = child.start(__name__)
        self._ready = select.poll()
        self._ready.register(self._pipe.fileno(), select.POLLIN)
        self.ends = {tp: Ends(at, at) for tp, at in positions.items()}
        self._held: frozenset[Tp] = frozenset()
        self._error: TapeError | None = None
        self._pipe.send((opener, dict(positions), take))
        self._received()  # what is known of the ends before the first record

    def poll(self, timeout_s: float) -> Taken[C]:
        """See `Intake.poll`."""
        runs, records = self._receive(timeout_s), 0
        while runs and (more := self._receive(0.0)):
            runs += more
            records += sum(run.length for _, run in more)
            if records > AHEAD_RECORDS:
                break
        if self._error is not None and not runs:
            raise self._error
        return runs

    def _receive(self, timeout_s: float) -> Taken[C]:
        if self._error is None and self._ready.poll(timeout_s * 1_000):
            return self._received()
        return []

    def _received(self) -> Taken[C]:
        try:
            found: tuple[Taken[C], dict[Tp, Ends]] | TapeError = self._pipe.recv()
        except (EOFError, OSError):
            code = self._process.wait(child.END_S)
            found = LogUnreachable(f"the process that reads ahead ended with exit code {code}")
        if isinstance(found, TapeError):
            self._error = found
            return []
        runs, self.ends = found
        return runs

    def hold(self, tps: Collection[Tp]) -> None:
        """See `Intake.hold`."""
        held = frozenset(tps)
        if held != self._held:
            self._held = held
            self._pipe.send(held)

    def close(self) -> None:
        child.stop(self._process, self._pipe)


def serve(pipe: Connection) -> None:
    """The other end, until the pipeline closes its own."""
    try:
        opener, positions, take = pipe.recv()
        intake = ThreadedIntake(opener(), positions, take)
        pipe.send(([], intake.ends))
        _serve(pipe, intake)
    except TapeError as error:
        pipe.send(error)
        pipe.poll(None)  # until it is read and the pipeline ends
    except (EOFError, OSError):
        pass  # the pipeline has ended


def _serve(pipe: Connection, intake: ThreadedIntake[Any]) -> None:
    sent = intake.ends
    while True:
        while pipe.poll(0):
            intake.hold(pipe.recv())
        runs = intake.poll(WAIT_S)
        if runs or intake.ends != sent:
            sent = intake.ends
            pipe.send((runs, sent))


def main(socket: int) -> None:
    child.begin()
    tune()
    with Connection(socket) as pipe:
        serve(pipe)
    os._exit(0)  # the reader's thread has nothing that needs an end


if __name__ == "__main__":
    main(int(sys.argv[1]))
