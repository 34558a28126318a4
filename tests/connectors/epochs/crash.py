"""Crashes, zombies and replays of toy sessions on the in-memory log.

A crash is an exception out of the protocol's `point`: nothing after it runs, what was written stays
as it is, an open transaction included.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from connectors.epochs.boundaries import Carrying, accepted_in
from connectors.epochs.errors import Diverged
from connectors.epochs.history import Ledger, history_from_start, history_since
from connectors.epochs.model import History, Shard
from connectors.epochs.parts import Parts
from connectors.epochs.session import Session
from connectors.epochs.verify import Verifier
from connectors.log.memory import MemoryLog
from schemas.events import EpochCommitted, SnapshotRef
from tests.connectors.epochs import toy


class Killed(Exception):
    """The process is gone."""


class At:
    """A `point` that acts the n-th time a name comes by (from 0); counts all names."""

    def __init__(self, name: str = "", number: int = 0, act: Callable[[], None] | None = None):
        self.name, self.number, self.act = name, number, act
        self.seen: Counter[str] = Counter()

    def __call__(self, name: str) -> None:
        number = self.seen[name]
        self.seen[name] += 1
        if (name, number) == (self.name, self.number):
            if self.act is None:
                raise Killed(name)
            self.act()


def survives(run: Callable[[], object]) -> bool:
    """Whether a run came to its end rather than being killed."""
    try:
        run()
    except Exception as error:
        if any(isinstance(e, Killed) for e in causes(error)):
            return False
        raise
    return True


def exit_of(run: Callable[[], object]) -> str:
    """The exit a run ended with, as `exit 70`; empty where it came to its end."""
    try:
        run()
    except Exception as error:
        texts = [str(cause) for cause in causes(error)]
        return next(text[:7] for text in texts if text.startswith("exit "))
    return ""


def causes(error: BaseException | None) -> list[BaseException]:
    found = []
    while error is not None:
        found.append(error)
        error = error.__cause__
    return found


def replay(log: MemoryLog, which: Shard | None = None, ref: SnapshotRef | None = None) -> Session:
    """A new session over what is recorded, from the beginning or a snapshot, every digest
    compared.
    """
    shard = which or toy.shard()
    return replay_history(log, shard, recorded(log, shard, ref))


def recorded(log: MemoryLog, shard: Shard, ref: SnapshotRef | None = None) -> History:
    ledger = Ledger(log, toy.CODEC, shard)
    return history_since(ledger, shard, ref) if ref else history_from_start(ledger, shard)


def replay_history(
    log: MemoryLog, shard: Shard, history: History, logic: toy.ToyLogic | None = None
) -> Session:
    verifier = Verifier(toy.CODEC, shard)
    carry = Carrying(accepted=accepted_in(history.epochs))
    parts = Parts(log, toy.CODEC, shard, history.base, history.epochs, verifier, carry=carry)
    session = Session(parts)
    toy.run(session, log, logic)
    assert session.progress.epochs_verified == len(history.epochs)
    return session


def snapshots(log: MemoryLog, which: Shard | None = None) -> list[SnapshotRef]:
    """Every snapshot a shard took."""
    epochs = recorded(log, which or toy.shard()).epochs
    return [e.snapshot for e in epochs if e.snapshot_taken and e.snapshot]


def epochs(log: MemoryLog, which: Shard | None = None) -> list[EpochCommitted]:
    return recorded(log, which or toy.shard()).epochs


def first_difference(run: Callable[[], object]) -> Diverged | None:
    """The finding of a replay, None where there is none."""
    try:
        run()
    except Diverged as finding:
        return finding
    return None
