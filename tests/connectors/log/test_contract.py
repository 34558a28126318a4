"""Both logs keep the contract."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from connectors.log.interface import OutRecord, Tp
from connectors.log.kafka import KafkaLog
from connectors.log.memory import MemoryLog
from ops.stack import StackInfo
from tests.connectors.log.contract import CHECKS, TOPICS, Check
from tests.faults import cluster

every_check = pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)


class InMemory:
    def __init__(self) -> None:
        self.log = MemoryLog(TOPICS)

    def append(self, records: Sequence[OutRecord]) -> None:
        for record in records:
            self.log.append(record)

    def trim(self, tp: Tp, low: int) -> None:
        self.log.trim(tp, low)


class OnKafka:
    def __init__(self, servers: str, prefix: str) -> None:
        self.log: KafkaLog = cluster.create(servers, prefix, TOPICS)
        self._servers, self._prefix = servers, prefix

    def append(self, records: Sequence[OutRecord]) -> None:
        cluster.write(self._servers, self._prefix, records)

    def trim(self, tp: Tp, low: int) -> None:
        admin = AdminClient({"bootstrap.servers": self._servers})
        place = TopicPartition(self._prefix + tp.topic, tp.partition, low)
        for done in admin.delete_records([place]).values():
            done.result(20)


@every_check
def test_memory(check: Check) -> None:
    check(InMemory())


@every_check
def test_kafka(check: Check, stack: StackInfo, topic_prefix: str) -> None:
    backend = OnKafka(stack.bootstrap_servers, topic_prefix)
    check(backend)
    backend.log.close()
