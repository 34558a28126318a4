"""Reads fixed partitions with one consumer: read_committed, no group, an error rather than a
jump when offsets are gone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from confluent_kafka import Consumer, KafkaError, TopicPartition
from confluent_kafka import Message as KafkaMessage

from connectors.log.errors import ASK, LogUnreachable, NotAllowed, OffsetsGone
from connectors.log.interface import Message, Tp
from schemas.secret import revealed

# fetch.wait.max.ms: new records answer a fetch at once, so this only bounds how late an end of
# partition or a resumed partition is noticed. Each empty answer costs the broker nearly a
# millisecond of processor time, and a desk has a dozen readers: at 10 ms they kept a core busy
# while nothing happened. The queue must last for as long at a million records a second, or a
# partition that is read faster than that stands still behind one that has nothing.
# fetch.queue.backoff.ms would stall a fast reader for 1 s.
DEFAULTS: dict[str, Any] = {
    "group.id": "tape-reader",
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "isolation.level": "read_committed",
    "auto.offset.reset": "error",
    "enable.partition.eof": True,
    "fetch.wait.max.ms": 100,
    "fetch.error.backoff.ms": 20,
    "fetch.queue.backoff.ms": 2,
    "queued.min.messages": 100_000,
    "queued.max.messages.kbytes": 32_768,
    "fetch.message.max.bytes": 1_048_576,
}
# For a read up to a known end, which waits for nothing but that end.
BOUNDED = {"fetch.wait.max.ms": 10}
_FATAL_TIMEOUT_CODES = {KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE}
_TRANSIENT = {
    KafkaError._TRANSPORT,
    KafkaError._ALL_BROKERS_DOWN,
    KafkaError._RESOLVE,
    KafkaError._TIMED_OUT,
}


class KafkaReader:
    """See `connectors.log.interface.Reader`. A broker that goes away is waited for; librdkafka
    reconnects by itself.
    """

    def __init__(
        self,
        options: Mapping[str, Any],
        prefix: str,
        positions: Mapping[Tp, int],
        ends: Mapping[Tp, int],
    ) -> None:
        self._consumer = Consumer(revealed({**DEFAULTS, **options}))
        self._tps = {(prefix + tp.topic, tp.partition): tp for tp in positions}
        self._names = {tp: name for name, tp in self._tps.items()}
        self._ends = dict(ends)  # the best knowledge of each partition's end, markers included
        self._eof = dict.fromkeys(positions, -1)
        self._next = dict(positions)
        self._paused: set[Tp] = set()
        self._consumer.assign(
            [TopicPartition(prefix + tp.topic, tp.partition, o) for tp, o in positions.items()]
        )

    def poll(self, max_records: int, timeout_s: float) -> Mapping[Tp, list[Message]]:
        found: list[Any] = self._consumer.consume(1, timeout_s)
        if found:
            found += self._consumer.consume(max_records, 0)
        if any(map(KafkaMessage.error, found)):
            found = self._without_events(found)
        runs = self._by_partition(found) if found else {}
        for tp, messages in runs.items():
            self._next[tp] = messages[-1].offset() + 1
        return runs

    def _by_partition(self, found: list[Any]) -> dict[Tp, list[Message]]:
        """At least one record; most polls bring those of one partition."""
        topics: list[Any] = list(map(KafkaMessage.topic, found))
        partitions: list[Any] = list(map(KafkaMessage.partition, found))
        if topics.count(topics[0]) == partitions.count(partitions[0]) == len(found):
            return {self._tps[topics[0], partitions[0]]: found}
        runs: dict[Tp, list[Message]] = {}
        at = 0
        for name, run in groupby(zip(topics, partitions, strict=True)):
            count = len(list(run))
            runs.setdefault(self._tps[name], []).extend(found[at : at + count])
            at += count
        return runs

    def _without_events(self, found: list[Any]) -> list[Message]:
        for event in (m for m in found if m.error()):
            code = event.error().code()
            if code == KafkaError._PARTITION_EOF:
                self._eof[self._tps[event.topic(), event.partition()]] = event.offset()
            elif code in _FATAL_TIMEOUT_CODES:
                raise OffsetsGone(
                    f"{event.topic()}/{event.partition()}: the offset to continue from is no "
                    "longer on the log (retention); restore it from the archive or start anew"
                )
            elif code == KafkaError.TOPIC_AUTHORIZATION_FAILED:
                raise NotAllowed(f"{event.error().str()}; {ASK}")
            elif code not in _TRANSIENT:
                raise LogUnreachable(f"reading failed: {event.error().str()}")
        return [m for m in found if not m.error()]

    def end(self, tp: Tp) -> int:
        if self._eof[tp] >= self._next[tp]:
            return self._eof[tp]  # what lies behind it belongs to transactions that are open
        name, partition = self._names[tp]
        _, high = self._consumer.get_watermark_offsets(TopicPartition(name, partition), cached=True)
        self._ends[tp] = max(self._ends[tp], high)
        return self._ends[tp]

    def end_seen(self, tp: Tp, position: int) -> int:
        return max(position, self._eof[tp])

    def pause(self, tps: Sequence[Tp]) -> None:
        fresh = [tp for tp in tps if tp not in self._paused]
        if fresh:
            self._consumer.pause([TopicPartition(*self._names[tp]) for tp in fresh])
            self._paused.update(fresh)

    def resume(self, tps: Sequence[Tp]) -> None:
        held = [tp for tp in tps if tp in self._paused]
        if held:
            self._consumer.resume([TopicPartition(*self._names[tp]) for tp in held])
            self._paused.difference_update(held)

    def close(self) -> None:
        self._consumer.close()
