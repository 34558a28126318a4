"""The toy pipeline's own topics on a real broker, and a feeder that writes to them meanwhile."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from connectors.log.interface import OutRecord
from connectors.log.kafka import KafkaLog
from tests.connectors.epochs import toy

TOPICS = {**toy.TOPICS, **toy.DEAD_LETTERS}


def create(servers: str, prefix: str, topics: Mapping[str, int] = TOPICS) -> KafkaLog:
    """The log of a prefix that nobody else uses, with its topics made."""
    admin = AdminClient({"bootstrap.servers": servers, "log_level": 0})
    wanted = [
        NewTopic(prefix + name, count, 1, config={"retention.ms": "-1"})
        for name, count in topics.items()
    ]
    for made in admin.create_topics(wanted).values():
        made.result(30)
    return KafkaLog(servers, prefix)


def write(servers: str, prefix: str, records: Iterable[OutRecord]) -> None:
    """Writes records outside any transaction, as an edge does; returns when all are there."""
    options = {"bootstrap.servers": servers, "linger.ms": 5, "log_level": 0}
    producer = Producer({**options, "enable.idempotence": True})  # or a retry changes the order
    for number, r in enumerate(records):
        producer.produce(prefix + r.topic, r.value, r.key, r.partition, timestamp=r.timestamp_ms)
        if number % 10_000 == 9_999:
            producer.flush(60)
    if producer.flush(60):
        raise TimeoutError("the broker did not take every record")


@dataclass
class Feeder:
    """Writes trades, with a tick for every twentieth, at a pace until stopped; survives a broker
    that is away.
    """

    servers: str
    prefix: str
    seed: int
    per_second: int = 400
    written: int = 0
    _stopped: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> Feeder:
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def stop(self) -> int:
        """Ends after everything written was confirmed. Gives the number of records."""
        self._stopped.set()
        assert self._thread is not None
        self._thread.join(90)
        assert not self._thread.is_alive(), "the feeder hangs"
        return self.written

    def _run(self) -> None:
        chance = random.Random(self.seed)
        options = {"bootstrap.servers": self.servers, "linger.ms": 2, "log_level": 0}
        producer = Producer({**options, "enable.idempotence": True})
        while not self._stopped.is_set():
            for _ in range(chance.randrange(2 * self.per_second // 50 + 1)):
                self._send(producer, chance)
            producer.poll(0)
            self._stopped.wait(0.02)
        assert producer.flush(80) == 0

    def _send(self, producer: Producer, chance: random.Random) -> None:
        now_ms = time.time_ns() // 1_000_000
        is_tick = chance.randrange(20) == 0
        name = chance.choice(toy.INSTRUMENTS)
        record = (
            toy.tick_record(now_ms) if is_tick else toy.trade_record(self.written, now_ms, name)
        )
        topic, partition, key, value, stamp, _ = record
        producer.produce(self.prefix + topic, value, key, partition, timestamp=stamp)
        self.written += 1
