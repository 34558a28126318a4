"""One stretch of recorded epochs, re-run in this process up to the first that differs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, NoReturn

from connectors.epochs.batch import Decoder
from connectors.epochs.bytewax_ends import EpochSink, EpochSource, run_flow
from connectors.epochs.encode import Encoder, counts_of
from connectors.epochs.errors import Diverged
from connectors.epochs.model import Shard
from connectors.epochs.parts import Parts
from connectors.epochs.recorded import RecordedOutputs
from connectors.epochs.session import Progress, Session
from connectors.epochs.verify import Verifier
from connectors.log.interface import Log, OutRecord
from pipelines.flow import build_flow
from pipelines.logic import Logic
from replay.compare import Difference, differences
from replay.pace import Pace, at_once
from replay.stretches import Stretch
from schemas.codec import Codec
from schemas.events import EpochCommitted

Keep = Callable[[EpochCommitted, Sequence[OutRecord]], None]


class Finding(NamedTuple):
    """The first epoch that differs: in what, and event by event."""

    sequence: int
    what: str
    message: str
    differences: list[Difference]


class Ran(NamedTuple):
    """What a stretch gave."""

    epochs: int = 0
    records: int = 0
    outputs: int = 0
    snapshots: int = 0
    finding: Finding | None = None

    def then(self, after: Ran) -> Ran:
        """This one and the one that follows it as one."""
        return Ran(
            self.epochs + after.epochs,
            self.records + after.records,
            self.outputs + after.outputs,
            self.snapshots + after.snapshots,
            after.finding,
        )


class Failure(NamedTuple):
    """Why a stretch gave nothing, on its way from another process."""

    message: str
    exit_code: int


def run_stretch(
    log: Log,
    codec: Codec,
    shard: Shard,
    logic: Logic[Any],
    stretch: Stretch,
    on_epoch: Callable[[int], None],
    goes_on: Pace = at_once,
    keep: Keep | None = None,
) -> Ran:
    """`on_epoch` is told how many epochs are done. Raises `TapeError` when it cannot run."""
    verifier = Verifier(codec, shard)
    first_different: list[tuple[Diverged, EpochCommitted, list[OutRecord]]] = []

    def note(finding: Diverged, record: EpochCommitted, records: object) -> None:
        first_different.append((finding, record, list(records)))  # type: ignore[call-overload]
        raise finding

    verifier.on_divergence = note
    parts = Parts(log, codec, shard, stretch.base, stretch.epochs, verifier, carry=stretch.carry)
    session, found = Session(parts), None
    session.goes_on, session.on_rerun = goes_on, keep
    try:
        drive(session, log, codec, logic, lambda progress: on_epoch(progress.epochs_verified))
    except Diverged:
        session.close()
        finding, record, records = first_different[0]
        outputs = RecordedOutputs(log, codec, shard).messages(record)
        shown = differences(codec, outputs, records)
        found = Finding(finding.sequence, finding.what, str(finding), shown)
    did = session.progress
    return Ran(did.epochs_verified, did.records, did.outputs, did.snapshots, found)


def drive(
    session: Session,
    log: Log,
    codec: Codec,
    logic: Logic[Any],
    on_epoch: Callable[[Progress], None] | None = None,
) -> None:
    """Runs a session to its end through the pipeline's own dataflow."""
    kept = session.on_rerun is not None
    encode = Encoder(session.parts.shard, codec, counts_of(log), traces=kept)
    session.on_settled = on_epoch
    source, sink = EpochSource(session), EpochSink(session, no_writer)
    run_flow(build_flow(source, sink, logic, Decoder(codec, logic.name), encode), session)


def no_writer(code: int, message: str) -> NoReturn:
    raise AssertionError(f"a replay writes nothing, yet: {message}")
