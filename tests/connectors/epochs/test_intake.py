"""The intake: the same records with a thread as without, never knowledge ahead of the records.

The reader here is the in-memory log's. Nothing sleeps: a poll waits for the thread's news.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from threading import Event

import pytest

from connectors.epochs import intake
from connectors.epochs.intake import Intake, ThreadedIntake
from connectors.epochs.intake_process import ProcessIntake
from connectors.epochs.runs import Run, run_of
from connectors.log.errors import OffsetsGone
from connectors.log.interface import Message, OutRecord, Tp
from connectors.log.memory import MemoryLog, MemoryReader, Partition

TPS = [Tp("t", 0), Tp("t", 1)]
PATIENCE_S = 5.0


class Waiting(MemoryReader):
    """A reader of the in-memory log that is polled in a thread; `gate` lets it go on."""

    def __init__(self, log: MemoryLog, positions: Mapping[Tp, int]) -> None:
        super().__init__(log, positions)
        self.gate, self.polls = Event(), 0
        self.gate.set()

    def poll(self, max_records: int, timeout_s: float) -> Mapping[Tp, list[Message]]:
        assert self.gate.wait(PATIENCE_S)
        self.polls += 1
        return super().poll(max_records, timeout_s)


def log_of(counts: Sequence[int]) -> MemoryLog:
    log = MemoryLog({"t": len(counts)})
    for partition, count in enumerate(counts):
        for number in range(count):
            log.append(OutRecord("t", partition, b"k%d" % number, b"v%d" % number, number))
    return log


def everything(source: Intake[Run] | ProcessIntake[Run], count: int) -> dict[Tp, list[Run]]:
    found: dict[Tp, list[Run]] = {tp: [] for tp in TPS}
    while sum(run.length for runs in found.values() for run in runs) < count:
        for tp, run in source.poll(PATIENCE_S):
            found[tp].append(run)
    return found


def columns(runs: list[Run]) -> list[tuple[int, bytes, bytes, int]]:
    return [
        row
        for r in runs
        for row in zip(r.offsets, r.keys, r.plain_values(), r.timestamps, strict=True)
    ]


def test_a_thread_brings_the_same_records() -> None:
    log, positions = log_of([7_000, 5_000]), {TPS[0]: 10, TPS[1]: 0}
    threaded = ThreadedIntake(Waiting(log, positions), positions, run_of)
    inline = Intake(MemoryReader(log, positions), positions, run_of)
    brought, wanted = everything(threaded, 11_990), everything(inline, 11_990)
    threaded.close()
    assert {tp: columns(runs) for tp, runs in brought.items()} == {
        tp: columns(runs) for tp, runs in wanted.items()
    }


def test_an_end_is_not_known_before_the_records_in_front_of_it() -> None:
    log, positions = log_of([100, 100]), dict.fromkeys(TPS, 0)
    reader = Waiting(log, positions)
    source = ThreadedIntake(reader, positions, run_of)
    while reader.polls < 3:  # the reader itself has seen both ends by now
        assert source._thread.is_alive()
    assert all(source.has_backlog(tp, 0) for tp in TPS)
    everything(source, 200)
    assert not any(source.has_backlog(tp, 100) for tp in TPS)
    assert [source.end_seen(tp, 100) for tp in TPS] == [100, 100]
    source.close()


def test_an_error_comes_after_the_records_before_it() -> None:
    log, positions = log_of([50, 0]), dict.fromkeys(TPS, 0)
    reader = Waiting(log, positions)
    source = ThreadedIntake(reader, positions, run_of)
    everything(source, 50)
    log.trim(TPS[1], 1)
    with pytest.raises(OffsetsGone):
        everything(source, 1)
    with pytest.raises(OffsetsGone):
        source.poll(0.0)
    source.close()


def test_what_goes_amid_a_poll_is_an_error_and_never_passed_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A trim by another thread, at the moment when the end is read: no offset below is skipped."""
    log, stable_end = log_of([0, 0]), Partition.stable_end
    source = Intake(MemoryReader(log, dict.fromkeys(TPS, 0)), dict.fromkeys(TPS, 0), run_of)

    def trimmed(partition: Partition) -> int:
        partition.low = 1
        return stable_end(partition)

    monkeypatch.setattr(Partition, "stable_end", trimmed)
    for _ in range(2):
        with pytest.raises(OffsetsGone):
            source.poll(0.0)


def test_a_thread_reads_no_further_than_its_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "AHEAD_RECORDS", 100)
    monkeypatch.setattr(intake, "CHUNK_RECORDS", 40)
    log, positions = log_of([1_000, 0]), dict.fromkeys(TPS, 0)
    reader = Waiting(log, positions)
    source = ThreadedIntake(reader, positions, run_of)
    while reader.polls < 3:
        assert source._thread.is_alive()
    brought = [run.length for _, run in source.poll(PATIENCE_S)]
    assert sum(brought) <= 140
    source.close()


def test_a_held_partition_is_not_read() -> None:
    log, positions = log_of([10, 10]), dict.fromkeys(TPS, 0)
    source = Intake(MemoryReader(log, positions), positions, run_of)
    source.hold([TPS[0]])
    assert [tp for tp, _ in source.poll(0.0)] == [TPS[1]]
    source.hold([])
    assert [tp for tp, _ in source.poll(0.0)] == [TPS[0]]


def test_closing_ends_the_thread() -> None:
    positions = dict.fromkeys(TPS, 0)
    source = ThreadedIntake(Waiting(log_of([90_000, 0]), positions), positions, run_of)
    assert source._thread.is_alive()
    source.close()
    assert not source._thread.is_alive()
