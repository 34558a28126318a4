"""Any pipeline's logic over a log, through Bytewax as its process runs it, and what it wrote."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from connectors.epochs.batch import Decoder
from connectors.epochs.bytewax_ends import EpochSink, EpochSource, run_flow
from connectors.epochs.encode import Encoder, counts_of
from connectors.epochs.session import Session
from connectors.log.memory import MemoryLog
from pipelines.flow import build_flow
from pipelines.logic import Logic
from tests.connectors.epochs.toy import never_exit


def drive(session: Session, logic: Logic[Any]) -> None:
    """Until the session ends."""
    parts = session.parts
    source, sink = EpochSource(session), EpochSink(session, never_exit)
    encode = Encoder(parts.shard, parts.codec, counts_of(parts.log))
    run_flow(build_flow(source, sink, logic, Decoder(parts.codec, logic.name), encode), session)


def outputs(log: MemoryLog, topics: Collection[str]) -> dict[bytes, bytes]:
    """Values by id; no id may be there twice."""
    found = [
        (dict(record.headers)["ce_id"], record.value)
        for tp, part in log.partitions.items()
        if tp.topic in topics
        for _, record in part.committed(0, part.end)
    ]
    assert len(dict(found)) == len(found)
    return dict(found)
