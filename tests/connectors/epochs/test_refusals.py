"""What a shard refuses to start from: each with one clear line, none taken for a first start."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from connectors.epochs.errors import (
    FirstStartMissing,
    HistoryBroken,
    HistoryTrimmed,
    PartitionsChanged,
)
from connectors.epochs.model import Shard
from connectors.log.errors import OffsetsGone, TopicMissing, TransactionHangs
from connectors.log.interface import OutRecord, Tp
from connectors.log.memory import Entry, MemoryLog
from schemas.events import EpochCommitted
from tests.connectors.epochs import toy
from tests.connectors.epochs.crash import At, survives

EPOCHS = Tp("toy.epochs.v1", 0)
SHARD = toy.shard(records_max=10)


def run_before(snapshot: bool = True) -> MemoryLog:
    """A log on which the shard ran; without a snapshot it was killed."""
    log = MemoryLog(toy.TOPICS)
    for number in range(60):
        log.append(toy.trade_record(number, 1_000 + number))
    if snapshot:
        toy.live(log, SHARD)
    else:
        assert not survives(lambda: toy.live(log, SHARD, point=At("epoch-cut", 4)))
    return log


def trim_everything(log: MemoryLog) -> None:
    log.trim(EPOCHS, log.bounds(EPOCHS)[1])


def trim_the_beginning(log: MemoryLog) -> None:
    log.trim(EPOCHS, 3)


def recreate(log: MemoryLog) -> None:
    """As if the topic had been deleted and made again."""
    log.partitions[EPOCHS].entries.clear()
    log.partitions[EPOCHS].settled = 0
    log.commit_group("tape.toy", {Tp(toy.TRADES, 0): 5})


@pytest.mark.parametrize(
    ("snapshot", "harm", "words"),
    [
        pytest.param(True, trim_everything, "lost its beginning", id="all epochs trimmed"),
        pytest.param(False, trim_the_beginning, "lost its beginning", id="beginning trimmed"),
        pytest.param(True, recreate, "its history is gone", id="topic made anew"),
    ],
)
def test_trimmed_history_is_no_first_start(
    snapshot: bool, harm: Callable[[MemoryLog], None], words: str
) -> None:
    log = run_before(snapshot)
    harm(log)
    with pytest.raises(HistoryTrimmed, match=words):
        toy.live(log, SHARD)


def test_the_epoch_of_the_newest_snapshot_must_be_there() -> None:
    log = run_before()
    ref = epoch_entries(log)[-1][1].snapshot
    assert ref is not None
    log.trim(EPOCHS, ref.epochs_floor)
    for number in range(60, 80):
        log.append(toy.trade_record(number, 1_000 + number))
    assert not survives(lambda: toy.live(log, SHARD, point=At("committed", 1)))
    log.trim(EPOCHS, log.bounds(EPOCHS)[1] - 2)
    with pytest.raises(HistoryTrimmed, match="is no longer on the log"):
        toy.live(log, SHARD)


def test_a_first_start_is_explicit() -> None:
    with pytest.raises(FirstStartMissing, match="--from earliest"):
        toy.live(MemoryLog(toy.TOPICS), SHARD, start=None)


@pytest.mark.parametrize(
    ("start", "read"), [("earliest", 60), ("latest", 0), (1_030, 30), (10**12, 0)]
)
def test_a_first_start_begins_where_it_is_told(start: str | int, read: int) -> None:
    log = MemoryLog(toy.TOPICS)
    for number in range(60):
        log.append(toy.trade_record(number, 1_000 + number))
    assert toy.live(log, SHARD, start=start).progress.records == read


@pytest.mark.parametrize(
    "other", [toy.shard(0, 2), toy.shard(0, 4)], ids=["two shards", "four shards"]
)
def test_another_number_of_shards_is_refused(other: Shard) -> None:
    with pytest.raises(PartitionsChanged, match=r"md\.trade\.v1/"):
        toy.live(run_before(), other)


def test_another_number_of_partitions_is_refused() -> None:
    log = run_before()
    log.partitions[Tp(toy.TRADES, 4)] = log.partitions[Tp(toy.TARGETS, 0)].__class__()
    with pytest.raises(PartitionsChanged, match=r"md\.trade\.v1/4"):
        toy.live(log, SHARD)


def test_a_new_shard_after_a_change_of_their_number_is_refused() -> None:
    with pytest.raises(HistoryTrimmed, match="number of shards changed"):
        toy.live(run_before(), toy.shard(1, 2))


def epoch_entries(log: MemoryLog) -> list[tuple[Entry, EpochCommitted]]:
    found = []
    for entry in log.partitions[EPOCHS].entries:
        event = toy.CODEC.decode(entry.record.value) if entry.record else None
        if isinstance(event, EpochCommitted):
            found.append((entry, event))
    return found


def test_a_changed_epoch_breaks_the_chain() -> None:
    log = run_before(snapshot=False)
    entry, epoch = epoch_entries(log)[2]
    assert entry.record is not None
    forged = toy.CODEC.encode(epoch._replace(output_count=9))
    entry.record = entry.record._replace(value=forged)
    with pytest.raises(HistoryBroken, match="hash chain breaks at epoch 2"):
        toy.live(log, SHARD)


def test_a_missing_epoch_breaks_the_history() -> None:
    log = run_before(snapshot=False)
    epoch_entries(log)[2][0].record = None
    with pytest.raises(HistoryBroken, match="epoch 3 follows epoch 1"):
        toy.live(log, SHARD)


def test_input_out_of_retention_is_an_error_not_a_jump() -> None:
    log = run_before(snapshot=False)
    for p in range(4):
        log.trim(Tp(toy.TRADES, p), 2)
    with pytest.raises(OffsetsGone, match="retention"):
        toy.live(log, SHARD)


def test_a_hanging_transaction_is_named() -> None:
    log = run_before()
    stranger = log.writer("a-stranger")
    stranger.fence()
    stranger.begin()
    stranger.send([OutRecord(*EPOCHS, b"", b"", 0)])
    with pytest.raises(TransactionHangs, match=r"toy\.epochs\.v1/0.*left open"):
        toy.live(log, SHARD)


def test_another_shards_hanging_transaction_is_no_concern() -> None:
    log = MemoryLog(toy.TOPICS)
    for number in range(60):
        log.append(toy.trade_record(number, 1_000 + number))
    for number in range(2):
        toy.live(log, toy.shard(number, 2))
    stuck = log.writer("toy-1")
    stuck.fence()
    stuck.begin()
    stuck.send([OutRecord("toy.epochs.v1", 1, b"", b"", 0)])
    stuck.send([OutRecord(toy.TARGETS, p, b"", b"", 0) for p in range(4)])
    for number in range(60, 120):
        log.append(toy.trade_record(number, 1_000 + number))
    assert toy.live(log, toy.shard(0, 2)).progress.records > 0


@pytest.mark.parametrize("topic", list(toy.TOPICS))
def test_a_missing_topic_is_named(topic: str) -> None:
    topics = {name: count for name, count in toy.TOPICS.items() if name != topic}
    log = MemoryLog(topics)
    if topic != toy.TRADES:
        log.append(toy.trade_record(1, 1_000))
    with pytest.raises(TopicMissing, match=f"topic {topic} is missing"):
        toy.live(log, SHARD)
