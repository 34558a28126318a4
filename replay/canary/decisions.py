"""What one version decides over recorded epochs. Nothing is written anywhere."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from decimal import Decimal
from typing import Any, NamedTuple

from connectors.epochs.batch import EpochBatch
from connectors.epochs.inputs import places_over
from connectors.epochs.model import History, Shard
from connectors.epochs.recorded import RecordedOutputs
from connectors.epochs.supply import Supply
from connectors.log.interface import Log
from pipelines.exact import plain
from pipelines.execution.requests import REQUESTS, TARGETS
from pipelines.following import followed
from pipelines.logic import Logic, Output, StateVersionError
from replay.canary.marks import Asked, Marks, nameless
from replay.compare import named_json
from replay.pace import log_time
from replay.rerun import epochs_before, history_of
from replay.times import EVERYTHING, Span
from replay.what_if import skipped_in
from schemas.codec import Codec
from schemas.errors import TapeError
from schemas.events import EpochCommitted


class CannotDecide(TapeError):
    """A version fails on what another has recorded."""


class Decision(NamedTuple):
    """One event decided: `cause` is TOPIC/PARTITION/OFFSET, `number` counts those of one cause with
    the same topic and key. `event` is JSON: a decimal is a string, and so is `mark_px`: the mark by
    then of a request, which names none itself, and the price by then of a target without one.
    """

    cause: str
    topic: str
    key: str
    number: int
    event: dict[str, Any]
    mark_px: str | None = None


class Turn(NamedTuple):
    """What a version decided in one epoch; `cpu_ns` for `records` inputs."""

    shard: int
    version: str
    sequence: int
    log_time_ms: int
    records: int
    cpu_ns: int
    decisions: list[Decision]


def turns(
    log: Log,
    codec: Codec,
    shard: Shard,
    logic: Logic[Any],
    span: Span = EVERYTHING,
    own_state: bool = False,
) -> Generator[Turn, None, None]:
    """The epochs of a span, decided anew. The state follows the recorded outputs, what really
    happened; with `own_state` the version's own, as if it had run.

    Raises `NothingRecorded`, and `CannotDecide` naming the epoch where the version fails.
    """
    _, history = history_of(log, codec, shard, span)
    epochs = epochs_before(history, shard, span)
    run = _Run(log, codec, shard, logic, history, own_state)
    with closing(run):
        for epoch in epochs:
            turn = run.turn(epoch)
            if span.from_ms is None or turn.log_time_ms >= span.from_ms:
                yield turn


class _Run:
    """One version, epoch after epoch."""

    def __init__(
        self,
        log: Log,
        codec: Codec,
        shard: Shard,
        logic: Logic[Any],
        history: History,
        own_state: bool,
    ) -> None:
        self._codec, self._shard, self._logic, self._own = codec, shard, logic, own_state
        self._supply = Supply(log, shard, places_over(history.base, history.epochs))
        self._recorded = RecordedOutputs(log, codec, shard)
        self._skipped = skipped_in(history)
        self._marks = Marks() if {REQUESTS, TARGETS} & {*logic.outputs} else None
        self._state = self._loaded(history)

    def _loaded(self, history: History) -> Any:
        base = history.base
        if base.body is None or base.snapshot is None:
            return self._logic.initial()
        try:
            return self._logic.load(base.body, base.snapshot.state_version)
        except StateVersionError as error:
            raise CannotDecide(
                f"the snapshot of epoch {base.sequence} of {self._shard.transactional_id} is not "
                f"one that version {self._shard.version[:12]} can begin with: {error}"
            ) from None

    def turn(self, epoch: EpochCommitted) -> Turn:
        slices = self._supply.recorded(epoch)
        batch = EpochBatch(slices, self._codec, self._shard.pipeline, self._skipped)
        recorded = None if self._own else self._recorded.of(epoch).outputs
        began = time.process_time_ns()
        try:
            if recorded is None:
                self._state, outputs = self._logic.step(self._state, batch)
            else:
                self._state, outputs = followed(self._logic, self._state, batch, recorded)
        except TapeError:
            raise
        except Exception as error:  # whatever the code of a version raises is that version's
            raise CannotDecide(
                f"version {self._shard.version[:12]} fails in epoch {epoch.sequence} of "
                f"{self._shard.transactional_id}: {type(error).__name__}: {error}"
            ) from error
        spent = time.process_time_ns() - began
        marks = self._marks.of(batch.rows(), outputs) if self._marks else {}
        decided = list(_decisions(outputs, marks))
        shard, version = self._shard.number, self._shard.version
        return Turn(shard, version, epoch.sequence, log_time(epoch), batch.count, spent, decided)

    def close(self) -> None:
        self._recorded.close()
        self._supply.close()


def _decisions(outputs: Sequence[Output], marks: Mapping[Asked, Decimal]) -> Iterator[Decision]:
    seen: Counter[tuple[Any, str, str]] = Counter()
    for output in outputs:
        cause, event = "/".join(map(str, output.position)), named_json(output.event)
        place = (output.position, output.topic, output.key)
        mark = _mark_of(output, marks)
        yield Decision(cause, output.topic, output.key, seen[place], event, mark)
        seen[place] += 1


def _mark_of(output: Output, marks: Mapping[Asked, Decimal]) -> str | None:
    if not nameless(output):
        return None
    px = marks.get((output.position, output.topic, output.event.instrument))
    return None if px is None else plain(px)
