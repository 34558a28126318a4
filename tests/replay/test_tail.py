"""What is shown of any record, and of a topic that is not there the nearest name."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.log.errors import TopicMissing
from connectors.log.interface import OutRecord
from connectors.log.memory import MemoryLog
from pipelines.batches import local_codec
from replay.tail import tail
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
