"""What of several partitions comes first."""

from __future__ import annotations

from connectors.log.interface import OutRecord, Tp
from connectors.log.memory import MemoryLog
from connectors.log.places import by_log_time


def test_records_follow_each_other_by_log_time_and_never_overtake_in_a_partition() -> None:
    log = MemoryLog({"a": 1, "b": 1})
    times = {"a": [10, 30, 20], "b": [30, 15, 31]}  # whose clocks were set back
    for topic, stamps in times.items():
        for ms in stamps:
            log.append(OutRecord(topic, 0, b"", str(ms).encode(), ms))
    found = {topic: log.read(Tp(topic, 0), 0, 3, 1.0) for topic in times}
    said = [f"{place}{message.value().decode()}" for place, message in by_log_time(found)]
    assert said == ["a10", "a30", "a20", "b30", "b15", "b31"]
