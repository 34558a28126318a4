"""Runs one shard of one pipeline in this process, from opening to the last epoch."""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Callable
from types import FrameType

from bytewax.dataflow import Dataflow

from connectors.epochs.batch import Decoder
from connectors.epochs.bytewax_ends import EpochSink, EpochSource, run_flow, stop_on_signals
from connectors.epochs.encode import Encoder, counts_of
from connectors.epochs.model import Intent, Shard
from connectors.epochs.opening import open_session
from connectors.epochs.session import Session
from connectors.log.kafka import KafkaLog
from ops.figures.pipeline import Shown
from ops.processes.catalog import Pipeline, pipeline
from ops.processes.clients import codec_of, kafka_log
from ops.processes.exits import Abort
from ops.processes.lock import hold, hold_later
from ops.settings import Settings
from pipelines.flow import build_flow
from pipelines.items import Decided, Encoded
from schemas.codec import Codec

logger = logging.getLogger("tape.process")


def shard_of(made: Pipeline, number: int, shards: int, settings: Settings) -> Shard:
    """The shard with its bounds from the settings."""
    bounds = settings.epochs.model_dump()
    return Shard(made.name, number, shards, made.logic.inputs, made.version, **bounds)


def open_pipeline(
    name: str,
    number: int,
    shards: int,
    intent: Intent,
    settings: Settings,
    until: Callable[[], bool] = lambda: False,
) -> tuple[Session, Dataflow]:
    """A session and the dataflow that drives it. Fences any other process of the shard."""
    made = pipeline(name, settings)
    shown = Shown(made, number, settings)
    health = shown.begin()
    log, codec = kafka_log(settings), codec_of(settings)
    shard = shard_of(made, number, shards, settings)
    encode = shown.encode(encoding(made, shard, log, codec, settings))
    session = open_session(log, codec, shard, intent, rebuildable=made.rebuildable, until=until)
    shown.follow(session, health)
    abort = Abort(log, codec, shard, session.parts.instance)
    source, sink = EpochSource(session), EpochSink(session, abort)
    return session, build_flow(source, sink, shown.logic, Decoder(codec, name), encode)


def encoding(
    made: Pipeline, shard: Shard, log: KafkaLog, codec: Codec, settings: Settings
) -> Callable[[Decided], Encoded]:
    """Decisions to records, sealed where the pipeline asks for it; a key that cannot be had is
    refused here, before anybody is fenced.
    """
    encode = Encoder(shard, codec, counts_of(log), now_ms=lambda: time.time_ns() // 1_000_000)
    if made.seal is None:
        return encode
    seal = made.seal(settings, log, codec)
    return lambda decided: seal(encode(decided))


def _stop_before_opening(number: int, frame: FrameType | None) -> None:
    """SIGTERM before there is anything to finish; clients still connecting are not waited for."""
    os._exit(0)


def run_pipeline(
    name: str, number: int, shards: int, intent: Intent, settings: Settings, takeover: bool = False
) -> Session:
    """Runs until SIGTERM or SIGINT. Raises `TapeError`; an error at the log ends the process."""
    signal.signal(signal.SIGTERM, _stop_before_opening)
    asked: list[int] = []  # for a snapshot, by who found the lock before there was a session
    signal.signal(signal.SIGUSR1, lambda number, _: asked.append(number))
    lock = (hold_later if takeover else hold)(settings.run_dir, f"{name}-{number}")
    session, flow = open_pipeline(name, number, shards, intent, settings)
    stop_on_signals(session)
    if asked:
        session.snapshot_requested = True
    run_flow(flow, session)
    logger.info("%s-%d stopped after epoch %d", name, number, session.sequence)
    lock.close()
    return session
