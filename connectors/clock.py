"""The process `tape run clock`: wall time as an event, once per second, on `ops.clock.v1`.

Never transactional: a writer killed inside a transaction would stop time for every reader. The
stamp is the wall clock's, and steps back when that does; only the pace is monotonic. While the
broker is away, ticks wait in the producer up to `UNCONFIRMED_MAX`, then none are made until it is
back: a late tick tells nobody anything, and the readers see the silence.
"""

from __future__ import annotations

import logging
import signal
import time
from collections.abc import Callable, Mapping
from threading import Event
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message

from connectors.log.errors import Aborted, OutcomeUnknown, WriterError
from connectors.metrics import declared
from connectors.metrics.server import Health
from connectors.raw_writer import open_producer, partition_count
from schemas.codec import Codec
from schemas.events import ClockTick

log = logging.getLogger("tape.clock")

TOPIC = "ops.clock.v1"
PARTITION = 0
EVERY_S = 1.0
POLL_S = 0.05
UNCONFIRMED_MAX = 60
FLUSH_S = 3.0


class Clock:
    """Writes ticks; `now_ns` is the wall clock, `monotonic_s` paces."""

    def __init__(
        self,
        kafka: Mapping[str, Any],
        codec: Codec,
        prefix: str = "",
        now_ns: Callable[[], int] = time.time_ns,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """Raises `LogUnreachable`, `TopicMissing`."""
        self._topic, self._encode = prefix + TOPIC, codec.encoder(ClockTick)
        self._now_ns, self._monotonic_s = now_ns, monotonic_s
        self._producer = open_producer(kafka)
        partition_count(self._producer, self._topic)
        self._due_s = monotonic_s()
        self._failure = ""
        self.turned_s = time.monotonic()  # when its loop last turned
        self.unconfirmed = self.ticks = self.skipped = 0

    def run(self, stop: Event) -> None:
        """Until `stop` is set. Raises `Aborted` if a tick is refused, `OutcomeUnknown` at the end
        if some are unconfirmed.
        """
        while not stop.is_set():
            self.turned_s = time.monotonic()
            self.step()
            self.poll(POLL_S)
        self._producer.flush(FLUSH_S)
        if self.unconfirmed:
            raise OutcomeUnknown(f"{self.unconfirmed} ticks were not confirmed in {FLUSH_S:g} s")

    def poll(self, timeout_s: float) -> None:
        """Take delivery reports."""
        self._producer.poll(timeout_s)

    def step(self) -> None:
        """Write a tick if one is due. After a pause of the process one tick, not a burst."""
        if self._failure:
            raise Aborted(self._failure)
        now_s = self._monotonic_s()
        if now_s < self._due_s:
            return
        on_time = self._due_s + EVERY_S > now_s
        self._due_s = (self._due_s if on_time else now_s) + EVERY_S
        if self.unconfirmed >= UNCONFIRMED_MAX:
            self._skip()
            return
        if self.skipped:
            log.warning("log is back: %d ticks were not made", self.skipped)
            self.skipped = 0
        self._tick(self._now_ns())

    def _skip(self) -> None:
        if not self.skipped:
            log.warning("log behind: %d ticks unconfirmed; no more are made", self.unconfirmed)
        self.skipped += 1

    def _tick(self, ts_ns: int) -> None:
        try:
            self._producer.produce(
                self._topic,
                self._encode(ClockTick(ts_ns)),
                None,
                PARTITION,
                self._delivered,
                timestamp=ts_ns // 1_000_000,
            )
        except (BufferError, KafkaException) as error:
            raise Aborted(f"cannot write to {self._topic}: {error}") from None
        self.unconfirmed += 1
        self.ticks += 1

    def _delivered(self, error: KafkaError | None, _: Message) -> None:
        self.unconfirmed -= 1
        if error is not None:
            self._failure = f"cannot write to {self._topic}: {error.str()}"


def show(clock: Clock, health: Health) -> None:
    """Its figures; ready: the log takes its ticks."""
    declared.TICKS.read = lambda: {(): clock.ticks}
    declared.TICKS_SKIPPED.read = lambda: {(): clock.skipped}
    health.turned_s = lambda: clock.turned_s
    health.ready = lambda: "" if clock.ticks and not clock.skipped else "no ticks are made"


def run_clock(
    *,
    kafka: Mapping[str, Any],
    codec: Codec,
    topic_prefix: str = "",
    health: Health | None = None,
) -> int:
    """Tick until SIGTERM or SIGINT; gives the exit code: 0, 71 (a tick refused), 72 (unconfirmed).

    Raises `TapeError` (exit 2) for what is wrong at the start: broker, topic, registry.
    """
    stop = Event()
    clock = Clock(kafka, codec, topic_prefix)
    show(clock, health or Health())
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        clock.run(stop)
    except WriterError as error:
        log.critical("%s", error)
        return error.exit_code
    log.info("stopped after %d ticks", clock.ticks)
    return 0
