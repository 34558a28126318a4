"""Reads fixed partitions with one consumer: read_committed, no group, an error rather than a
jump when offsets are gone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from confluent_kafka import Consumer, KafkaError, TopicPartition

from connectors.log.errors import LogUnreachable, OffsetsGone
from connectors.log.interface import Message, Tp

# fetch.wait.max.ms bounds how late an end of partition is noticed; fetch.queue.backoff.ms would
# stall a fast reader for 1 s.
DEFAULTS = {
    "group.id": "tape-reader",
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "isolation.level": "read_committed",
    "auto.offset.reset": "error",
    "enable.partition.eof": True,
    "fetch.wait.max.ms": 10,
    "fetch.error.backoff.ms": 20,
    "fetch.queue.backoff.ms": 2,
    "queued.min.messages": 100_000,
    "queued.max.messages.kbytes": 65_536,
    "fetch.message.max.bytes": 4_194_304,
}
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
        self._consumer = Consumer({**DEFAULTS, **options})
        self._tps = {(prefix + tp.topic, tp.partition): tp for tp in positions}
        self._names = {tp: name for name, tp in self._tps.items()}
        self._ends = dict(ends)  # the best knowledge of each partition's end, markers included
        self._eof = dict.fromkeys(positions, -1)
        self._paused: set[Tp] = set()
        self._consumer.assign(
            [TopicPartition(prefix + tp.topic, tp.partition, o) for tp, o in positions.items()]
        )

    def poll(self, max_records: int, timeout_s: float) -> Mapping[Tp, list[Message]]:
        found: list[Any] = self._consumer.consume(1, timeout_s)
        if found:
            found += self._consumer.consume(max_records, 0)
        if any(m.error() for m in found):
            found = self._without_events(found)
        return self._by_partition(found)

    def _by_partition(self, found: list[Message]) -> dict[Tp, list[Message]]:
        runs: dict[Tp, list[Message]] = {}
        names = [(m.topic(), m.partition()) for m in found]
        at = 0
        for name, run in groupby(names):
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
            elif code not in _TRANSIENT:
                raise LogUnreachable(f"reading failed: {event.error().str()}")
        return [m for m in found if not m.error()]

    def has_backlog(self, tp: Tp, position: int) -> bool:
        # One offset short of the end is a transaction marker or a single record: no backlog worth
        # waiting for.
        return self.end_seen(tp, position) + 1 < self._end(tp)

    def _end(self, tp: Tp) -> int:
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
