"""Tick to signal: captured frames at their own pace into `md.raw.v1`, through the market and the
strategy process, to a read_committed consumer of `signal.target.v1`.

The clock starts where a connector's does, when the frame is there (`ts_recv_ns`), and stops when
the consumer has the event. Both ends are this process; the two pipelines are processes of their
own, started as users do.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence
from typing import Any

from connectors.feed.capture import load
from connectors.log.interface import Message
from connectors.log.kafka_reader import KafkaReader
from connectors.log.places import partitions
from connectors.raw_writer import RawWriter
from connectors.venues import venue
from ops.bench.samples import Sample
from ops.processes.clients import codec_of, kafka_log
from ops.settings import Settings
from schemas.codec import Codec
from schemas.events import FrameReceived

CAPTURES = (
    "binance_spot_btcusdt_20240808",
    "binance_spot_ethusdt_20240808",
    "binance_usdm_btcusdt_20240808",
    "binance_usdm_ethusdt_20240808",
)
WATCHED = ("md.trade.v1", "md.quote.v1", "signal.target.v1")
QUIET_S = 2.0


class Tap(threading.Thread):
    """Consumes what the pipelines commit and notes how old each event's frame is."""

    def __init__(self, settings: Settings, codec: Codec) -> None:
        super().__init__(daemon=True)
        self._codec, log = codec, kafka_log(settings)
        ends = {tp: log.bounds(tp)[1] for tp in partitions(log, *WATCHED)}
        self._reader: KafkaReader = log.reader(ends)
        self.stopping = threading.Event()
        self.seen: list[tuple[str, int, float]] = []  # topic, ts_recv_ns, milliseconds

    def run(self) -> None:
        while not self.stopping.is_set():
            for tp, messages in self._reader.poll(1_000, 0.05).items():
                self._note(tp.topic, messages, time.time_ns())
        self._reader.close()

    def _note(self, topic: str, messages: Sequence[Message], now_ns: int) -> None:
        for message in messages:
            ts_ns = self._codec.decode(message.value()).ts_recv_ns
            self.seen.append((topic, ts_ns, (now_ns - ts_ns) / 1e6))


async def play(settings: Settings, codec: Codec, seconds: float) -> tuple[int, int]:
    """Writes each frame at its time; number of frames, and when the first was due (ns)."""
    frames = load(CAPTURES, seconds=seconds)
    routes = {code: venue(code).route() for code in {frame.venue for frame in frames}}
    writers = {
        code: RawWriter(settings.kafka_options(), settings.topic_prefix, codec, route)
        for code, route in routes.items()
    }
    tasks = [asyncio.create_task(writer.run()) for writer in writers.values()]
    began_ns = time.time_ns()
    for frame in frames:
        early_s = (began_ns + frame.at_ns - time.time_ns()) / 1e9
        if early_s > 0:
            await asyncio.sleep(early_s)
        connection = f"{frame.venue.lower()}-a".ljust(32, "0")
        event = FrameReceived(frame.venue, "A", connection, time.time_ns(), frame.payload)
        writers[frame.venue].frame(event)
    await asyncio.sleep(QUIET_S)
    for task in tasks:
        task.cancel()
    for writer in writers.values():
        writer.close(10)
    return len(frames), began_ns


def latency(settings: Settings, _: int, arguments: dict[str, Any]) -> Sample:
    """The pipelines must run already, from `latest` or `earliest`."""
    codec, seconds = codec_of(settings), arguments["seconds"]
    warm_s = arguments["warm_s"]
    tap = Tap(settings, codec)
    tap.start()
    events, began_ns = asyncio.run(play(settings, codec, seconds + warm_s))
    tap.stopping.set()
    tap.join()
    counted = [s for s in tap.seen if s[1] >= began_ns + warm_s * 1e9]
    found = {topic: [ms for t, _, ms in counted if t == topic] for topic in WATCHED}
    shares = {topic: percentiles(values) for topic, values in found.items()}
    return Sample("latency", events, seconds, extra=shares)


def percentiles(values: Sequence[float]) -> dict[str, float]:
    """Count, median, 90 %, 99 % and the largest, in milliseconds."""
    ordered = sorted(values)
    if not ordered:
        return {"count": 0}
    at = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}
    last = len(ordered) - 1
    found = {name: ordered[min(last, int(share * len(ordered)))] for name, share in at.items()}
    return {"count": len(ordered), **found}
