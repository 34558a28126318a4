"""The epoch protocol on the in-memory log, through real Bytewax flows."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace

import pytest

from connectors.epochs import session as sessions
from connectors.epochs.model import Intent
from connectors.epochs.opening import open_session
from connectors.epochs.supply import Supply
from connectors.log.memory import MemoryLog
from connectors.metrics.epochs import Committed
from tests.connectors.epochs import toy


def test_first_run_commits_every_input_once() -> None:
    log = MemoryLog(toy.TOPICS)
    for number in range(100):
        toy.trade(log, number, 1_000 + number)
    session = toy.live(log)
    assert session.progress.records == 100
    assert len(toy.committed(log, toy.TARGETS)) == 100
    assert len(set(toy.ids(log))) == 100


def test_second_run_replays_what_the_first_recorded() -> None:
    log = MemoryLog(toy.TOPICS)
    for number in range(100):
        toy.trade(log, number, 1_000 + number)
    toy.live(log, toy.shard(records_max=7, snapshot_bytes_min=20_000))
    again = toy.live(log, toy.shard(records_max=7))
    assert again.progress.records == 0
    assert len(toy.committed(log, toy.TARGETS)) == 100


def test_an_epoch_begins_once_its_records_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """How long a pipeline waited for them is no part of what its figures call an epoch."""
    log, now_s, lasted_s = MemoryLog(toy.TOPICS), [0.0], list[float]()
    toy.trade(log, 1, 1_000)
    session = open_session(log, toy.CODEC, toy.shard(), Intent("earliest"), until=lambda: True)
    ready = session._supply.ready

    def waits(_: Supply) -> Sequence[int] | None:
        now_s[0] += 10.0
        return ready()

    class Watch:
        def committed(self, done: Committed) -> None:
            lasted_s.append(now_s[0] - done.began_s)

        def verified(self) -> None:
            pass

    clock = SimpleNamespace(monotonic=lambda: now_s[0], sleep=lambda _: None)
    monkeypatch.setattr(sessions, "time", clock)
    monkeypatch.setattr(Supply, "ready", waits)
    session.parts.observers = (Watch(),)
    toy.run(session, log)
    assert now_s[0] >= 10.0
    assert set(lasted_s) == {0.0}
