"""The two producers of a writer, on the real broker.

1. They write in turn; the log has what one would have written.
2. A successor ends both: whichever a predecessor takes next, and amid whichever it stands.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from connectors.log.errors import Fenced
from connectors.log.kafka import KafkaLog
from ops.stack import StackInfo
from tests.connectors.log.contract import (
    TOPICS,
    committed,
    opened,
    record,
    records,
    values,
    write,
)
from tests.faults import cluster


@pytest.fixture
def log(stack: StackInfo, topic_prefix: str) -> Iterator[KafkaLog]:
    log = cluster.create(stack.bootstrap_servers, topic_prefix, TOPICS)
    yield log
    log.close()


def test_transactions_follow_one_another(log: KafkaLog) -> None:
    writer = log.writer("writer")
    writer.fence()
    wanted = [b"%d" % number for number in range(20)]
    took = []
    for value in wanted:
        write(writer, record(value))
        took.append(id(writer._producer))
    assert values(committed(log)) == wanted
    assert took[0] != took[1]
    assert took == took[:2] * 10


@pytest.mark.parametrize("written", [0, 1, 2])
def test_a_predecessor_between_transactions(log: KafkaLog, written: int) -> None:
    before = opened(log)
    for value in range(written):
        write(before, record(b"%d" % value))
    after = opened(log)
    with pytest.raises(Fenced):
        write(before, record(b"late"))
    write(after, record(b"next"))
    assert values(committed(log)) == [*(b"%d" % value for value in range(written)), b"next"]


@pytest.mark.parametrize("written", [0, 1])
def test_a_predecessor_amid_a_transaction(log: KafkaLog, written: int) -> None:
    before = opened(log)
    for value in range(written):
        write(before, record(b"%d" % value))
    before.begin()
    before.send(records(b"half"))
    after = opened(log)
    with pytest.raises(Fenced):
        before.commit()
    write(after, record(b"next"))
    assert values(committed(log)) == [*(b"%d" % value for value in range(written)), b"next"]
