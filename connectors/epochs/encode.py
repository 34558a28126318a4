"""From decided events to records: an id that is a function of the cause, a partition computed
here, headers for tools.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from connectors.epochs.model import Shard
from connectors.log.interface import Log, Message, OutRecord
from connectors.partitioner import murmur2_partition
from pipelines.items import Decided, Encoded
from pipelines.logic import Output, Position
from schemas.codec import Codec

ID_HEADER, SOURCE_HEADER = "ce_id", "ce_source"


class Encoder:
    """Encodes one pipeline's outputs. An id is <pipeline>/<cause
    topic>/<partition>/<offset>/<output topic>/<key>/<index>.

    The index counts the outputs of one cause with the same topic and key, so ids are equal for any
    number of shards.
    """

    def __init__(self, shard: Shard, codec: Codec, partition_counts: Callable[[str], int]) -> None:
        self._pipeline, self._codec, self._counts = shard.pipeline, codec, partition_counts
        self._source = source_of(shard)
        self._routes: dict[tuple[str, str], tuple[int, bytes]] = {}
        self._kinds: dict[type, tuple[Callable[[Any], bytes], tuple[tuple[str, bytes], ...]]] = {}

    def __call__(self, decided: Decided) -> Encoded:
        return Encoded(self.records(decided.outputs))

    def records(self, outputs: Sequence[Output]) -> list[OutRecord]:
        made: list[OutRecord] = []
        cause: Position | None = None
        seen: dict[tuple[str, str], int] = {}
        for position, timestamp_ms, topic, key, event, detail in outputs:
            if position != cause:
                cause, seen = position, {}
                source = (
                    f"{self._pipeline}/{position.topic}/{position.partition}/{position.offset}/"
                )
            route = (topic, key)
            index = seen.get(route, 0)
            seen[route] = index + 1
            partition, raw_key = self._routes.get(route) or self._route(route)
            encode, constant = self._kinds.get(type(event)) or self._kind(type(event))
            headers = ((ID_HEADER, f"{source}{topic}/{key}/{index}".encode()), *constant)
            if detail:
                headers += (("detail", detail.encode()[:1000]),)
            made.append(OutRecord(topic, partition, raw_key, encode(event), timestamp_ms, headers))
        return made

    def _route(self, route: tuple[str, str]) -> tuple[int, bytes]:
        if len(self._routes) > 100_000:
            self._routes.clear()  # a cache only; keys are instruments and streams, few by nature
        topic, key = route
        raw = key.encode()
        self._routes[route] = found = (murmur2_partition(raw, self._counts(topic)), raw)
        return found

    def _kind(
        self, event_type: type
    ) -> tuple[Callable[[Any], bytes], tuple[tuple[str, bytes], ...]]:
        constant = (
            ("ce_specversion", b"1.0"),
            ("ce_type", event_type.__name__.encode()),
            (SOURCE_HEADER, self._source),
        )
        self._kinds[event_type] = found = (self._codec.encoder(event_type), constant)
        return found


def source_of(shard: Shard) -> bytes:
    """What tells a shard's outputs from another's: a broadcast input causes outputs in every
    shard.
    """
    return f"tape/{shard.pipeline}/{shard.number}".encode()


def counts_of(log: Log) -> Callable[[str], int]:
    """Partition counts of a log's topics, asked once each."""
    known: dict[str, int] = {}

    def count(topic: str) -> int:
        if topic not in known:
            known[topic] = log.partition_count(topic)
        return known[topic]

    return count


def header(message: Message, wanted: str) -> bytes:
    """One header of a record; empty where it has none."""
    return next((value for name, value in message.headers() or () if name == wanted), b"")


def output_id(message: Message) -> str:
    """The id a record carries; empty where it has none."""
    return header(message, ID_HEADER).decode()


def cause_of(identifier: str) -> Position:
    """The cause that an output's id names."""
    _, topic, partition, offset, _ = identifier.split("/", 4)
    return Position(topic, int(partition), int(offset))
