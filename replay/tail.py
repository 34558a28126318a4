"""Decoded events of a topic, one at a time, with where they lie: what `tape tail TOPIC | jq`
reads.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from typing import Any

from connectors.log.errors import TopicMissing
from connectors.log.interface import Log, Message, Tp
from connectors.log.places import partitions
from replay.compare import named_json
from replay.times import EVERYTHING, Span
from schemas.codec import Codec
from schemas.errors import TapeError

POLL_S = 0.2
NOT_YET = sys.maxsize  # where a partition ends that is followed


def tail(
    log: Log,
    codec: Codec,
    topic: str,
    span: Span = EVERYTHING,
    key: str | None = None,
    follow: bool = False,
    now_ns: Callable[[], int] = time.time_ns,
) -> Iterator[dict[str, Any]]:
    """Every committed record of the span by partition and offset; with `follow`, those to come
    as they arrive, until the span's end: a partition is over with its first record of that time
    or later, all are when the wall clock says so.
    """
    tps = partitions_of(log, codec, topic)
    starts = {tp: start_of(log, tp, span, follow) for tp in tps}
    ends = {tp: NOT_YET if follow else end_of(log, tp, span) for tp in tps}
    reader = log.reader(starts)
    positions = dict(starts)
    try:
        while any(reader.end_seen(tp, positions[tp]) < ends[tp] for tp in tps):
            if follow and after(span, now_ns() // 1_000_000):
                follow = False
                ends = {tp: min(end, end_of(log, tp, span)) for tp, end in ends.items()}
            for tp, messages in reader.poll(1_000, POLL_S).items():
                positions[tp] = messages[-1].offset() + 1
                for message in messages:
                    if after(span, message.timestamp()[1]):
                        ends[tp] = min(ends[tp], message.offset())
                    if message.offset() < ends[tp]:
                        yield from shown(codec, topic, message, key)
    finally:
        reader.close()


def partitions_of(log: Log, codec: Codec, topic: str) -> list[Tp]:
    """Raises `TopicMissing`: of a name that no schema file has, with the nearest one."""
    known = codec.catalog.topics
    try:
        return partitions(log, topic)
    except TopicMissing:
        if topic in known:
            raise
        near = get_close_matches(topic, known, 1)
        hint = f": did you mean {near[0]}?" if near else ", on the log or in schemas/topics"
        raise TopicMissing(f"there is no topic {topic!r}{hint}") from None


def start_of(log: Log, tp: Tp, span: Span, follow: bool) -> int:
    if span.from_ms is not None:
        return log.offset_at(tp, span.from_ms)
    return log.bounds(tp)[1 if follow else 0]


def after(span: Span, at_ms: int) -> bool:
    return span.to_ms is not None and at_ms >= span.to_ms


def end_of(log: Log, tp: Tp, span: Span) -> int:
    return log.bounds(tp)[1] if span.to_ms is None else log.offset_at(tp, span.to_ms)


def shown(codec: Codec, topic: str, message: Message, key: str | None) -> Iterator[dict[str, Any]]:
    name = (message.key() or b"").decode(errors="replace")
    if key is not None and key != name:
        return
    where = {
        "topic": topic,
        "partition": message.partition(),
        "offset": message.offset(),
        "timestamp_ms": message.timestamp()[1],
        "key": name,
    }
    headers = {name: text_of(value) for name, value in message.headers() or ()}
    yield {**where, "headers": headers, "value": body_of(codec, message.value())}


def text_of(header: bytes | None) -> str | None:
    return None if header is None else header.decode(errors="replace")


def body_of(codec: Codec, value: bytes | None) -> dict[str, Any]:
    """The event, or why there is none: anybody's record may lie on a topic."""
    if value is None:
        return {"event": None, "error": "no value: a tombstone"}
    try:
        return named_json(codec.decode(value))
    except TapeError as error:
        return {"event": None, "error": str(error)}
