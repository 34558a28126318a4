"""Measures what a consumer of the log sees: time from the tick at our socket to its trade and
its signal, committed.
"""

from __future__ import annotations

import threading
import time
from typing import Any

from connectors.log.kafka import KafkaLog
from connectors.log.places import partitions
from schemas.codec import Codec

WATCHED = ("md.trade.v1", "signal.target.v1")


class Tap:
    """A read_committed consumer in a thread; `latencies_ms` by topic once it is closed."""

    def __init__(self, log: KafkaLog, codec: Codec) -> None:
        self._codec = codec
        self._reader = log.reader({tp: log.bounds(tp)[1] for tp in partitions(log, *WATCHED)})
        self._stopping = threading.Event()
        self.latencies_ms: dict[str, list[float]] = {topic: [] for topic in WATCHED}
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Tap:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()
        self._reader.close()

    def _run(self) -> None:
        while not self._stopping.is_set():
            for tp, messages in self._reader.poll(1_000, 0.05).items():
                now_ns = time.time_ns()
                for message in messages:
                    event = self._codec.decode(message.value())
                    self.latencies_ms[tp.topic].append((now_ns - event.ts_recv_ns) / 1e6)


def percentile(values: list[float], share: float) -> float:
    """The value below which `share` of all lie; nan of nothing."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


def latency(values: list[float]) -> dict[str, Any]:
    """Count and percentiles in milliseconds."""
    return {
        "count": len(values),
        "p50_ms": round(percentile(values, 0.50), 1),
        "p90_ms": round(percentile(values, 0.90), 1),
        "p99_ms": round(percentile(values, 0.99), 1),
    }
