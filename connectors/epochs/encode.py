"""From decided events to records: an id that is a function of the cause, a partition computed
here, headers for tools.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from connectors.epochs.model import Shard
from connectors.log.interface import Log, Message, OutRecord
from connectors.log.places import WRITTEN_HEADER
from connectors.partitioner import murmur2_partition
from connectors.traces.ids import TRACE_HEADER, traceparent
from pipelines.items import Decided, Encoded
from pipelines.logic import Output, Position
from schemas.codec import Codec
from schemas.events import TradingHalted, TradingReduced

ID_HEADER, SOURCE_HEADER, DETAIL_HEADER = "ce_id", "ce_source", "detail"
DETAIL_BYTES_MAX = 1_000
CACHE_ENTRIES_MAX = 100_000
Route = tuple[int, bytes, bytes]  # partition, key, and the id's part between offset and index
STAMPED = (TradingHalted, TradingReduced)  # a person's resume ends what was written before it
Kind = tuple[Callable[[Any], bytes], list[tuple[str, bytes]], bool, bool]  # traced, stamped
_new: Callable[..., Any] = tuple.__new__  # a NamedTuple's own constructor costs three times this


class Encoder:
    """Encodes one pipeline's outputs. An id is <pipeline>/<cause
    topic>/<partition>/<offset>/<output topic>/<key>/<index>.

    The index counts the outputs of one cause with the same topic and key, so ids are equal for any
    number of shards.
    """

    def __init__(
        self,
        shard: Shard,
        codec: Codec,
        partition_counts: Callable[[str], int],
        traces: bool = True,
        now_ms: Callable[[], int] | None = None,
    ) -> None:
        """Without `traces` for whoever compares and writes nothing: no digest covers headers.
        `now_ms` for who writes now: when it is, goes with what a person may end.
        """
        self._pipeline, self._codec, self._counts = shard.pipeline, codec, partition_counts
        self._traces, self._now_ms = traces, now_ms
        self._source = source_of(shard.pipeline, shard.number)
        self._routes: dict[tuple[str, str], Route] = {}
        self._kinds: dict[type, Kind] = {}
        self._causes: dict[tuple[str, int], bytes] = {}

    def __call__(self, decided: Decided) -> Encoded:
        return Encoded(self.records(decided.outputs))

    def records(self, outputs: Sequence[Output]) -> list[OutRecord]:
        """The hot loop of a pipeline that writes much: no call per record but the encoding."""
        made: list[OutRecord] = []
        routes, kinds, causes = self._routes, self._kinds, self._causes
        cause: Position | None = None
        seen: dict[tuple[str, str], int] = {}
        for position, timestamp_ms, topic, key, event, detail in outputs:
            route = (topic, key)
            partition, raw_key, suffix = routes.get(route) or self.route(route)
            encode, constant, traced, stamped = kinds.get(event.__class__) or self._kind(
                event.__class__
            )
            source, number, offset = position
            prefix = causes.get((source, number)) or self._cause(source, number)
            if position == cause:
                index = seen.get(route, 0)
            else:
                cause, index, seen = position, 0, {}
            seen[route] = index + 1
            identifier = b"%b%d/%b%d" % (prefix, offset, suffix, index)
            headers = [(ID_HEADER, identifier), *constant]
            if traced and event.correlation_id:
                headers.append((TRACE_HEADER, traceparent(event, identifier.decode())))
            if stamped and self._now_ms is not None:
                headers.append((WRITTEN_HEADER, b"%d" % self._now_ms()))
            if detail:
                headers.append((DETAIL_HEADER, detail.encode()[:DETAIL_BYTES_MAX]))
            record = (topic, partition, raw_key, encode(event), timestamp_ms, headers)
            made.append(_new(OutRecord, record))
        return made

    def route(self, route: tuple[str, str]) -> Route:
        """Where records of a topic and key go."""
        known = self._routes.get(route)
        if known is not None:
            return known
        if len(self._routes) > CACHE_ENTRIES_MAX:
            self._routes.clear()  # a cache only; keys are instruments and streams, few by nature
        topic, key = route
        raw = key.encode()
        partition = murmur2_partition(raw, self._counts(topic))
        self._routes[route] = found = (partition, raw, f"{topic}/{key}/".encode())
        return found

    def _kind(self, event_type: type) -> Kind:
        constant = [
            ("ce_specversion", b"1.0"),
            ("ce_type", event_type.__name__.encode()),
            (SOURCE_HEADER, self._source),
        ]
        encode = self._codec.encoder(event_type)
        traced = self._traces and hasattr(event_type, "correlation_id")
        stamped = event_type in STAMPED
        self._kinds[event_type] = found = (encode, constant, traced, stamped)
        return found

    def _cause(self, topic: str, partition: int) -> bytes:
        found = f"{self._pipeline}/{topic}/{partition}/".encode()
        self._causes[topic, partition] = found
        return found


def source_of(pipeline: str, shard: int) -> bytes:
    """What tells a shard's outputs from another's: a broadcast input causes outputs in every
    shard.
    """
    return f"tape/{pipeline}/{shard}".encode()


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
