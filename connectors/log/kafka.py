"""The log on a real Kafka cluster: bounds, bounded reads, consumer groups. Reader and writer
live beside this module.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

from connectors.log.errors import (
    ASK,
    LogUnreachable,
    NotAllowed,
    TopicMissing,
)
from connectors.log.interface import Message, Tp
from connectors.log.kafka_reader import BOUNDED, KafkaReader
from connectors.log.kafka_writer import FORBIDDEN, KafkaWriter
from connectors.log.ranges import drained, require_held
from schemas.errors import TapeError
from schemas.secret import revealed

logger = logging.getLogger("tape.log")
REQUEST_TIMEOUT_S, ELECTION_S, MISSING_S = 10.0, 20.0, 2.0
REPORT_EVERY_S = 5.0
MISSING = {
    KafkaError._UNKNOWN_TOPIC,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError._UNKNOWN_PARTITION,
    KafkaError.TOPIC_EXCEPTION,  # a name that no topic may have
}


_reported = {"at": 0.0}


def report(error: KafkaError) -> None:
    """What librdkafka would print for every attempt, once in a while and in words."""
    now = time.monotonic()
    if now - _reported["at"] > REPORT_EVERY_S:
        _reported["at"] = now
        logger.warning("waiting for the broker: %s", error.str())


_ELECTING = {
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError.NOT_COORDINATOR,
}


def patiently(question: Callable[[], Any]) -> Any:
    """The broker's answer; asked again while a leader is being elected or a topic is new."""
    begun = time.monotonic()
    while True:
        try:
            return question()
        except KafkaException as error:
            code, waited_s = error.args[0].code(), time.monotonic() - begun
            patience_s = ELECTION_S if code in _ELECTING else MISSING_S
            if code not in _ELECTING | MISSING or waited_s > patience_s:
                raise
            time.sleep(0.05)


def count_partitions(client: Consumer | Producer, name: str) -> int:
    """Partitions of a topic by its full name. Raises `KafkaException`."""

    def question() -> int:
        found = client.list_topics(name, REQUEST_TIMEOUT_S).topics[name]
        if found.error is not None:
            raise KafkaException(found.error)
        return len(found.partitions)

    return int(patiently(question))


class KafkaLog:
    """One cluster. `options` are librdkafka's own, by their own names, and win over the defaults
    here.
    """

    def __init__(
        self, bootstrap_servers: str, prefix: str = "", options: Mapping[str, Any] | None = None
    ) -> None:
        self.prefix = prefix
        self.bootstrap_servers = bootstrap_servers
        self._options = {
            "bootstrap.servers": bootstrap_servers,
            "log_level": 2,
            "error_cb": report,
            **(options or {}),
        }
        self._plain: Consumer | None = None
        self._committers: dict[str, Consumer] = {}

    def _consumer(self) -> Consumer:
        """For questions, not for reading: read_uncommitted, so that bounds are those of the log
        itself.
        """
        if self._plain is None:
            own = {
                "group.id": f"{self.prefix}tape-admin",
                "isolation.level": "read_uncommitted",
            }
            self._plain = Consumer(revealed({**own, **self._options}))
        return self._plain

    def _physical(self, tp: Tp, offset: int = 0) -> TopicPartition:
        return TopicPartition(self.prefix + tp.topic, tp.partition, offset)

    def partition_count(self, topic: str) -> int:
        try:
            return count_partitions(self._consumer(), self.prefix + topic)
        except KafkaException as error:
            raise self._typed(error, topic) from None

    def bounds(self, tp: Tp) -> tuple[int, int]:
        ask = partial(self._consumer().get_watermark_offsets, self._physical(tp), REQUEST_TIMEOUT_S)
        try:
            low, high = patiently(ask)
        except KafkaException as error:
            raise self._typed(error, tp.topic) from None
        return low, high

    def offset_at(self, tp: Tp, timestamp_ms: int) -> int:
        wanted = [self._physical(tp, timestamp_ms)]
        ask = partial(self._consumer().offsets_for_times, wanted, REQUEST_TIMEOUT_S)
        try:
            [found] = patiently(ask)
        except KafkaException as error:
            raise self._typed(error, tp.topic) from None
        return found.offset if found.offset >= 0 else self.bounds(tp)[1]

    def read(self, tp: Tp, start: int, end: int, deadline_s: float) -> list[Message]:
        require_held(tp, start, self.bounds(tp)[0])
        if start >= end:
            return []
        return list(drained(self.opener({tp: start}, BOUNDED)(), tp, start, end, deadline_s))

    def reader(self, positions: Mapping[Tp, int]) -> KafkaReader:
        return self.opener(positions)()

    def opener(
        self, positions: Mapping[Tp, int], defaults: Mapping[str, Any] | None = None
    ) -> Callable[[], KafkaReader]:
        ends = {tp: self.bounds(tp)[1] for tp in positions}
        options = {**(defaults or {}), **self._options}
        return partial(KafkaReader, options, self.prefix, positions, ends)

    def writer(self, transactional_id: str) -> KafkaWriter:
        return KafkaWriter(self._options, self.prefix, transactional_id)

    def group_offsets(self, group: str, tps: Sequence[Tp]) -> Mapping[Tp, int]:
        try:
            found = self._committer(group).committed(
                [self._physical(tp) for tp in tps], REQUEST_TIMEOUT_S
            )
        except KafkaException as error:
            raise self._unreachable(error) from None
        return {tp: f.offset for tp, f in zip(tps, found, strict=True) if f.offset >= 0}

    def commit_group(self, group: str, positions: Mapping[Tp, int]) -> None:
        offsets = [self._physical(tp, offset) for tp, offset in positions.items()]
        try:
            self._committer(group).commit(offsets=offsets, asynchronous=True)
        except KafkaException:
            return  # the epochs topic is the truth; the next commit repeats it

    def _committer(self, group: str) -> Consumer:
        if group not in self._committers:
            name = self.prefix + group
            own = {"enable.auto.commit": False, **self._options, "group.id": name}
            self._committers[group] = Consumer(revealed(own))
        return self._committers[group]

    def _typed(self, error: KafkaException, topic: str) -> TapeError:
        if error.args[0].code() in MISSING:
            return TopicMissing(f"topic {self.prefix + topic} is missing: run `tape topics apply`")
        if error.args[0].code() in FORBIDDEN:
            return NotAllowed(f"{self.prefix + topic}: {error.args[0].str()}; {ASK}")
        return self._unreachable(error)

    def _unreachable(self, error: KafkaException) -> TapeError:
        if error.args[0].code() in FORBIDDEN:
            return NotAllowed(f"{error.args[0].str()}; {ASK}")
        return LogUnreachable(
            f"no answer from the broker at {self.bootstrap_servers}: {error.args[0].str()}"
        )

    def close(self) -> None:
        for consumer in [self._plain, *self._committers.values()]:
            if consumer is not None:
                consumer.close()
