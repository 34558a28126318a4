"""Large epochs of a re-run are read while the one before is decided: the same records, fewer that
were left out, and an end that waits for nothing.
"""

from __future__ import annotations

import math
from threading import current_thread

import pytest

from connectors.epochs import intake, supply
from connectors.epochs.model import Skip
from connectors.epochs.runs import Slice
from connectors.epochs.supply import Supply
from connectors.log.memory import MemoryLog
from pipelines.logic import ROWS_MAX, PoisonRecord
from replay.rerun import rerun
from schemas.events import EpochCommitted
from tests.connectors.epochs import toy
from tests.connectors.epochs.crash import epochs, recorded, replay_history

SHARD = toy.shard(records_max=ROWS_MAX)
POISON = toy.ToyLogic(poison="1000")


def filled(count: int) -> MemoryLog:
    log = MemoryLog(toy.TOPICS)
    for number in range(count):
        toy.trade(log, number, 1_000 + number)
    return log


def ahead() -> bool:
    return current_thread().name.startswith("tape-ahead")


def test_the_next_epoch_is_read_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    """But for small ones: they go row by row, and rows gain nothing from a thread."""
    log, read, taken = filled(4 * ROWS_MAX + 1), Supply.recorded, list[tuple[int, bool]]()
    toy.live(log, SHARD)

    def noted(self: Supply, epoch: EpochCommitted) -> list[Slice]:
        taken.append((epoch.sequence, ahead()))
        return read(self, epoch)

    monkeypatch.setattr(Supply, "recorded", noted)
    verdict = rerun(log, toy.CODEC, SHARD, toy.ToyLogic())
    assert verdict.clean
    assert verdict.records == 4 * ROWS_MAX + 1
    sizes = [sum(r.count for r in e.inputs) for e in epochs(log)]
    assert taken == [(n, n > 0 and size >= ROWS_MAX) for n, size in enumerate(sizes)]


def test_a_skipped_record_stays_out_of_an_epoch_read_ahead() -> None:
    log = filled(4 * ROWS_MAX)
    with pytest.raises(PoisonRecord) as found:
        toy.live(log, SHARD, POISON)
    toy.live(log, SHARD, POISON, skip=Skip(found.value.position, "a price of zero"))
    assert len(toy.ids(log)) == 4 * ROWS_MAX - 1
    replay_history(log, SHARD, recorded(log, SHARD), POISON)
    assert rerun(log, toy.CODEC, SHARD, POISON).clean


def test_a_difference_is_told_though_the_next_epoch_cannot_be_had(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    log, poll = filled(2 * ROWS_MAX), Supply._poll
    toy.live(log, SHARD)
    waits = list[bool]()

    def held(self: Supply, timeout_s: float) -> bool:
        waits.append(ahead())
        return not waits[-1] and poll(self, timeout_s)

    monkeypatch.setattr(intake, "CHUNK_RECORDS", 10)
    monkeypatch.setattr(supply, "STALL_S", math.inf)
    monkeypatch.setattr(supply, "POLL_S", 0.0)
    monkeypatch.setattr(Supply, "_poll", held)
    verdict = rerun(log, toy.CODEC, SHARD, toy.ToyLogic(salt="other"))
    assert verdict.finding is not None
    assert verdict.finding.sequence == 0
    assert any(waits), "for the next epoch"
