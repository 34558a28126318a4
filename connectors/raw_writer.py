"""Frames to `md.raw.v1`, each confirmed, in bounded memory.

The producer is idempotent and waits for every replica; it is not transactional, for nothing is
read here that a write would have to match. It retries for ever: a broker that is away is no reason
to lose a frame. What waits for confirmation is counted instead, and past `Bound` the writer says
`full`, upon which sockets are no longer read. A record that can never be delivered (refused, too
large) ends the process.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from connectors.log.errors import Aborted, LogUnreachable, OutcomeUnknown, TopicMissing
from connectors.log.kafka import MISSING, count_partitions
from connectors.partitioner import murmur2_partition
from connectors.traces.frames import FrameSpans
from schemas.codec import Codec
from schemas.events import ConnectionClosed, ConnectionOpened, FrameReceived
from schemas.secret import revealed

log = logging.getLogger("tape.connector")

TOPIC = "md.raw.v1"
MESSAGE_BYTES_MAX = 16 * 1024 * 1024
POLL_S = 0.05  # the client sends by itself; an idle loop at 10 ms took a sixtieth of a core
POLL_EVERY = 128  # records: at high rates deliveries are taken in between
DEFAULTS = {
    "linger.ms": 1,
    "compression.type": "lz4",
    "batch.size": 1_000_000,
    "retry.backoff.ms": 20,
    "retry.backoff.max.ms": 1_000,
    "reconnect.backoff.max.ms": 1_000,
    "log_level": 3,
}
FORCED = {
    "enable.idempotence": True,
    "acks": "all",
    "message.timeout.ms": 0,
    "message.max.bytes": MESSAGE_BYTES_MAX,
}


class Bound(NamedTuple):
    """How much may be unconfirmed: records, bytes of values, seconds of the oldest."""

    records: int = 100_000
    bytes: int = 64 * 1024 * 1024
    age_s: float = 5.0

    def exceeded(self, records: int, size: int, oldest_s: float) -> bool:
        return records >= self.records or size >= self.bytes or oldest_s >= self.age_s

    def relieved(self, records: int, size: int, oldest_s: float) -> bool:
        """Well below the bound, so that reading does not start and stop with every frame."""
        return not Bound(self.records // 2, self.bytes // 2, self.age_s / 2).exceeded(
            records, size, oldest_s
        )


def partition_count(producer: Producer, topic: str) -> int:
    """Partitions of a topic by its full name. Raises `LogUnreachable`, `TopicMissing`."""
    try:
        return count_partitions(producer, topic)
    except KafkaException as error:
        if error.args[0].code() in MISSING:
            raise TopicMissing(f"topic {topic} is missing: run `tape topics apply`") from None
        raise LogUnreachable(f"no broker answers: {error.args[0].str()}") from None


def open_producer(options: Mapping[str, Any], **own: Any) -> Producer:
    """An idempotent producer; `options` are librdkafka's and need `bootstrap.servers`."""
    chosen = {**DEFAULTS, **own, **options, **FORCED, "error_cb": _log_error}
    return Producer(revealed(chosen), logger=_kafka_log)


_kafka_log = logging.getLogger("tape.kafka")


def _log_error(error: KafkaError) -> None:
    _kafka_log.warning("%s", error.str())


class RawWriter:
    """See the module. `run` must be running; everything happens on its event loop.

    The registry is asked once, at the start: it may be away when a connection ends.
    """

    def __init__(
        self,
        options: Mapping[str, Any],
        prefix: str,
        codec: Codec,
        route: Callable[[bytes], str | None],
        bound: Bound = Bound(),  # noqa: B008 - immutable
        spans: FrameSpans | None = None,
    ) -> None:
        self._topic, self._route, self._bound = prefix + TOPIC, route, bound
        self._spans = spans
        codec.learn([TOPIC])
        self._encode_frame, self._encode = codec.encoder(FrameReceived), codec.encode
        self._producer = open_producer(
            options,
            **{
                "queue.buffering.max.messages": max(2 * bound.records, 100_000),
                "queue.buffering.max.kbytes": 2 * bound.bytes // 1024 + 65_536,
            },
        )
        self._partitions = partition_count(self._producer, self._topic)
        self._unconfirmed: list[deque[tuple[float, int, int]]] = [
            deque() for _ in range(self._partitions)
        ]
        self._prefixes: dict[tuple[str, str | None], tuple[bytes, int]] = {}
        self._used: dict[str, set[str | None]] = {}
        self._relieved = asyncio.Event()
        self._relieved.set()
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.full = False
        self.records = self.bytes = self.confirmed = 0
        self.turned_s = time.monotonic()  # when its loop last turned

    def frame(self, event: FrameReceived) -> None:
        """Hand over a frame, keyed by venue and, where it names one, instrument."""
        instrument = self._route(event.payload)
        self._used.setdefault(event.connection, set()).add(instrument)
        key, partition = self._place(event.venue, instrument)
        self._send(key, partition, self._encode_frame(event), event.ts_recv_ns)

    def event(self, event: ConnectionOpened | ConnectionClosed) -> None:
        """Hand over a connection's beginning, under the venue; its end, under every key it used.

        A reader of one partition must learn that the connection it heard there is gone.
        """
        closed = isinstance(event, ConnectionClosed)
        used = self._used.pop(event.connection, set()) if closed else set()
        for instrument in sorted(used | {None}, key=str):
            key, partition = self._place(event.venue, instrument)
            self._send(key, partition, self._encode(event), event.ts_recv_ns)

    def _place(self, venue: str, instrument: str | None) -> tuple[bytes, int]:
        found = self._prefixes.get((venue, instrument))
        if found is None:
            key = (venue if instrument is None else f"{venue}:{instrument}").encode()
            found = key, murmur2_partition(key, self._partitions)
            self._prefixes[venue, instrument] = found
        return found

    def _send(self, key: bytes, partition: int, value: bytes, ts_ns: int) -> None:
        try:
            self._producer.produce(
                self._topic,
                value,
                key,
                partition,
                self._delivered,
                timestamp=ts_ns // 1_000_000,
            )
        except (BufferError, KafkaException) as error:
            self._fail(str(error))
            return
        self._unconfirmed[partition].append((time.monotonic(), len(value), ts_ns))
        self.records += 1
        self.bytes += len(value)
        if self._spans is not None:
            self._spans.given(ts_ns)
        if self.records >= self._bound.records or self.bytes >= self._bound.bytes:
            self._set_full()
        elif not self.records % POLL_EVERY:
            self._producer.poll(0)

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self._fail(f"{error.name()}: {error.str()}")
            return
        given_s, size, ts_ns = self._unconfirmed[message.partition() or 0].popleft()
        self.records -= 1
        self.bytes -= size
        self.confirmed += 1
        if self._spans is not None:
            self._spans.confirmed(ts_ns, time.monotonic() - given_s, size)

    def _fail(self, reason: str) -> None:
        log.critical("a record for %s cannot be delivered: %s", self._topic, reason)
        if not self.failed.done():
            self.failed.set_exception(Aborted(f"cannot write to {self._topic}: {reason}"))

    def _set_full(self) -> None:
        if not self.full:
            self.full = True
            self._relieved.clear()
            log.warning("log behind: %d records unconfirmed; reading stops", self.records)

    def oldest_s(self) -> float:
        """Seconds since the oldest unconfirmed record was handed over; 0.0 if there is none."""
        heads = [waiting[0][0] for waiting in self._unconfirmed if waiting]
        return time.monotonic() - min(heads) if heads else 0.0

    async def run(self) -> None:
        """Take delivery reports and judge the bound, until cancelled."""
        while True:
            self.turned_s = time.monotonic()
            self._producer.poll(0)
            if self._spans is not None:
                self._spans.turn()
            state = self.records, self.bytes, self.oldest_s()
            if not self.full and self._bound.exceeded(*state):
                self._set_full()
            elif self.full and self._bound.relieved(*state):
                self.full = False
                self._relieved.set()
                log.warning("log is back: %d records unconfirmed; reading goes on", self.records)
            await asyncio.sleep(POLL_S)

    async def room(self) -> None:
        """Returns once the writer is no longer full."""
        await self._relieved.wait()

    def close(self, timeout_s: float) -> None:
        """Wait for what is unconfirmed. Raises `OutcomeUnknown` for what still is."""
        self._producer.flush(timeout_s)
        if self.records and not self.failed.done():
            raise OutcomeUnknown(
                f"{self.records} records for {self._topic} were not confirmed in {timeout_s:g} s"
            )

    def status(self) -> dict[str, Any]:
        return {
            "full": self.full,
            "unconfirmed_records": self.records,
            "unconfirmed_bytes": self.bytes,
            "oldest_unconfirmed_s": round(self.oldest_s(), 3),
            "confirmed_records": self.confirmed,
        }
