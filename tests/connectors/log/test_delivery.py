"""A record that the broker refuses ends the transaction, reported to Python or not."""

from __future__ import annotations

import pytest
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from connectors.log.errors import Aborted
from connectors.log.interface import OutRecord, Tp
from connectors.log.kafka import KafkaLog
from ops.stack import StackInfo

LIMIT = 2_000


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"batch.num.messages": 1}, id="each record a request of its own"),
        pytest.param({}, id="all records in one request"),
    ],
)
def test_a_refused_record_amid_others_aborts(
    stack: StackInfo, topic_prefix: str, options: dict[str, int]
) -> None:
    admin = AdminClient({"bootstrap.servers": stack.bootstrap_servers})
    topic = NewTopic(f"{topic_prefix}small", 1, 1, config={"max.message.bytes": str(LIMIT)})
    admin.create_topics([topic])[topic.topic].result()
    log = KafkaLog(stack.bootstrap_servers, topic_prefix, {"compression.type": "none", **options})
    writer = log.writer("writer")
    writer.fence()
    writer.begin()
    sizes = [10] * 5 + [LIMIT + 1] + [10] * 5
    writer.send([OutRecord("small", 0, b"k", b"v" * size, 0) for size in sizes])
    with pytest.raises(Aborted, match="MSG_SIZE_TOO_LARGE"):
        writer.commit()
    assert log.read(Tp("small", 0), 0, log.bounds(Tp("small", 0))[1], 10) == []
    log.close()
