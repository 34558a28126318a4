"""What a step between source and sink raises ends the session with that error alone: nothing of the
epoch is written, and Bytewax, which would print a panic, is not told.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any, NoReturn

import pytest
from bytewax.dataflow import Dataflow

from connectors.epochs.batch import Decoder
from connectors.epochs.bytewax_ends import EpochSink, EpochSource, run_flow
from connectors.epochs.encode import Encoder, counts_of
from connectors.epochs.model import Intent
from connectors.epochs.opening import open_session
from connectors.epochs.session import Session
from connectors.log.memory import MemoryLog
from ops.processes import factory
from pipelines.flow import build_flow
from pipelines.items import Epoch
from pipelines.logic import PoisonRecord
from schemas.errors import TapeError
from tests.connectors.epochs import toy
from tests.connectors.epochs.toy import ToyLogic, Witness

SHARD = toy.shard(records_max=10)


class Unloadable(ToyLogic):
    def initial(self) -> Witness:
        raise TapeError("a state that nobody can make")


class Undumpable(ToyLogic):
    def dump(self, state: Witness) -> bytes:
        raise TapeError("a state that nobody can write")


def flow_of(
    log: MemoryLog, logic: ToyLogic, decode: Callable[[Epoch], Epoch] | None = None, *, encode: Any
) -> tuple[Session, Dataflow]:
    session = open_session(log, toy.CODEC, SHARD, Intent(start="earliest"), until=lambda: True)
    source, sink = EpochSource(session), EpochSink(session, toy.never_exit)
    given = decode or Decoder(toy.CODEC, "toy")
    return session, build_flow(source, sink, logic, given, encode)


def encoder(log: MemoryLog) -> Encoder:
    return Encoder(SHARD, toy.CODEC, counts_of(log))


def log_of(trades: int) -> MemoryLog:
    log = MemoryLog(toy.TOPICS)
    for number in range(trades):
        toy.trade(log, number, 1_000 + number)
    return log


def unable(item: object) -> NoReturn:
    raise TapeError("a step that cannot")


@pytest.mark.parametrize(
    ("logic", "decode", "broken", "says"),
    [
        pytest.param(ToyLogic(poison="3"), None, False, "ZeroDivisionError: poison", id="logic"),
        pytest.param(Unloadable(), None, False, "nobody can make", id="the state at the start"),
        pytest.param(Undumpable(), None, False, "nobody can write", id="the state of a snapshot"),
        pytest.param(ToyLogic(), unable, False, "a step that cannot", id="decode"),
        pytest.param(ToyLogic(), None, True, "a step that cannot", id="encode"),
    ],
)
def test_the_error_alone_is_raised_and_nothing_is_written(
    capfd: pytest.CaptureFixture[str],
    logic: ToyLogic,
    decode: Callable[[Epoch], Epoch] | None,
    broken: bool,
    says: str,
) -> None:
    log = log_of(8)
    encode = unable if broken else encoder(log)
    session, flow = flow_of(log, logic, decode, encode=encode)
    session.snapshot_requested = isinstance(logic, Undumpable)
    with pytest.raises(TapeError, match=says):
        run_flow(flow, session)
    assert toy.ids(log) == []
    assert session.progress.epochs_committed == 0
    assert capfd.readouterr().err == ""


def test_a_poison_record_tells_where_the_logic_broke() -> None:
    log = log_of(8)
    session, flow = flow_of(log, ToyLogic(poison="3"), encode=encoder(log))
    with pytest.raises(PoisonRecord, match=r"poison \(toy\.py:\d+\); fix the code"):
        run_flow(flow, session)


def poisoned() -> Dataflow:
    """For Bytewax's own command line, as `factory.flow` makes one."""
    log = log_of(8)
    made = flow_of(log, ToyLogic(poison="3"), encode=encoder(log))
    vars(factory)["open_pipeline"] = lambda *_: made
    return factory.flow("toy")


def test_under_bytewaxs_own_command_line_it_is_one_line_too() -> None:
    line = [sys.executable, "-m", "bytewax.run", "-s=-1", f"{__name__}:poisoned()"]
    done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2, done.stderr
    said = done.stderr.splitlines()
    assert [line for line in said if line.startswith("tape: ")] == said[-1:]
    assert "makes the logic raise ZeroDivisionError" in said[-1]
    assert "panicked" not in done.stderr
    assert "Traceback" not in done.stderr
