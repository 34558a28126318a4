"""What is shown of any record, and of a topic that is not there the nearest name."""

from __future__ import annotations

import itertools
import time
from collections.abc import Mapping
from typing import Any

import pytest

from connectors.log.errors import TopicMissing
from connectors.log.interface import Message, OutRecord, Tp
from connectors.log.memory import MemoryLog, MemoryReader
from pipelines.batches import local_codec
from replay.tail import tail
from replay.times import Span
from schemas.events import ClockTick

CLOCK = "ops.clock.v1"


@pytest.mark.parametrize(
    ("topic", "says"),
    [
        pytest.param("md.trad.v1", "did you mean md.trade.v1", id="misspelt"),
        pytest.param("", "there is no topic ''", id="empty"),
        pytest.param("zzz", "there is no topic 'zzz', on the log", id="nothing near"),
        pytest.param("md.trade.v1", "^(?!there is no topic)", id="not made yet"),
    ],
)
def test_a_topic_that_is_not_there_is_named(topic: str, says: str) -> None:
    with pytest.raises(TopicMissing, match=says):
        next(tail(MemoryLog({}), local_codec(), topic))


def test_records_without_a_value_or_with_an_empty_header_are_shown_like_any_other() -> None:
    log, codec = MemoryLog({CLOCK: 1}), local_codec()
    headers: Any = [("a", None), ("b", b"text")]
    values: list[Any] = [None, b"torn", codec.encode(ClockTick(7))]
    for value in values:
        log.append(OutRecord(CLOCK, 0, b"", value, 1, headers))
    found = list(tail(log, codec, CLOCK))
    assert [one["offset"] for one in found] == [0, 1, 2]
    assert [one["headers"] for one in found] == [{"a": None, "b": "text"}] * 3
    errors = [one["value"].get("error") for one in found]
    assert errors == ["no value: a tombstone", "no schema frame: 4 bytes, head 746f726e", None]
    assert found[2]["value"] == {"event": "ClockTick", "ts_ns": 7}


class Impatient(MemoryLog):
    """Fails where it is followed without end."""

    def reader(self, positions: Mapping[Tp, int]) -> MemoryReader:
        reader, polls = super().reader(positions), itertools.count()
        poll = reader.poll

        def counted(max_records: int, timeout_s: float) -> Mapping[Tp, list[Message]]:
            assert next(polls) < 1_000, "it never ends"
            return poll(max_records, timeout_s)

        reader.poll = counted  # type: ignore[method-assign]
        return reader


def say(log: MemoryLog, partition: int, *times_ms: int) -> None:
    for at_ms in times_ms:
        value = local_codec().encode(ClockTick(at_ms))
        log.append(OutRecord(CLOCK, partition, b"", value, at_ms))


def test_what_is_followed_ends_with_the_records_of_the_end() -> None:
    log, to_ms = Impatient({CLOCK: 2}), time.time_ns() // 1_000_000 + 3_600_000
    say(log, 0, 1)
    found = tail(log, local_codec(), CLOCK, Span(0, to_ms), follow=True)
    assert next(found)["timestamp_ms"] == 1
    say(log, 0, 2, to_ms, 3)
    say(log, 1, 4)
    assert [next(found)["timestamp_ms"] for _ in range(2)] == [2, 4]
    say(log, 1, to_ms + 1)
    assert list(found) == []


def test_what_is_followed_ends_when_the_clock_says_so() -> None:
    log, now_ms = Impatient({CLOCK: 2}), [10]
    clock = lambda: now_ms[0] * 1_000_000  # noqa: E731
    found = tail(log, local_codec(), CLOCK, Span(0, 20), follow=True, now_ns=clock)
    say(log, 0, 11)
    assert next(found)["timestamp_ms"] == 11
    say(log, 1, 12)
    now_ms[0] = 20
    assert [one["timestamp_ms"] for one in found] == [12]
