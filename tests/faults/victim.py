"""A process that runs one shard of the toy pipeline, to be harmed.

The hooks live here, not in the product: `TAPE_TEST_CRASH_AT=point:n` kills the process with SIGKILL
the n-th time (from 0) it passes a named point, `TAPE_TEST_STOP_AT` stops it there with SIGSTOP.
"""

from __future__ import annotations

import logging
import math
import os
import signal
import sys
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from connectors.epochs.batch import Decoder
from connectors.epochs.bytewax_ends import EpochSink, EpochSource, run_flow, stop_on_signals
from connectors.epochs.encode import Encoder, counts_of
from connectors.epochs.model import Intent
from connectors.epochs.opening import open_session
from connectors.epochs.session import Session
from connectors.log import kafka_writer
from connectors.log.kafka import KafkaLog
from ops.processes.exits import Abort, die
from pipelines.flow import build_flow
from schemas.errors import TapeError
from tests.connectors.epochs import toy


@dataclass(frozen=True)
class Orders:
    """What a victim is to do. `finish`: stop at the end of the input, as SIGTERM does."""

    servers: str
    prefix: str
    number: int = 0
    shards: int = 1
    finish: bool = False
    crash_at: str = ""
    stop_at: str = ""
    records_max: int = 200
    snapshot_bytes_min: int = 60_000
    trusting: bool = False  # exit rule off: goes on after a commit whose outcome is unknown
    options: dict[str, Any] = field(default_factory=dict)
    said: str = ""  # a file for what it prints


def main(orders: Orders) -> None:
    """Runs to the end; exits as the product does."""
    if orders.said:
        handle = os.open(orders.said, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(handle, 1)
        os.dup2(handle, 2)
    logging.basicConfig(level=logging.INFO)
    try:
        session = open_victim(orders)
        stop_on_signals(session)
        log, shard = session.parts.log, session.parts.shard
        abort = Abort(log, toy.CODEC, shard, session.parts.instance)
        encode = Encoder(shard, toy.CODEC, counts_of(log))
        decode = Decoder(toy.CODEC, "toy")
        source, sink = EpochSource(session), EpochSink(session, abort)
        run_flow(build_flow(source, sink, toy.ToyLogic(), decode, encode), session)
    except TapeError as error:
        die(error.exit_code, str(error))
    os._exit(0)


def open_victim(orders: Orders) -> Session:
    if orders.trusting:
        kafka_writer.UNSURE_S = math.inf
    log = KafkaLog(orders.servers, orders.prefix, orders.options)
    bounds = {"records_max": orders.records_max, "snapshot_bytes_min": orders.snapshot_bytes_min}
    shard = toy.shard(orders.number, orders.shards, **bounds)
    intent = Intent(start="earliest")
    hooks = Hooks(orders.crash_at, orders.stop_at)
    return open_session(
        log, toy.CODEC, shard, intent, point=hooks, until=lambda: orders.finish, deadline_s=60
    )


class Hooks:
    """The `point` of a victim."""

    def __init__(self, crash_at: str, stop_at: str) -> None:
        self._signals = {crash_at: signal.SIGKILL, stop_at: signal.SIGSTOP}
        self._seen: Counter[str] = Counter()

    def __call__(self, name: str) -> None:
        wanted = self._signals.get(f"{name}:{self._seen[name]}")
        self._seen[name] += 1
        if wanted is not None:
            os.kill(os.getpid(), wanted)


def from_environment(arguments: list[str]) -> Orders:
    """Orders from `name=value` arguments and the environment's hooks."""
    given: dict[str, Any] = dict(a.split("=", 1) for a in arguments)
    known = asdict(Orders("", ""))
    kinds = {name: type(value) for name, value in known.items() if name != "options"}
    made = {name: kinds[name](int(v) if kinds[name] is not str else v) for name, v in given.items()}
    made["crash_at"] = os.environ.get("TAPE_TEST_CRASH_AT", made.get("crash_at", ""))
    made["stop_at"] = os.environ.get("TAPE_TEST_STOP_AT", made.get("stop_at", ""))
    return Orders(**made)


if __name__ == "__main__":
    Path("/proc/self/comm").write_text("tape-victim")
    main(from_environment(sys.argv[1:]))
