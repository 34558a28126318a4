"""Snapshots in the middle of the books of 100 instruments, with the real market logic.

Whatever the restart begins with, the rest is the same. On a broker: `market_on_broker.py`.
"""

from __future__ import annotations

from dataclasses import replace

from connectors.epochs.history import Ledger, history_from_start, history_since
from connectors.epochs.parts import Parts
from connectors.epochs.session import Session
from connectors.epochs.verify import Verifier
from tests.connectors.epochs import toy
from tests.connectors.epochs.market_books import (
    INSTRUMENTS,
    ROUNDS,
    SHARD,
    live,
    outputs,
    recorded,
    run,
)


def test_every_snapshot_leads_to_the_same_rest() -> None:
    log = recorded()
    live(log)
    ledger = Ledger(log, toy.CODEC, SHARD)
    taken = [e.snapshot for e in history_from_start(ledger, SHARD).epochs if e.snapshot_taken]
    assert len(taken) > 5
    assert max(ref.size for ref in taken if ref) > 10_000
    for ref in taken:
        assert ref is not None
        history = history_since(ledger, SHARD, ref)
        verifier = Verifier(toy.CODEC, SHARD)
        session = Session(Parts(log, toy.CODEC, SHARD, history.base, history.epochs, verifier))
        run(session)
        assert session.progress.epochs_verified == len(history.epochs)


def test_restarts_between_epochs_change_nothing() -> None:
    """Stopped and started again after every 300 records, the outputs are those of one run."""
    whole, pieces = recorded(), recorded()
    live(whole, replace(SHARD, records_max=100_000))
    waiting = {tp: part.entries for tp, part in pieces.partitions.items() if part.entries}
    for part in (pieces.partitions[tp] for tp in waiting):
        part.entries = []
    while any(waiting.values()):
        for tp, entries in waiting.items():
            pieces.partitions[tp].entries += entries[:75]
            waiting[tp] = entries[75:]
        live(pieces)
    assert len(outputs(whole)) > 2 * INSTRUMENTS * ROUNDS
    assert outputs(pieces) == outputs(whole)
