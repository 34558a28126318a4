"""Single records to one topic, each on the log before anything follows. Never in a transaction.

For what is written now and then and must be known to lie there: people's decisions, snapshots.
Frames, by the thousand a second, have `connectors.raw_writer`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, Message

from connectors.log.errors import Aborted, OutcomeUnknown
from connectors.partitioner import murmur2_partition
from connectors.raw_writer import open_producer, partition_count
from schemas.codec import Codec

CONFIRM_S: Final = 10.0


class ConfirmedWriter:
    """For one thread."""

    def __init__(
        self, kafka: Mapping[str, Any], codec: Codec, topic: str, prefix: str = ""
    ) -> None:
        """Raises `LogUnreachable`, `TopicMissing`."""
        self._topic, self._codec = prefix + topic, codec
        self._producer = open_producer(kafka)
        self._partitions = partition_count(self._producer, self._topic)
        self._offset: int | None = None
        self._failure = ""

    def write(self, event: Any, key: str) -> int:
        """The offset it lies at. Raises `Aborted` if it was refused, `OutcomeUnknown` if nobody
        answered in time."""
        self._offset, self._failure, raw = None, "", key.encode()
        try:
            self._producer.produce(
                self._topic,
                self._codec.encode(event),
                raw,
                murmur2_partition(raw, self._partitions),
                self._delivered,
                timestamp=time.time_ns() // 1_000_000,
            )
        except (BufferError, KafkaException) as error:
            raise Aborted(f"cannot write to {self._topic}: {error}") from None
        self._producer.flush(CONFIRM_S)
        if self._failure:
            raise Aborted(f"cannot write to {self._topic}: {self._failure}")
        if self._offset is None:
            raise OutcomeUnknown(f"{self._topic} did not confirm within {CONFIRM_S:g} s")
        return self._offset

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self._failure = error.str()
        else:
            self._offset = message.offset()
