"""Spans of one shard: what its committed epochs decided, and the epochs themselves.

Looked at once per epoch, after its commit, and record by record only in the pipelines that decide
about orders. Every trace with an order is kept, of the others a share. That a wanted position leads
to an order may turn out later: its span waits for that, and the spans above it are made here, since
no process before this one can know. Re-run epochs were shown by who committed them.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from connectors.log.interface import OutRecord
from connectors.metrics.epochs import Committed
from connectors.traces.beginnings import TICKS, Beginnings
from connectors.traces.ids import Ids, epoch_ids, ids_of, sampled, tick_ids
from connectors.traces.spans import LINKS_MAX, Newest, Put, Span, facts_of
from pipelines.logic import Input, Output
from schemas.events import TargetChanged, TargetClipped

DECIDING: Final = frozenset({"strategy", "risk", "reconciliation"})
_WANTED: Final = (TargetChanged, TargetClipped)
WAITING_MAX, SHOWN_MAX = 1_000, 10_000


class _Decided(NamedTuple):
    event: Any
    identifier: str


class _Time(NamedTuple):
    start_ns: int
    end_ns: int


class EpochSpans:
    """`decided` is given what an epoch decided, then `committed` that it is on the log."""

    def __init__(self, pipeline: str, shard: int, put: Put, share: float) -> None:
        self._pipeline, self._shard, self._put, self._share = pipeline, shard, put, share
        self._decided: list[_Decided] = []
        self._waiting = Newest[list[Span]](WAITING_MAX)
        self._shown = Newest[bool](SHOWN_MAX)  # traces whose beginning was shown
        self._beginnings = Beginnings()

    def decided(
        self,
        outputs: Sequence[Output],
        records: Sequence[OutRecord],
        inputs: Iterable[Input] = (),
    ) -> None:
        """`records` are the outputs, encoded, in the same order; `inputs` what the epoch read, as
        far as it was looked at row by row.
        """
        if self._pipeline in DECIDING:
            self._decided = list(_traced(outputs, records))
        if self._pipeline == "strategy" and self._decided:
            self._beginnings.hear({one.event.correlation_id for one in self._decided}, inputs)

    def verified(self) -> None:
        self._decided = []

    def committed(self, done: Committed) -> None:
        end_ns = time.time_ns()
        taken = _Time(end_ns - int((time.monotonic() - done.began_s) * 1e9), end_ns)
        links = list(self._kept(taken))
        self._decided = []
        ids = epoch_ids(self._pipeline, self._shard, done.epoch.sequence)
        if links or sampled(ids.trace, self._share):
            self._put(self._epoch(ids, done, taken, [*links, *self._ticks(done)]))

    def _kept(self, taken: _Time) -> Iterator[Ids]:
        """Shows what is to be kept; the spans that the epoch links to."""
        for event, identifier in self._decided:
            ids = ids_of(event, identifier)
            span = self._span(event, ids, taken)
            if self._keeps(event, ids.trace):
                self._begin(event, ids, taken)
                self._put(span)
                yield ids
            else:
                self._waiting.put(ids.trace, [*(self._waiting.get(ids.trace) or ()), span])

    def _keeps(self, event: Any, trace: str) -> bool:
        ordered = not isinstance(event, _WANTED) or self._shown.get(trace) is not None
        return ordered or sampled(trace, self._share)

    def _begin(self, event: Any, ids: Ids, taken: _Time) -> None:
        """What a trace begins with, once: frame, tick, and what was wanted before the order."""
        if self._pipeline != "strategy" or self._shown.get(ids.trace):
            return
        self._shown.put(ids.trace, True)
        spans = self._beginnings.of(event, taken.start_ns)
        for span in (*spans, *(self._waiting.pop(ids.trace) or ())):
            self._put(span)

    def _span(self, event: Any, ids: Ids, taken: _Time) -> Span:
        facts = {**facts_of(event), "tape.shard": self._shard}
        return Span(self._pipeline, type(event).__name__, ids, *taken, facts)

    def _ticks(self, done: Committed) -> Iterable[Ids]:
        """The last tick of each partition, whose offset the commit told."""
        if self._pipeline != "market":
            return ()
        return (
            tick_ids(f"{tp.topic}/{tp.partition}/{end - 1}")
            for tp, end in done.ends.items()
            if tp.topic in TICKS
        )

    def _epoch(self, ids: Ids, done: Committed, taken: _Time, links: Sequence[Ids]) -> Span:
        epoch = done.epoch
        facts: dict[str, str | int] = {
            "tape.shard": self._shard,
            "tape.epoch": epoch.sequence,
            "tape.reason": epoch.reason,
            "tape.records": sum(one.count for one in epoch.inputs),
            "tape.outputs": epoch.output_count,
            "tape.transaction_us": int(done.transaction_s * 1e6),
        }
        linked = tuple(dict.fromkeys(links))[:LINKS_MAX]
        return Span(self._pipeline, "epoch", ids, *taken, facts, links=linked)


def _traced(outputs: Sequence[Output], records: Sequence[OutRecord]) -> Iterator[_Decided]:
    for output, record in zip(outputs, records, strict=True):
        event = output.event
        if getattr(event, "correlation_id", None) or getattr(event, "snapshot_id", None):
            identifier = next((v for name, v in record.headers if name == "ce_id"), b"")
            yield _Decided(event, identifier.decode())
