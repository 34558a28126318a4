"""`tape snapshot`: the running process is asked by a signal; a shard that does not run is
opened, re-run and closed.
"""

from __future__ import annotations

import os
import signal
import time

from connectors.epochs.bytewax_ends import run_flow
from connectors.epochs.history import Ledger
from connectors.epochs.model import Intent
from ops.processes.catalog import pipeline
from ops.processes.clients import codec_of, kafka_log
from ops.processes.lock import hold, owner
from ops.processes.run import open_pipeline, shard_of
from ops.settings import Settings
from schemas.errors import TapeError
from schemas.events import EpochCommitted, SnapshotRef

WAIT_S = 30.0


class NoSnapshot(TapeError):
    """The process that was asked did not write one in time."""


def take_snapshot(name: str, number: int, shards: int, settings: Settings) -> SnapshotRef:
    """The newest snapshot, written now. Raises `TapeError`."""
    runs = owner(settings.run_dir, f"{name}-{number}")
    if runs is not None and not runs.brief:
        return asked(runs.pid, name, number, shards, settings)
    with hold(settings.run_dir, f"{name}-{number}", brief=True):
        session, flow = open_pipeline(name, number, shards, Intent(), settings)
        session.stop_requested = True
        run_flow(flow, session)
    assert session.snapshot is not None, "a stop takes a snapshot"
    return session.snapshot


def asked(pid: int, name: str, number: int, shards: int, settings: Settings) -> SnapshotRef:
    """Signals the process and waits for a snapshot newer than the one there was."""
    log, codec = kafka_log(settings), codec_of(settings)
    shard = shard_of(pipeline(name, settings), number, shards, settings)

    def newest() -> SnapshotRef | None:
        events = [r.event for r in Ledger(log, codec, shard).tail()]
        return next((e.snapshot for e in reversed(events) if isinstance(e, EpochCommitted)), None)

    before, limit = newest(), time.monotonic() + WAIT_S
    os.kill(pid, signal.SIGUSR1)
    while time.monotonic() < limit:
        now = newest()
        if now is not None and now != before:
            return now
        time.sleep(0.1)
    raise NoSnapshot(f"{name}-{number} (process {pid}) wrote no snapshot within {WAIT_S:.0f} s")
