"""Replay over the log in memory: equal where nothing changed, one finding where something did."""

from __future__ import annotations

import pytest

from connectors.epochs.model import Shard
from connectors.log.interface import Tp
from connectors.log.memory import MemoryLog
from replay.rerun import NothingRecorded, Verdict, rerun
from replay.tail import tail
from replay.times import EVERYTHING, Span
from tests.connectors.epochs import toy

START_MS, STEP_MS = 1_000_000, 10


def recorded_log(records: int = 400) -> MemoryLog:
    """Small epochs, several snapshots, two runs."""
    log = MemoryLog(toy.TOPICS)
    for half in range(2):
        for number in range(half * records // 2, (half + 1) * records // 2):
            toy.trade(log, number, START_MS + number * STEP_MS)
        toy.live(log, small())
    return log


def small() -> Shard:
    return toy.shard(records_max=10, snapshot_bytes_min=20_000, snapshot_factor=1)


def replayed(log: MemoryLog, span: Span = EVERYTHING, salt: str = "") -> Verdict:
    return rerun(log, toy.CODEC, small(), toy.ToyLogic(salt), span)


def test_an_unchanged_pipeline_gives_no_differences() -> None:
    log = recorded_log()
    verdict = replayed(log)
    assert verdict.clean
    assert (verdict.records, verdict.outputs) == (400, 400)
    assert verdict.from_sequence == 0
    assert verdict.snapshots > 2


def test_a_replay_writes_nothing() -> None:
    log = recorded_log()
    before = {tp: partition.end for tp, partition in log.partitions.items()}
    replayed(log)
    assert {tp: partition.end for tp, partition in log.partitions.items()} == before


def test_changed_logic_is_found_at_its_first_epoch_with_both_sides() -> None:
    verdict = replayed(recorded_log(), salt="changed")
    assert verdict.finding is not None
    assert (verdict.finding.sequence, verdict.finding.what) == (0, "outputs")
    first = verdict.finding.differences[0]
    assert first.recorded is not None
    assert first.rerun is not None
    assert first.recorded["target_qty"] != first.rerun["target_qty"]
    assert first.recorded["instrument"] == first.rerun["instrument"]


def test_a_changed_input_is_told_from_a_changed_output() -> None:
    log = recorded_log()
    partition = log.partitions[Tp(toy.TRADES, 0)]
    entry = partition.entries[5]
    assert entry.record is not None
    entry.record = entry.record._replace(timestamp_ms=entry.record.timestamp_ms + 1)
    verdict = replayed(log)
    assert verdict.finding is not None
    assert verdict.finding.what == "inputs"


def test_a_span_begins_at_the_nearest_earlier_snapshot() -> None:
    log = recorded_log()
    late = replayed(log, Span(START_MS + 300 * STEP_MS))
    assert late.clean
    assert late.from_snapshot
    assert late.from_sequence > 0
    assert 100 <= late.records < 400


def test_a_span_ends_before_its_end() -> None:
    early = replayed(recorded_log(), Span(None, START_MS + 100 * STEP_MS))
    assert early.clean
    assert early.records <= 100


def test_nothing_recorded_is_an_error() -> None:
    with pytest.raises(NothingRecorded):
        replayed(MemoryLog(toy.TOPICS))
    with pytest.raises(NothingRecorded):
        replayed(recorded_log(), Span(None, START_MS))


def test_tail_gives_every_committed_record_decoded() -> None:
    log = recorded_log(40)
    found = list(tail(log, toy.CODEC, toy.TARGETS))
    assert len(found) == 40
    assert found[0]["value"]["event"] == "TargetChanged"
    assert found[0]["headers"]["ce_id"].startswith("toy/md.trade.v1/")


def test_tail_selects_by_key_and_time() -> None:
    log = recorded_log(40)
    key = toy.INSTRUMENTS[0]
    found = list(tail(log, toy.CODEC, toy.TRADES, Span(START_MS + 100, START_MS + 200), key))
    assert {record["key"] for record in found} == {key}
    assert all(START_MS + 100 <= record["timestamp_ms"] < START_MS + 200 for record in found)
    assert found


def test_tail_shows_what_it_cannot_decode() -> None:
    log = MemoryLog(toy.TOPICS)
    record = toy.trade_record(1, START_MS)._replace(value=b"\0\0\0\0\1junk")
    log.append(record)
    [found] = tail(log, toy.CODEC, toy.TRADES)
    assert found["value"]["event"] is None
    assert found["value"]["error"]
