"""Snapshots: when they are due, how they travel, and that no other bytes are believed."""

from __future__ import annotations

import pytest

from connectors.epochs.errors import HistoryTrimmed, SnapshotCorrupt
from connectors.epochs.history import Ledger, history_since, read_history
from connectors.epochs.merge import DAY_MS
from connectors.epochs.model import Intent
from connectors.epochs.opening import open_session
from connectors.epochs.records import snapshot_ref
from connectors.epochs.snapshots import CHUNK_BYTES, EPOCH_BYTES, SnapshotClock, cut, join
from connectors.log.interface import Tp
from connectors.log.memory import MemoryLog
from schemas.events import StateSnapshotted
from tests.connectors.epochs import toy
from tests.connectors.epochs.crash import epochs, replay_history, snapshots
from tests.faults.oracle import examine

SNAPSHOTS = Tp("toy.snapshots.v1", 0)


class Heavy(toy.ToyLogic):
    """The same decisions over a state of 2.5 MB."""

    def dump(self, state: toy.Witness) -> bytes:
        return super().dump(state) + b" " * 2_500_000


def filled(records: int, start: int = 0) -> MemoryLog:
    log = MemoryLog(toy.TOPICS)
    append(log, start, records)
    return log


def append(log: MemoryLog, start: int, end: int, at_ms: int = 1_000) -> None:
    for number in range(start, end):
        log.append(toy.trade_record(number, at_ms + number))


@pytest.mark.parametrize(
    ("size", "input_bytes", "due"),
    [
        pytest.param(0, 9_999, False, id="below the floor"),
        pytest.param(0, 10_000, True, id="the floor"),
        pytest.param(2_000, 15_999, False, id="below the factor"),
        pytest.param(2_000, 16_000, True, id="the factor times its size"),
    ],
)
def test_due_by_the_input_since_the_last(size: int, input_bytes: int, due: bool) -> None:
    shard = toy.shard(snapshot_bytes_min=10_000, snapshot_factor=8)
    clock = SnapshotClock(shard, None)
    clock.taken(size)
    clock.count(input_bytes - EPOCH_BYTES)
    assert clock.due == due


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES])
def test_a_body_survives_being_cut(size: int) -> None:
    body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    chunks = cut(toy.shard(), 7, 1, body)
    ref = snapshot_ref(7, 1, body, len(chunks), 0, 0)
    assert max(len(c.body) for c in chunks) <= CHUNK_BYTES
    assert join(list(reversed(chunks)), ref) == body
    assert len(chunks) == 1 or join(chunks[1:], ref) is None


def test_a_state_of_several_chunks_is_restored() -> None:
    log = filled(40)
    toy.live(log, toy.shard(records_max=10), Heavy())
    assert {s.chunks for s in snapshots(log)} == {3}
    append(log, 40, 80)
    again = toy.live(log, toy.shard(records_max=10), Heavy())
    assert again.parts.base.body is not None
    assert len(again.parts.base.body) > 2_500_000
    assert examine(log).clean


def test_a_restart_reads_no_further_back_than_the_newest_snapshot() -> None:
    log = filled(400)
    toy.live(log, toy.shard(records_max=10, snapshot_bytes_min=20_000))
    shard = toy.shard()
    history = read_history(Ledger(log, toy.CODEC, shard), shard)
    assert history is not None
    assert history.epochs == []
    log.trim(shard.epochs, snapshots(log)[-1].epochs_floor)
    for tp in (Tp(toy.TRADES, p) for p in range(4)):
        log.trim(tp, log.bounds(tp)[1] // 2)
    append(log, 400, 440)
    assert toy.live(log, toy.shard()).progress.epochs_verified == 0


def chunk_entry(log: MemoryLog) -> int:
    """Where the newest chunk lies."""
    part = log.partitions[SNAPSHOTS]
    return max(offset for offset, _ in part.committed(0, part.end))


def test_a_changed_snapshot_is_refused() -> None:
    log = filled(20)
    toy.live(log)
    entry = log.partitions[SNAPSHOTS].entries[chunk_entry(log)]
    assert entry.record is not None
    chunk: StateSnapshotted = toy.CODEC.decode(entry.record.value)
    forged = chunk._replace(body=chunk.body.replace(b'"', b"'", 1))
    entry.record = entry.record._replace(value=toy.CODEC.encode(forged))
    with pytest.raises(SnapshotCorrupt, match="does not match the digest"):
        toy.live(log)


def test_a_missing_chunk_is_refused() -> None:
    log = filled(20)
    toy.live(log, None, Heavy())
    log.partitions[SNAPSHOTS].entries[chunk_entry(log)].record = None
    with pytest.raises(SnapshotCorrupt):
        toy.live(log, None, Heavy())


def test_a_trimmed_snapshot_is_refused() -> None:
    log = filled(20)
    toy.live(log)
    log.trim(SNAPSHOTS, log.bounds(SNAPSHOTS)[1])
    with pytest.raises(HistoryTrimmed, match=r"snapshot .* is gone"):
        toy.live(log)


def test_a_utc_day_begins_with_a_snapshot_also_while_live() -> None:
    log = MemoryLog(toy.TOPICS)
    append(log, 0, 5, DAY_MS - 1_000)
    more = iter([DAY_MS - 500, DAY_MS + 1, 2 * DAY_MS + 1])

    def until() -> bool:
        at_ms = next(more, None)
        if at_ms is not None:
            log.append(toy.trade_record(at_ms, at_ms))
        return at_ms is None

    session = open_session(log, toy.CODEC, toy.shard(), Intent(start="earliest"), until=until)
    toy.run(session, log)
    reasons = [e.reason for e in epochs(log)]
    assert reasons == ["INPUT", "INPUT", "SNAPSHOT", "INPUT", "SNAPSHOT", "INPUT", "STOP"]


def test_a_backlog_of_days_has_a_snapshot_at_each_midnight() -> None:
    log = MemoryLog(toy.TOPICS)
    for number in range(30):
        log.append(toy.trade_record(number, number * DAY_MS // 10 + 1))
    toy.live(log, toy.shard(records_max=4))
    taken = [e for e in epochs(log) if e.snapshot_taken]
    assert [e.reason for e in taken] == ["SNAPSHOT", "SNAPSHOT", "STOP"]
    last = epochs(log)[-1].sequence
    shard = toy.shard()
    ledger = Ledger(log, toy.CODEC, shard)
    assert taken[0].snapshot is not None
    second_day = history_since(ledger, shard, taken[0].snapshot)
    replay_history(log, shard, second_day)
    assert second_day.next_sequence == last + 1


def test_a_snapshot_is_taken_on_request() -> None:
    log = filled(20)

    def ask(name: str) -> None:
        if name == "committed" and session.sequence < 0:
            session.snapshot_requested = True

    session = open_session(
        log, toy.CODEC, toy.shard(records_max=8), Intent(start="earliest"), point=ask,
        until=lambda: True,
    )  # fmt: skip
    toy.run(session, log)
    assert [e.reason for e in epochs(log)][:3] == ["INPUT", "SNAPSHOT", "INPUT"]
