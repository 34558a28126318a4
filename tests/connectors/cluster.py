"""A topic on the real broker and what lies on it."""

from __future__ import annotations

import time
from typing import Any

from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from connectors.log.interface import Message, Tp
from connectors.log.kafka import KafkaLog
from ops.stack import StackInfo
from schemas.catalog import SchemaVersion
from schemas.codec import Codec, SchemaIds, load_catalog
from schemas.errors import RegistryError

PARTITIONS = 4


def local_codec() -> Codec:
    catalog = load_catalog()
    return Codec(catalog, SchemaIds.local(catalog))


class LeavingRegistry:
    """A registry that is away once `gone` is set; `codec` asks it."""

    def __init__(self) -> None:
        self.gone, catalog = False, load_catalog()
        self._ids = SchemaIds.local(catalog)
        self.codec = Codec(catalog, SchemaIds({}, self._id_of, self._schema_of))

    def _id_of(self, schema: SchemaVersion) -> int:
        self._check()
        return self._ids.id_of(schema)

    def _schema_of(self, number: int) -> SchemaVersion:
        self._check()
        return self._ids.schema_of(number)

    def _check(self) -> None:
        if self.gone:
            raise RegistryError("no answer from the registry")


def create(stack: StackInfo, name: str, partitions: int = PARTITIONS, **config: Any) -> None:
    admin = AdminClient({"bootstrap.servers": stack.bootstrap_servers})
    topic = NewTopic(name, partitions, 1, config={key: str(value) for key, value in config.items()})
    admin.create_topics([topic])[name].result(15)
    # A broker that was just started may name a topic later than its controller confirmed it.
    limit = time.monotonic() + 15
    while len(admin.list_topics(name, timeout=15).topics[name].partitions) < partitions:
        assert time.monotonic() < limit, f"{name} was created but is not there"
        time.sleep(0.05)


def records(stack: StackInfo, prefix: str, topic: str) -> dict[int, list[Message]]:
    """Everything on a topic, by partition."""
    log = KafkaLog(stack.bootstrap_servers, prefix)
    try:
        found = {}
        for partition in range(log.partition_count(topic)):
            tp = Tp(topic, partition)
            low, high = log.bounds(tp)
            found[partition] = log.read(tp, low, high, 15.0)
        return found
    finally:
        log.close()
