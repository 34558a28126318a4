"""Figures of one shard: its epochs as they are committed, and where it stands.

Everything is counted per epoch. What an epoch decided is looked at record by record only where it
wrote to a topic whose events are counted one by one (`SINGLE`), and ages come from its newest
outputs: catching up stays as quick as it is.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, NamedTuple, Protocol

from connectors.log.interface import Tp
from connectors.metrics import declared
from connectors.metrics.kinds import Rows
from connectors.metrics.orders import Figures
from pipelines.logic import Output
from schemas.events import EpochCommitted

NEWEST: Final = 500  # of an epoch's outputs; a live epoch has fewer
SINGLE: Final = frozenset(
    {"md.feed-status.v1", "signal.target.v1", "oms.order-request.v1", "risk.decision.v1"}
)
MARKET: Final = ("TradePrinted", "QuoteChanged", "BookChanged")


class Committed(NamedTuple):
    """An epoch on the log. `began_s`: monotonic seconds at which it was handed out; `ends`: one
    past the last record of each partition written.
    """

    epoch: EpochCommitted
    began_s: float
    transaction_s: float
    ends: Mapping[Tp, int] = MappingProxyType({})


class Observer(Protocol):
    """Who looks at epochs as they are settled; none decides anything."""

    def verified(self) -> None: ...
    def committed(self, done: Committed) -> None: ...


class Stands(Protocol):
    """What of a session is looked at while it runs."""

    @property
    def log_time_ms(self) -> int: ...
    def lag(self) -> Mapping[Tp, int]:
        """Offsets that wait, by input partition."""
        ...


class EpochFigures:
    """`decided` is given what an epoch decided, then `committed` that it is on the log."""

    def __init__(self, pipeline: str, shard: int) -> None:
        self._pipeline, self._shard = pipeline, str(shard)
        self._about = pipeline, self._shard
        self._figures, self._outputs = Figures(), list[Output]()
        self._received_ns: dict[str, int] = {}
        self.sequence: int | None = None
        self._records = declared.EPOCH_RECORDS.labels(*self._about)
        self._seconds = declared.EPOCH_SECONDS.labels(*self._about)
        self._transaction = declared.TRANSACTION_SECONDS.labels(*self._about)
        self._verified = declared.EPOCHS_VERIFIED.labels(*self._about)
        if pipeline == "market":
            declared.MARKET_DATA_AGE.read = self._ages

    def follow(self, stands: Stands) -> None:
        """Shows where a session stands, at every scrape."""
        declared.CONSUMER_LAG.read = lambda: {
            (*self._about, tp.topic, str(tp.partition)): left for tp, left in stands.lag().items()
        }
        declared.LOG_TIME.read = lambda: {self._about: stands.log_time_ms / 1_000}

    def decided(self, outputs: Sequence[Output]) -> None:
        self._outputs = list(outputs)

    def verified(self) -> None:
        """A recorded epoch was re-run: what it decided was counted by who committed it."""
        self._verified.inc()
        self._note_ages()
        self._outputs = []

    def committed(self, done: Committed) -> None:
        epoch, about = done.epoch, self._about
        self.sequence = epoch.sequence
        declared.EPOCHS.labels(*about, epoch.reason).inc()
        self._records.observe(sum(one.count for one in epoch.inputs))
        self._seconds.observe(time.monotonic() - done.began_s)
        self._transaction.observe(done.transaction_s)
        for one in epoch.inputs:
            if one.count:
                declared.RECORDS_READ.labels(*about, one.topic).inc(one.count)
        for out in epoch.outputs:
            declared.RECORDS_WRITTEN.labels(*about, out.topic).inc(out.count)
        if epoch.snapshot is not None:
            declared.SNAPSHOT_BYTES.show({about: epoch.snapshot.size})
        self._count(epoch)

    def _count(self, epoch: EpochCommitted) -> None:
        topics = {one.topic for one in epoch.outputs}
        if topics & SINGLE or any(topic.endswith(".dlq") for topic in topics):
            self._figures.count(output.event for output in self._outputs)
        self._note_ages()
        self._outputs = []

    def _note_ages(self) -> None:
        for output in self._outputs[-NEWEST:]:
            event: Any = output.event
            name = type(event).__name__
            if name in MARKET:
                self._received_ns[event.instrument] = event.ts_recv_ns
            elif name == "MarkPublished":
                declared.MARK_PRICE.note((event.instrument,), event.mark_px)

    def _ages(self) -> Rows:
        now_ns = time.time_ns()
        found = list(self._received_ns.items())
        return {(name,): max(0, now_ns - at_ns) / 1e9 for name, at_ns in found}
