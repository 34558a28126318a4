"""A desk's own trading, as its log held it: `make demo`, recorded once (tests/data/traded).

`load` gives the log in memory, every record at its own offset; `python -m tests.replay.traded` with
the settings of a demo's run folder (and its broker up) records another.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from connectors.log.interface import Log, Message, OutRecord, Tp
from connectors.log.memory import Entry, MemoryLog
from ops.settings import ROOT
from pipelines.batches import local_codec
from schemas.codec import Codec

FILE = ROOT / "tests" / "data" / "traded" / "demo.jsonl.gz"
LEFT_OUT = ("md.raw.v1", "md.book.v1", "snapshots.v1", "dlq")  # large, and nothing here reads them
DEADLINE_S = 15.0


def load(file: Path = FILE) -> MemoryLog:
    """The recorded log: schema ids are those of `local_codec`."""
    log = MemoryLog(
        {name: topic.partitions for name, topic in local_codec().catalog.topics.items()}
    )
    with gzip.open(file, "rt") as lines:
        for line in lines:
            _put(log, json.loads(line))
    return log


def _put(log: MemoryLog, row: dict[str, Any]) -> None:
    """The record at its offset; what lies before it are markers."""
    entries = log.partitions[Tp(row["topic"], row["partition"])].entries
    entries.extend(Entry(None, None) for _ in range(row["offset"] - len(entries)))
    headers = [(name, base64.b64decode(value)) for name, value in row["headers"]]
    key, value = (base64.b64decode(row[name]) for name in ("key", "value"))
    record = OutRecord(row["topic"], row["partition"], key, value, row["timestamp_ms"], headers)
    entries.append(Entry(record, None))


def save(log: Log, codec: Codec, file: Path) -> None:
    """Every committed record of the topics that are kept."""
    with gzip.GzipFile(file, "wb", mtime=0) as out:
        for topic in codec.catalog.topics:
            if not topic.endswith(LEFT_OUT):
                for message in _messages(log, topic):
                    out.write(json.dumps(_row(message, topic, codec)).encode() + b"\n")


def _messages(log: Log, topic: str) -> Iterator[Message]:
    for number in range(log.partition_count(topic)):
        tp = Tp(topic, number)
        yield from log.read(tp, *log.bounds(tp), DEADLINE_S)


def _row(message: Message, topic: str, codec: Codec) -> dict[str, Any]:
    return {
        "topic": topic,
        "partition": message.partition(),
        "offset": message.offset(),
        "timestamp_ms": message.timestamp()[1],
        "key": _text(message.key() or b""),
        "value": _text(_local(message.value(), codec)),
        "headers": [(name, _text(value)) for name, value in message.headers() or ()],
    }


def _local(value: bytes, codec: Codec) -> bytes:
    """The value with the id that `local_codec` knows its schema by; no host or user is named."""
    event = codec.decode(value)
    for name, instead in (("host", "host"), ("person", "ada")):
        if getattr(event, name, ""):
            return local_codec().encode(event._replace(**{name: instead}))
    schema = codec.ids.schema_of(int.from_bytes(value[1:5], "big"))
    return b"\0" + local_codec().ids.id_of(schema).to_bytes(4, "big") + value[5:]


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()


if __name__ == "__main__":
    from ops.processes.clients import codec_of, kafka_log
    from ops.settings import load as settings

    save(kafka_log(settings()), codec_of(settings()), FILE)
