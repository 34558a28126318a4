"""Runs a shard's recorded epochs again, from the nearest earlier snapshot, and compares every
digest on the way.

No writer exists here: a replay cannot touch a live topic.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from connectors.epochs.boundaries import Carrying, accepted_in
from connectors.epochs.history import Ledger, history_from_start, history_since, of_own_version
from connectors.epochs.model import EPOCHS, History, Shard
from connectors.log.interface import Log, Tp
from connectors.log.places import present
from pipelines.logic import Logic
from replay.pace import Pace, at_once, log_time
from replay.stretch_process import Work, run_others
from replay.stretch_run import Finding, Keep, Ran, run_stretch
from replay.stretches import Stretch, stretches
from replay.times import EVERYTHING, Span
from schemas.codec import Codec
from schemas.errors import TapeError
from schemas.events import EpochCommitted


class Spread(NamedTuple):
    """How to re-run stretches side by side: at most `most`, where a process costs `start` records.
    The functions give another process the log and the logic; they can be pickled.
    """

    most: int
    start: int
    open: Callable[[], tuple[Log, Codec]]
    logic: Callable[[], Logic[Any]]


class NothingRecorded(TapeError):
    """The span holds no epochs."""


class InputsGone(TapeError):
    """What the epochs read is no longer held."""


class MoreShards(TapeError):
    """A pipeline was run with more shards than were asked for."""


@dataclass
class Verdict:
    """What a replay of one shard found."""

    pipeline: str
    shard: int
    from_sequence: int  # first epoch re-run
    from_snapshot: bool
    versions: list[str]  # that recorded these epochs
    version: str  # that re-ran them
    epochs: int = 0
    records: int = 0
    outputs: int = 0
    snapshots: int = 0
    finding: Finding | None = None
    notes: list[str] = field(default_factory=list)
    stretches: int = 1  # re-run side by side

    @property
    def clean(self) -> bool:
        return self.finding is None


def rerun(
    log: Log,
    codec: Codec,
    shard: Shard,
    logic: Logic[Any],
    span: Span = EVERYTHING,
    on_epoch: Callable[[int, int], None] = lambda done, total: None,
    pace: Pace = at_once,
    keep: Keep | None = None,
    spread: Spread | None = None,
) -> Verdict:
    """Re-runs the epochs of a span; `keep` is given each with what it gave. `spread`: over several
    processes, at no pace and keeping nothing. Raises `TapeError` when it cannot run; a difference
    is in the verdict.
    """
    assert spread is None or (keep is None and pace is at_once), "both need the epochs in order"
    whole, notes = recorded(log, codec, shard, span)
    require_inputs(log, whole.epochs)
    parts = [whole]
    if spread is not None and spread.most > 1:
        parts = stretches(whole, log.bounds(shard.snapshots), spread.most, spread.start)
    early = span.from_ms if span.from_ms is not None else -1

    def first(tell: Callable[[int], None]) -> Ran:
        return run_stretch(
            log, codec, shard, logic, parts[0], tell,
            lambda epoch: log_time(epoch) < early or pace(epoch), keep,
        )  # fmt: skip

    works = [Work(spread.open, spread.logic, shard, one) for one in parts[1:]] if spread else []
    ran = run_others(works, first, lambda done: on_epoch(done, len(whole.epochs)))
    if ran.finding is None and ran.epochs < len(whole.epochs):
        notes.append(f"ended after {ran.epochs} of {len(whole.epochs)} epochs")
    return Verdict(
        shard.pipeline,
        shard.number,
        whole.epochs[0].sequence,
        whole.base.snapshot is not None,
        sorted({e.version for e in whole.epochs}),
        shard.version,
        *ran,
        notes,
        len(parts),
    )


def recorded(log: Log, codec: Codec, shard: Shard, span: Span) -> tuple[Stretch, list[str]]:
    """What is to be re-run, and words on what was left out."""
    ledger, history = history_of(log, codec, shard, span)
    carry = Carrying(accepted=accepted_in(history.epochs))
    history.epochs = epochs_before(history, shard, span)
    history, notes = of_own_version(ledger, shard, history)
    return Stretch(history.base, epochs_before(history, shard, span), carry), notes


def require_inputs(log: Log, epochs: Sequence[EpochCommitted]) -> None:
    """Raises `InputsGone` where the log does not hold all that these epochs read."""
    starts = {Tp(r.topic, r.partition): r.start for e in reversed(epochs) for r in e.inputs}
    for read in epochs[-1].inputs:
        tp = Tp(read.topic, read.partition)
        low, end = log.bounds(tp)
        missing = [(starts[tp], min(low, read.end)), (max(end, starts[tp]), read.end)]
        for first, stop in missing:
            if first < stop:
                raise InputsGone(
                    f"{tp.topic}/{tp.partition}: offsets {first} to {stop - 1}, which the epochs "
                    "read, are not there any more; --source archive or auto may have them"
                )


def require_all(log: Log, pipeline: str, shards: int, span: Span) -> None:
    """Raises `MoreShards` where another one recorded in the span: it would be left out unseen."""
    for tp in present(log, f"{pipeline}{EPOCHS}")[shards:]:
        low, end = log.bounds(tp)
        first = low if span.from_ms is None else log.offset_at(tp, span.from_ms)
        if first < (end if span.to_ms is None else log.offset_at(tp, span.to_ms)):
            raise MoreShards(
                f"{pipeline}-{tp.partition} has recorded epochs in that span too: name with "
                f"--shards how many shards {pipeline} was run with, not {shards}"
            )


def epochs_before(history: History, shard: Shard, span: Span) -> list[EpochCommitted]:
    """Those that end before the span does. Raises `NothingRecorded` where there are none."""
    found = [e for e in history.epochs if span.to_ms is None or log_time(e) < span.to_ms]
    if not found:
        raise NothingRecorded(f"{shard.transactional_id} has recorded no epochs in that span")
    return found


def history_of(log: Log, codec: Codec, shard: Shard, span: Span) -> tuple[Ledger, History]:
    """The recorded epochs from the newest snapshot before the span on; from the beginning where
    there is none.
    """
    ledger = Ledger(log, codec, shard)
    if ledger.end == 0:
        raise NothingRecorded(f"{shard.transactional_id} has recorded nothing yet")
    return ledger, since(ledger, log, shard, span)


def since(ledger: Ledger, log: Log, shard: Shard, span: Span) -> History:
    if span.from_ms is None:
        return whole(ledger, shard)
    offset = log.offset_at(shard.epochs, span.from_ms)
    before = last_epoch_before(ledger, offset)
    if before is None or before.snapshot is None:
        return whole(ledger, shard)
    return history_since(ledger, shard, before.snapshot)


def whole(ledger: Ledger, shard: Shard) -> History:
    """Everything still on the log: from the first record, or from the oldest snapshot that can
    be read.
    """
    if ledger.low == 0:
        return history_from_start(ledger, shard)
    taken = (r.event for r in ledger.records(ledger.low) if isinstance(r.event, EpochCommitted))
    oldest = next((e.snapshot for e in taken if e.snapshot_taken and e.snapshot), None)
    if oldest is None:
        raise NothingRecorded(
            f"{shard.transactional_id}: no snapshot is left on the log to begin with"
        )
    return history_since(ledger, shard, oldest)


def last_epoch_before(ledger: Ledger, offset: int) -> EpochCommitted | None:
    """The newest epoch recorded below an offset of the epochs partition."""
    reach = 64
    while True:
        start = max(ledger.low, offset - reach)
        found = [r for r in ledger.records(start) if r.offset < offset]
        epochs = [r.event for r in found if isinstance(r.event, EpochCommitted)]
        if epochs or start == ledger.low:
            return epochs[-1] if epochs else None
        reach *= 8
