"""The epoch protocol on the in-memory log, through real Bytewax flows."""

from __future__ import annotations

from connectors.log.memory import MemoryLog
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
