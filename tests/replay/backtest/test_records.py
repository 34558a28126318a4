"""What a backtest writes is encoded when the log is asked for, and is the same whenever that is."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.log.interface import OutRecord, Tp
from connectors.log.memory import MemoryLog
from pipelines.logic import Input, Output, Position
from replay.backtest.records import Records
from schemas.errors import EncodeError
from schemas.events import ClockTick, VenueStreamOpened

RAW = "venue.raw.v1"
CAUSE = Position("ops.clock.v1", 0, 7)


def opened(account: str, at_ns: Any) -> Output:
    event = VenueStreamOpened(account, "BINANCE", "backtest", at_ns)
    return Output(CAUSE, 5, RAW, account, event)


WRITTEN = [[opened("a", 1), opened("b", 2)], [opened("a", 3)], [opened("c", 4), opened("a", 5)]]


def kept(records: Records) -> list[Any]:
    return [records.of(tp) for tp in sorted(records.log.partitions)]


def test_a_record_lies_where_its_readers_were_told() -> None:
    records = Records()
    told = [one for outputs in WRITTEN for one in records.write("gateway", outputs)]
    assert [one.event.ts_recv_ns for one in told] == [1, 2, 3, 4, 5]
    assert [as_told(records.log, one) for one in told] == told


def as_told(log: MemoryLog, told: Input) -> Input:
    topic, partition, offset = told.position
    [message] = log.read(Tp(topic, partition), offset, offset + 1, 0)
    event = Records().codec.decode(message.value())
    return Input(told.position, message.timestamp()[1], message.key() or b"", event)


def test_when_the_log_is_asked_for_makes_no_difference() -> None:
    late, early = Records(), Records()
    for outputs in WRITTEN:
        at_end = late.write("gateway", outputs)
        assert early.write("gateway", outputs) == at_end
        assert early.log is early.log
    assert kept(early) == kept(late)
    assert early.digests() == late.digests()
    assert early.counts() == late.counts() == {RAW: 5}


def test_a_record_lies_behind_those_that_others_wrote() -> None:
    records = Records()
    [first] = records.write("gateway", [opened("a", 1)])
    topic, partition, _ = first.position
    records.log.append(OutRecord(topic, partition, b"a", b"", 5))
    [second] = records.write("gateway", [opened("a", 2)])
    assert (first.position.offset, second.position.offset) == (0, 2)


def test_what_cannot_be_encoded_is_said_when_the_log_is_asked_for() -> None:
    records = Records()
    records.write("gateway", [opened("a", "noon")])
    with pytest.raises(EncodeError, match="ts_recv_ns"):
        _ = records.log


def test_each_call_numbers_the_outputs_of_its_cause_anew() -> None:
    records = Records()
    for _ in range(2):
        records.write("control", [Output(CAUSE, 5, "ops.clock.v1", "", ClockTick(1))])
    first, second = records.of(Tp("ops.clock.v1", 0))
    assert first == second
