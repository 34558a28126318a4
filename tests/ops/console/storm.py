"""10,000 updates a second for one instrument, for as long as somebody watches: trades, quotes and
depth in turn, encoded beforehand.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from connectors.log.interface import OutRecord
from connectors.log.memory import MemoryLog
from connectors.partitioner import murmur2_partition
from ops.console.rendered import now_ms
from pipelines.batches import local_codec
from schemas.events import BookChanged, QuoteChanged, TradePrinted

RATE: Final = 10_000
SLICE_S: Final = 0.02
SLICE: Final = int(RATE * SLICE_S)
KINDS: Final = 5  # updates of which three are trades, one a quote, one of depth


@dataclass
class Storm:
    """`fed`: updates so far. `unsent_bytes`: the most that was seen to wait for one client."""

    log: MemoryLog
    instrument: str
    waiting: Callable[[], int]
    fed: int = 0
    unsent_bytes: int = 0
    _over: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """At the pace, or as fast as it goes where the machine is slower."""
        codec, key = local_codec(), self.instrument.encode()
        updates = [(topic, codec.encode(event)) for topic, event in _updates(self.instrument)]
        counts = {topic: self.log.partition_count(topic) for topic, _ in updates}
        begun_s = time.monotonic()
        while not self._over.is_set():
            for topic, value in (updates[n % len(updates)] for n in self._next()):
                place = murmur2_partition(key, counts[topic])
                self.log.append(OutRecord(topic, place, key, value, now_ms()))
            self.fed += SLICE
            self.unsent_bytes = max(self.unsent_bytes, self.waiting())
            self._over.wait(begun_s + self.fed / RATE - time.monotonic())

    def _next(self) -> range:
        return range(self.fed, self.fed + SLICE)

    def stop(self) -> None:
        self._over.set()


def _updates(name: str) -> Iterator[tuple[str, object]]:
    for n in range(RATE):
        price, one = Decimal(50_000 + n % 997), Decimal(1)
        ask, kind = price + 1, n % KINDS
        if kind == 0:
            quote = QuoteChanged("BINANCE", name, n, price, one, ask, one, None, 5, "A")
            yield "md.quote.v1", quote
        elif kind == 1:
            sides = (price,), (one,), (ask,), (one,)
            book = BookChanged("BINANCE", name, True, n, n, None, *sides, None, 5, "A")
            yield "md.book.v1", book
        else:
            trade = TradePrinted("BINANCE", name, f"{n}", "BUY", price, one, None, 5, "A")
            yield "md.trade.v1", trade


@contextmanager
def storm(log: MemoryLog, instrument: str, waiting: Callable[[], int]) -> Iterator[Storm]:
    """Blows until the end of the block."""
    found = Storm(log, instrument, waiting)
    thread = threading.Thread(target=found.run)
    thread.start()
    try:
        yield found
    finally:
        found.stop()
        thread.join()
