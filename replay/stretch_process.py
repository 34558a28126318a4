"""Stretches side by side: the first in this process, each other one in a process of its own.

A process that is told of a stretch (`connectors.child`) opens the log itself, re-runs it and says
how far it is, then what it found. What it found counts only once every stretch before it was equal:
so the first epoch that differs is the one that a single run would have found.
"""

from __future__ import annotations

import os
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import replace
from multiprocessing.connection import Connection, wait
from threading import Thread
from typing import Any, Final, NamedTuple

from connectors import child
from connectors.epochs.history import Ledger
from connectors.epochs.model import Shard
from connectors.log.interface import Log
from pipelines.logic import Logic
from replay.stretch_run import Failure, Ran, run_stretch
from replay.stretches import Stretch
from schemas.codec import Codec
from schemas.errors import TapeError, one_line

TELL_S: Final = 0.1


class StretchFailed(TapeError):
    """A process that re-ran a stretch could not go on, or has ended."""

    def __init__(self, message: str, exit_code: int = TapeError.exit_code) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class Work(NamedTuple):
    """What another process needs for one stretch. Both functions can be pickled."""

    open: Callable[[], tuple[Log, Codec]]
    logic: Callable[[], Logic[Any]]
    shard: Shard
    stretch: Stretch


class Beside:
    """A process that re-runs one stretch. `done`: how many epochs it told of."""

    def __init__(self) -> None:
        self._process, self.pipe = child.start(__name__)
        self.done = 0
        self.told: Ran | Failure | None = None
        self._name = ""

    @property
    def pid(self) -> int:
        return self._process.pid

    def begin(self, work: Work) -> None:
        """To be called once; waits until it has loaded what it needs where there is much."""
        first, last = work.stretch.epochs[0].sequence, work.stretch.epochs[-1].sequence
        self._name = f"epochs {first} to {last} of {work.shard.transactional_id}"
        try:
            self.pipe.send(work)
        except OSError:
            self._lost()

    def listen(self) -> None:
        """Takes what was told since; never waits."""
        while self.told is None and self.pipe.poll(0):
            try:
                told: int | Ran | Failure = self.pipe.recv()
            except (EOFError, OSError):
                self._lost()
                return
            if isinstance(told, int):
                self.done = told
            else:
                self.told = told

    def _lost(self) -> None:
        code = self._process.wait(child.END_S)
        text = f"the process that re-ran {self._name} ended with exit code {code}"
        self.told = Failure(text, TapeError.exit_code)

    def result(self) -> Ran:
        """Raises `StretchFailed`."""
        assert self.told is not None
        if isinstance(self.told, Failure):
            raise StretchFailed(*self.told)
        self.done = self.told.epochs
        return self.told

    def stop(self) -> None:
        child.stop(self._process, self.pipe)


def run_others(
    works: Sequence[Work],
    first: Callable[[Callable[[int], None]], Ran],
    on_epoch: Callable[[int], None],
) -> Ran:
    """The first stretch by `first`, the others beside it, as one. No process outlives this call.
    Raises `TapeError` of the first stretch that could not run, unless one before it differs.
    """
    others: list[Beside] = []
    try:
        others += (Beside() for _ in works)
        for other, work in zip(others, works, strict=True):
            other.begin(work)
        told_s = 0.0

        def tell(done: int) -> None:
            nonlocal told_s
            if time.monotonic() - told_s > TELL_S:
                _listen(others)
                told_s = time.monotonic()
            on_epoch(done + sum(other.done for other in others))

        return _joined(first(tell), others, on_epoch)
    finally:
        for other in others:
            other.pipe.close()  # all end at once
        for other in others:
            other.stop()


def _joined(ran: Ran, others: Sequence[Beside], on_epoch: Callable[[int], None]) -> Ran:
    """Everything up to the first stretch that differs."""
    own = ran.epochs
    for other in others:
        if ran.finding is not None:
            break
        while other.told is None:
            wait([one.pipe for one in others if one.told is None], TELL_S)
            _listen(others)
            on_epoch(own + sum(one.done for one in others))
        ran = ran.then(other.result())
    return ran


def _listen(others: Sequence[Beside]) -> None:
    for other in others:
        other.listen()


def serve(pipe: Connection) -> None:
    """The other end: one stretch, and what came of it."""
    try:
        work: Work = pipe.recv()
        Thread(target=_end_with, args=(pipe,), daemon=True).start()
        pipe.send(_run(work, pipe))
    except TapeError as error:
        pipe.send(Failure(one_line(error), error.exit_code))
    except (EOFError, BrokenPipeError):
        pass  # nobody waits for it any more


def _run(work: Work, pipe: Connection) -> Ran:
    log, codec = work.open()
    base, told_s = work.stretch.base, time.monotonic()
    assert base.snapshot is not None, "only the first stretch begins without one"
    body = Ledger(log, codec, work.shard).body(base.snapshot)
    stretch = replace(work.stretch, base=replace(base, body=body))

    def tell(done: int) -> None:
        nonlocal told_s
        if time.monotonic() - told_s > TELL_S:
            told_s = time.monotonic()
            pipe.send(done)

    return run_stretch(log, codec, work.shard, work.logic(), stretch, tell)


def _end_with(pipe: Connection) -> None:
    """Nothing more is ever sent to this process: what arrives is the socket's end."""
    pipe.poll(None)
    os._exit(0)


def main(socket: int) -> None:
    child.begin()
    code = 0
    try:
        serve(Connection(socket))
    except Exception:
        traceback.print_exc()
        code = 1
    sys.stderr.flush()
    os._exit(code)  # no reader's thread has anything that needs an end


if __name__ == "__main__":
    main(int(sys.argv[1]))
