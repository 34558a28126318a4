"""Runs a shard's recorded epochs again, from the nearest earlier snapshot, and compares every
digest on the way.

No writer exists here: a replay cannot touch a live topic.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, NoReturn

from connectors.epochs.batch import Decoder
from connectors.epochs.boundaries import Carrying, accepted_in
from connectors.epochs.bytewax_ends import EpochSink, EpochSource, run_flow
from connectors.epochs.encode import Encoder, counts_of
from connectors.epochs.errors import Diverged
from connectors.epochs.history import Ledger, history_from_start, history_since, of_own_version
from connectors.epochs.model import History, Shard
from connectors.epochs.parts import Parts
from connectors.epochs.recorded import RecordedOutputs
from connectors.epochs.session import Progress, Session
from connectors.epochs.verify import Verifier
from connectors.log.interface import Log, OutRecord, Tp
from pipelines.flow import build_flow
from pipelines.logic import Logic
from replay.compare import Difference, differences
from replay.pace import Pace, at_once, log_time
from replay.times import EVERYTHING, Span
from schemas.codec import Codec
from schemas.errors import TapeError
from schemas.events import EpochCommitted

Keep = Callable[[EpochCommitted, Sequence[OutRecord]], None]


class NothingRecorded(TapeError):
    """The span holds no epochs."""


class InputsGone(TapeError):
    """What the epochs read is no longer held."""


class Finding(NamedTuple):
    """The first epoch that differs: in what, and event by event."""

    sequence: int
    what: str
    message: str
    differences: list[Difference]


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
) -> Verdict:
    """Re-runs the epochs of a span; `keep` is given each with what it gave. Raises `TapeError` when
    it cannot run; a difference is in the verdict.
    """
    ledger, history = history_of(log, codec, shard, span)
    carry = Carrying(accepted=accepted_in(history.epochs))
    history.epochs = epochs_before(history, shard, span)
    history, notes = of_own_version(ledger, shard, history)
    epochs = epochs_before(history, shard, span)
    require_inputs(log, epochs)
    verifier = Verifier(codec, shard)
    first_different: list[tuple[Diverged, EpochCommitted, list[OutRecord]]] = []

    def note(finding: Diverged, record: EpochCommitted, records: object) -> None:
        first_different.append((finding, record, list(records)))  # type: ignore[call-overload]
        raise finding

    verifier.on_divergence = note
    session = Session(Parts(log, codec, shard, history.base, epochs, verifier, carry=carry))
    early = span.from_ms if span.from_ms is not None else -1
    session.goes_on = lambda epoch: log_time(epoch) < early or pace(epoch)
    session.on_rerun = keep
    verdict = Verdict(
        shard.pipeline,
        shard.number,
        epochs[0].sequence,
        history.base.snapshot is not None,
        sorted({e.version for e in epochs}),
        shard.version,
        notes=notes,
    )
    try:
        drive(session, log, codec, logic, lambda p: on_epoch(p.epochs_verified, len(epochs)))
    except Diverged:
        finding, record, records = first_different[0]
        outputs = RecordedOutputs(log, codec, shard).messages(record)
        shown = differences(codec, outputs, records)
        verdict.finding = Finding(finding.sequence, finding.what, str(finding), shown)
    verdict.epochs, verdict.records = session.progress.epochs_verified, session.progress.records
    verdict.outputs, verdict.snapshots = session.progress.outputs, session.progress.snapshots
    if verdict.clean and verdict.epochs < len(epochs):
        verdict.notes.append(f"ended after {verdict.epochs} of {len(epochs)} epochs")
    return verdict


def drive(
    session: Session,
    log: Log,
    codec: Codec,
    logic: Logic[Any],
    on_epoch: Callable[[Progress], None] | None = None,
) -> None:
    """Runs a session to its end through the pipeline's own dataflow."""
    encode = Encoder(session.parts.shard, codec, counts_of(log))
    session.on_settled = on_epoch
    source, sink = EpochSource(session), EpochSink(session, no_writer)
    run_flow(build_flow(source, sink, logic, Decoder(codec, logic.name), encode))


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


def no_writer(code: int, message: str) -> NoReturn:
    raise AssertionError(f"a replay writes nothing, yet: {message}")


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
