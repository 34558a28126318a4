"""Snapshots in the middle of the books of 100 instruments, with the real market logic.

Two lines carry depth, quotes and trades of 100 instruments; epochs are cut in the middle of chains,
and a snapshot is due every few epochs. Whatever the restart begins with, the rest is the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from connectors.epochs.batch import Decoder
from connectors.epochs.bytewax_ends import EpochSink, EpochSource, run_flow
from connectors.epochs.encode import Encoder, counts_of
from connectors.epochs.history import Ledger, history_from_start, history_since
from connectors.epochs.model import Intent, Shard
from connectors.epochs.opening import open_session
from connectors.epochs.parts import Parts
from connectors.epochs.session import Session
from connectors.epochs.verify import Verifier
from connectors.log.interface import OutRecord
from connectors.log.memory import MemoryLog
from connectors.partitioner import murmur2_partition
from pipelines.flow import build_flow
from pipelines.logic import Input
from pipelines.market.logic import MarketLogic
from tests.connectors.epochs import toy
from tests.pipelines.market.script import PARSERS, Scribe

INSTRUMENTS, ROUNDS = 100, 6
SHARD = Shard(
    "market", 0, 1, MarketLogic.inputs, "v1",
    records_max=170, snapshot_bytes_min=60_000, snapshot_factor=0,
)  # fmt: skip


def frames() -> Iterator[Input]:
    """By turns: both lines of every instrument, a snapshot first, then deltas, quotes, trades."""
    scribes = [Scribe(f"coin{number}usdt") for number in range(INSTRUMENTS)]
    for scribe in scribes:
        yield from scribe.write("As4 Bs4")
    for turn in range(ROUNDS):
        for number, scribe in enumerate(scribes):
            scribe.now_ms = 1_000 + 10 * turn
            lost = "" if (number + turn) % 7 else f"Ad{5 + turn}-{5 + turn}"
            both = f"Ad{5 + turn}-{5 + turn} Bd{5 + turn}-{5 + turn}"
            yield from scribe.write(f"{lost or both} Aq{turn} Bq{turn} A{turn} B{turn}")


def recorded() -> MemoryLog:
    topics = dict.fromkeys((*MarketLogic.outputs, "market.epochs.v1", "market.snapshots.v1"), 4)
    log = MemoryLog({**topics, "md.raw.v1": 4, "ops.clock.v1": 1})
    for item in frames():
        partition = murmur2_partition(item.key, 4)
        value = toy.CODEC.encode(item.event)
        log.append(OutRecord("md.raw.v1", partition, item.key, value, item.timestamp_ms))
    return log


def run(session: Session) -> None:
    log = session.parts.log
    flow = build_flow(
        EpochSource(session),
        EpochSink(session, toy.never_exit),
        MarketLogic(PARSERS),
        Decoder(toy.CODEC, "market"),
        Encoder(SHARD, toy.CODEC, counts_of(log)),
    )
    run_flow(flow, session)


def live(log: MemoryLog, shard: Shard = SHARD) -> None:
    run(open_session(log, toy.CODEC, shard, Intent(start="earliest"), until=lambda: True))


def outputs(log: MemoryLog) -> dict[bytes, bytes]:
    """Values by id; no id may be there twice."""
    found = [
        (dict(record.headers)["ce_id"], record.value)
        for tp, part in log.partitions.items()
        if tp.topic in MarketLogic.outputs
        for _, record in part.committed(0, part.end)
    ]
    assert len(dict(found)) == len(found)
    return dict(found)


def test_every_snapshot_leads_to_the_same_rest() -> None:
    log = recorded()
    live(log)
    ledger = Ledger(log, toy.CODEC, SHARD)
    taken = [e.snapshot for e in history_from_start(ledger, SHARD).epochs if e.snapshot_taken]
    assert len(taken) > 5
    assert max(ref.size for ref in taken if ref) > 10_000
    for ref in taken:
        assert ref is not None
        history = history_since(ledger, SHARD, ref)
        verifier = Verifier(toy.CODEC, SHARD)
        session = Session(Parts(log, toy.CODEC, SHARD, history.base, history.epochs, verifier))
        run(session)
        assert session.progress.epochs_verified == len(history.epochs)


def test_restarts_between_epochs_change_nothing() -> None:
    """Stopped and started again after every 300 records, the outputs are those of one run."""
    whole, pieces = recorded(), recorded()
    live(whole, replace(SHARD, records_max=100_000))
    waiting = {tp: part.entries for tp, part in pieces.partitions.items() if part.entries}
    for part in (pieces.partitions[tp] for tp in waiting):
        part.entries = []
    while any(waiting.values()):
        for tp, entries in waiting.items():
            pieces.partitions[tp].entries += entries[:75]
            waiting[tp] = entries[75:]
        live(pieces)
    assert len(outputs(whole)) > 2 * INSTRUMENTS * ROUNDS
    assert outputs(pieces) == outputs(whole)
