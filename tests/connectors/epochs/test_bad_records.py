"""Values that cannot be read become dead letters with position and bytes; the epoch goes on."""

from __future__ import annotations

import pytest

from connectors.log.interface import OutRecord, Tp
from connectors.log.memory import MemoryLog
from schemas.events import DeadLettered
from tests.connectors.epochs import toy
from tests.connectors.epochs.crash import replay

GOOD = toy.trade_record(1, 1_001)
UNKNOWN_ID = b"\0\0\0\0\7" + GOOD.value[5:]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        pytest.param(UNKNOWN_ID, "UNKNOWN_SCHEMA", id="unknown schema id"),
        pytest.param(GOOD.value[:-3], "UNDECODABLE", id="cut short"),
        pytest.param(GOOD.value[:3], "UNDECODABLE", id="shorter than a frame"),
        pytest.param(b"", "UNDECODABLE", id="empty"),
        pytest.param(b"\1" + GOOD.value[1:], "UNDECODABLE", id="another magic byte"),
    ],
)
def test_a_value_that_cannot_be_read_is_a_dead_letter(value: bytes, reason: str) -> None:
    log = MemoryLog({**toy.TOPICS, **toy.DEAD_LETTERS})
    log.append(toy.trade_record(0, 1_000, toy.INSTRUMENTS[1]))
    bad = log.append(OutRecord(toy.TRADES, GOOD.partition, GOOD.key, value, 1_000))
    log.append(toy.trade_record(2, 1_002, toy.INSTRUMENTS[1]))
    toy.live(log)
    [letter] = toy.committed(log, f"{toy.TRADES}.dlq")
    assert isinstance(letter, DeadLettered)
    assert (letter.reason, letter.original) == (reason, value)
    assert (letter.topic, letter.partition, letter.offset) == (toy.TRADES, GOOD.partition, bad)
    assert len(toy.ids(log)) == 2
    replay(log)


def test_a_deleted_value_is_a_dead_letter() -> None:
    """A tombstone, as compaction tools write them: no value at all."""
    log = MemoryLog({**toy.TOPICS, **toy.DEAD_LETTERS})
    log.append(OutRecord(toy.TRADES, 0, b"k", None, 1_000))  # type: ignore[arg-type]
    toy.live(log)
    assert [e.original for e in toy.committed(log, f"{toy.TRADES}.dlq")] == [b""]
    assert log.partitions[Tp(toy.TRADES, 0)].end == 1
    replay(log)
