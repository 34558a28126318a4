"""What of several partitions comes first."""

from __future__ import annotations

import pytest

from connectors.log.interface import OutRecord, Tp
from connectors.log.memory import MemoryLog
from connectors.log.places import WRITTEN_HEADER, as_written, written_ms


def test_records_follow_each_other_as_written_and_never_overtake_in_a_partition() -> None:
    log = MemoryLog({"a": 1, "b": 1})
    times = {"a": [10, 30, 20], "b": [30, 15, 31]}  # whose clocks were set back
    for topic, stamps in times.items():
        for ms in stamps:
            log.append(OutRecord(topic, 0, b"", str(ms).encode(), ms))
    found = {topic: log.read(Tp(topic, 0), 0, 3, 1.0) for topic in times}
    said = [f"{place}{message.value().decode()}" for place, message in as_written(found)]
    assert said == ["a10", "a30", "a20", "b30", "b15", "b31"]


def test_what_took_over_an_old_time_comes_when_it_was_written() -> None:
    log = MemoryLog({"a": 1, "b": 1})
    log.append(OutRecord("a", 0, b"", b"late", 10, [(WRITTEN_HEADER, b"25")]))
    log.append(OutRecord("a", 0, b"", b"next", 20))
    for ms in (15, 30):
        log.append(OutRecord("b", 0, b"", str(ms).encode(), ms))
    found = {topic: log.read(Tp(topic, 0), 0, 2, 1.0) for topic in ("a", "b")}
    assert [m.value() for _, m in as_written(found)] == [b"15", b"late", b"next", b"30"]


@pytest.mark.parametrize("said", [b"", b"soon", b"-1", b"1e9", b"9" * 15, None])
def test_a_time_of_writing_that_is_none_says_nothing(said: bytes | None) -> None:
    log = MemoryLog({"a": 1})
    log.append(OutRecord("a", 0, b"", b"", 10, [(WRITTEN_HEADER, said)]))  # type: ignore[list-item]
    assert written_ms(log.read(Tp("a", 0), 0, 1, 1.0)[0]) == 10
