"""Quix Streams as its documentation sets it up: one consumer group, state in RocksDB with a
changelog topic, at least once (its default).

Runs in an environment of its own (`requirements.txt`) and imports nothing of Tape: quixstreams pins
other versions of the Kafka client.
"""

from __future__ import annotations

import io
import json
import sys
import time
from pathlib import Path
from typing import Any

import fastavro

FAST, SLOW = 2 / 51, 2 / 201


class Count:
    """Stops the application after the last record; time counts from the first, after all set-up."""

    def __init__(self, events: int) -> None:
        self._left = events
        self.began = self.cpu = self.seconds = self.cpu_s = 0.0

    def record(self, app: Any) -> None:
        if not self.began:
            self.began, self.cpu = time.perf_counter(), time.process_time()
        self._left -= 1
        if self._left == 0:
            self.seconds = time.perf_counter() - self.began
            self.cpu_s = time.process_time() - self.cpu
            app.stop()


def cross(trade: dict[str, Any], state: Any) -> dict[str, int] | None:
    """The side, where it changed."""
    price, before = trade["px"], state.get("ema")
    if before is None:
        state.set("ema", [price, price, 0])
        return None
    fast, slow, side = before
    fast += (price - fast) * FAST
    slow += (price - slow) * SLOW
    now = 1 if fast > slow else 0
    state.set("ema", [fast, slow, now])
    return {"side": now} if now != side else None


def main(servers: str, topic: str, out: str, schema_file: str, events: int, folder: str) -> None:
    """Processes `events` records of `topic` and prints how long that took."""
    from quixstreams import Application  # type: ignore[import-not-found]
    from quixstreams.models import Deserializer  # type: ignore[import-not-found]

    schema, read = fastavro.parse_schema(json.loads(Path(schema_file).read_text())), fastavro
    count = Count(events)

    class Trade(Deserializer):  # type: ignore[misc]
        def __call__(self, value: bytes, ctx: Any) -> dict[str, Any]:
            event: Any = read.schemaless_reader(io.BytesIO(value[5:]), schema)
            return {"px": float(event["last_px"])}

    app = Application(
        broker_address=servers,
        consumer_group=f"quix-{time.time_ns()}",
        auto_offset_reset="earliest",
        state_dir=folder,
        loglevel="WARNING",
    )
    trades = app.topic(topic, key_deserializer="bytes", value_deserializer=Trade())
    changes = app.topic(out, key_serializer="bytes", value_serializer="json")
    frame = app.dataframe(trades)
    frame = frame.update(lambda _: count.record(app))
    frame = frame.apply(cross, stateful=True).filter(lambda change: change is not None)
    frame.to_topic(changes)
    app.run()
    sample = {"work": "quixstreams", "events": events}
    print(json.dumps({**sample, "seconds": count.seconds, "cpu_s": count.cpu_s}), flush=True)


if __name__ == "__main__":
    _, servers_, topic_, out_, schema_, events_, folder_ = sys.argv
    main(servers_, topic_, out_, schema_, int(events_), folder_)
