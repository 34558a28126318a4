"""Who is alive by the log: every process by its own sign, within its own time."""

from __future__ import annotations

from connectors.log.interface import OutRecord
from connectors.log.memory import MemoryLog
from ops.alive import SIGNS, Life, lives

NOW_MS = 1_000_000


def log_of(*records: tuple[str, int, str, int]) -> MemoryLog:
    """Records by topic, partition, key and age."""
    log = MemoryLog({sign.topic: 4 for sign in SIGNS})
    for topic, partition, key, age_ms in records:
        log.append(OutRecord(topic, partition, key.encode(), b"", NOW_MS - age_ms))
    return log


def test_nobody_ran_yet() -> None:
    assert lives(log_of(), NOW_MS) == []
    assert lives(MemoryLog({}), NOW_MS) == []


def test_risk_is_missed_within_two_seconds() -> None:
    """Its limit leaves a tenth of a second to look."""
    [limit_ms] = [sign.age_ms_max for sign in SIGNS if sign.process == "risk"]
    assert limit_ms + 100 <= 2_000
    log = log_of(("ops.clock.v1", 0, "", 200), ("risk.epochs.v1", 0, "0", 1_900))
    assert lives(log, NOW_MS) == [Life("clock", "0", 200, True), Life("risk", "0", 1_900, True)]
    assert lives(log, NOW_MS + 1)[1] == Life("risk", "0", 1_901, False)
    assert lives(log, NOW_MS + 100)[1] == Life("risk", "0", 2_000, False)


def test_each_shard_and_each_account_is_one_process() -> None:
    log = log_of(
        ("market.epochs.v1", 0, "0", 9_000),
        ("market.epochs.v1", 0, "0", 100),
        ("market.epochs.v1", 2, "2", 5_000),
        ("oms.order-event.v1", 1, "sim-1", 2_900),
        ("oms.order-event.v1", 1, "sim-2", 3_100),
        ("venue.snapshot.v1", 3, "sim-1", 7_900),
    )
    assert lives(log, NOW_MS) == [
        Life("market", "0", 100, True),
        Life("market", "2", 5_000, False),
        Life("gateway", "sim-1", 2_900, True),
        Life("gateway", "sim-2", 3_100, False),
        Life("venue-watch", "sim-1", 7_900, True),
    ]


def test_what_is_not_committed_is_no_sign_of_life() -> None:
    log = log_of(("risk.epochs.v1", 0, "0", 5_000))
    writer = log.writer("risk-0")
    writer.fence()
    writer.begin()
    writer.send([OutRecord("risk.epochs.v1", 0, b"0", b"", NOW_MS)])
    assert lives(log, NOW_MS) == [Life("risk", "0", 5_000, False)]
    writer.commit()
    assert lives(log, NOW_MS) == [Life("risk", "0", 0, True)]
