"""What other limits would have decided, over recorded epochs.

Each request is judged anew on the state as it really was: the state follows the recorded decisions,
fills and marks, and only the limits differ. So an order that the other limits would have denied
still counts where it was really sent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from connectors.epochs.batch import EpochBatch
from connectors.epochs.boundaries import skipped_by
from connectors.epochs.inputs import places_over
from connectors.epochs.model import History, Shard
from connectors.epochs.recorded import RecordedOutputs
from connectors.epochs.supply import Supply
from connectors.log.interface import Log
from pipelines.items import Carried
from pipelines.logic import Input, Output, Position
from pipelines.risk.decisions import DECISIONS
from pipelines.risk.logic import RiskLogic
from pipelines.risk.state import RiskState
from replay.rerun import epochs_before, history_of
from replay.times import EVERYTHING, Span
from schemas.codec import Codec
from schemas.events import LimitsChanged, OrderApproved, OrderRequested

APPROVED = "APPROVED"


class Changed(NamedTuple):
    """A request that the other limits would have answered differently: APPROVED, or the reason."""

    position: Position
    timestamp_ms: int
    account: str
    strategy: str
    instrument: str
    cl_ord_id: str
    recorded: str
    now: str


@dataclass
class WhatIf:
    """What was compared, and what differs, in order."""

    epochs: int = 0
    requests: int = 0
    changed: list[Changed] = field(default_factory=list)

    @property
    def counts(self) -> dict[str, int]:
        """How many requests went from what to what."""
        found = Counter(f"{change.recorded} -> {change.now}" for change in self.changed)
        return dict(sorted(found.items()))


class _Judge:
    """Risk's logic under other limits, whatever limits the log says."""

    def __init__(self, limits: LimitsChanged, body: bytes | None, version: int) -> None:
        self._logic, self._limits = RiskLogic(), limits
        self.state: RiskState = self._logic.load(body, version) if body else self._logic.initial()
        self._impose()

    def _impose(self) -> None:
        """The other limits are newer than any on the log, so these change nothing."""
        event = self._limits._replace(limits_version=2**62)
        place = Input(Position("", 0, 0), 0, b"", event)
        self.state = self._logic.evolve(self.state, place)

    def answer(self, item: Input) -> str:
        [output] = self._logic.decide(self.state, item)
        return said(output)

    def follow(self, fact: Input | Output) -> None:
        self.state = self._logic.evolve(self.state, fact)


def said(output: Output) -> str:
    event = output.event
    return APPROVED if isinstance(event, OrderApproved) else str(event.reason)


def what_if(
    log: Log,
    codec: Codec,
    shard: Shard,
    limits: LimitsChanged,
    span: Span = EVERYTHING,
    on_epoch: Callable[[int, int], None] = lambda done, total: None,
) -> WhatIf:
    """Judges the requests of a span under `limits`. Raises `NothingRecorded` for an empty span."""
    _, history = history_of(log, codec, shard, span)
    epochs = epochs_before(history, shard, span)
    judge, found = _judge(limits, history), WhatIf()
    supply = Supply(log, shard, places_over(history.base, history.epochs))
    outputs = RecordedOutputs(log, codec, shard)
    try:
        skipped = skipped_in(history)
        for epoch in epochs:
            batch = EpochBatch(supply.recorded(epoch), codec, shard.pipeline, skipped)
            _compare(judge, batch, outputs.of(epoch), span, found)
            found.epochs += 1
            on_epoch(found.epochs, len(epochs))
    finally:
        outputs.close()
        supply.close()
    return found


def _judge(limits: LimitsChanged, history: History) -> _Judge:
    base = history.base
    return _Judge(limits, base.body, base.snapshot.state_version if base.snapshot else 0)


def skipped_in(history: History) -> frozenset[Position]:
    """Records that were left out by a person's word."""
    return frozenset(filter(None, (skipped_by(epoch.boundary) for epoch in history.epochs)))


def _compare(
    judge: _Judge, batch: EpochBatch, recorded: Carried, span: Span, found: WhatIf
) -> None:
    for item in batch.rows():
        outputs = [o for o in recorded.outputs.get(item.position, ()) if o.topic == DECISIONS]
        if isinstance(item.event, OrderRequested) and outputs and _within(item, span):
            found.requests += 1
            _note(found, item, said(outputs[0]), judge.answer(item))
        judge.follow(item)
        for output in outputs:
            judge.follow(output)


def _within(item: Input, span: Span) -> bool:
    """Epochs before the span, from its snapshot on, are run only for the state."""
    return span.from_ms is None or item.timestamp_ms >= span.from_ms


def _note(found: WhatIf, item: Input, recorded: str, now: str) -> None:
    if recorded != now:
        order: Any = item.event
        names = (order.account, order.strategy, order.instrument, order.cl_ord_id)
        found.changed.append(Changed(item.position, item.timestamp_ms, *names, recorded, now))
