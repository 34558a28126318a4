"""Replays at a pace, and what is kept of them.

1. Epochs are due as far apart as their inputs were received; keys and lines let them go one by one.
2. What is kept is what was recorded, in the archive's layout; the same again gives the same bytes.
3. A replay has no producer: none is opened, on the real broker neither, and nothing there moves.
"""

from __future__ import annotations

import ast
import io
import json
import os
import termios
from decimal import Decimal
from pathlib import Path
from typing import Any, NoReturn

import pytest

from connectors.log import kafka_writer
from connectors.log.interface import Tp
from connectors.log.kafka import KafkaLog
from connectors.log.memory import MemoryLog
from ops.processes.stepping import Stepped
from ops.settings import ROOT
from ops.stack import StackInfo
from replay.archive.source import ArchiveLog
from replay.archive.store import FolderStore
from replay.backtest.clocked import Clocked
from replay.outputs import Kept, Outputs
from replay.pace import BadSpeed, Pace, Paced, at_once, factor
from replay.rerun import Verdict, rerun
from replay.sql.session import ask
from replay.times import EVERYTHING, Span
from schemas.events import EpochCommitted
from tests.connectors.epochs import toy
from tests.faults import cluster
from tests.replay.archive.rig import archived, bytes_of, rows
from tests.replay.test_rerun import START_MS, STEP_MS, recorded_log, small

FACTS: dict[str, Any] = {"pipeline": "toy", "code_version": "1", "seed": None}


def kept(log: Any, root: Path, span: Span = EVERYTHING) -> tuple[Verdict, Kept]:
    outputs = Outputs(root, "toy-0", toy.CODEC, log.partition_count, span)
    found = rerun(log, toy.CODEC, small(), toy.ToyLogic(), span, keep=outputs)
    run = outputs.finish(FACTS)
    assert run is not None
    return found, run


# ---- pace ----------------------------------------------------------------------------------------


class Clock:
    """Time that passes by sleeping alone."""

    def __init__(self) -> None:
        self.now_ns = 5_000
        self.slept_ms: list[int] = []

    def sleep(self, seconds: float) -> None:
        self.slept_ms.append(round(seconds * 1_000))
        self.now_ns += round(seconds * 1e9)


def run_at(pace: Pace, span: Span = EVERYTHING) -> Verdict:
    return rerun(recorded_log(100), toy.CODEC, small(), toy.ToyLogic(), span, pace=pace)


@pytest.mark.parametrize(("speed", "each_ms"), [("1", 100), ("10", 10), ("0.5", 200)])
def test_epochs_are_due_as_far_apart_as_they_were_received(speed: str, each_ms: int) -> None:
    clock, number = Clock(), factor(speed)
    assert number is not None
    found = run_at(Paced(number, lambda: clock.now_ns, clock.sleep))
    assert found == run_at(at_once)
    received = 10  # epochs of 10 trades, one each 10 ms; those of a stop have none
    assert clock.slept_ms == [each_ms] * (received - 1)


def test_what_takes_long_is_not_waited_for_again() -> None:
    clock, seen = Clock(), list[int]()

    def slow(epoch: EpochCommitted) -> bool:
        seen.append(epoch.sequence)
        clock.now_ns += 250_000_000 if epoch.sequence == 0 else 0
        return paced(epoch)

    paced = Paced(Decimal(1), lambda: clock.now_ns, clock.sleep)
    paced_first = run_at(slow)
    assert paced_first.clean
    assert clock.slept_ms == [100] * 9, "the first epoch begins the count"


def test_what_is_run_for_its_state_alone_is_not_waited_for() -> None:
    clock = Clock()
    span = Span(START_MS + 50 * STEP_MS)
    assert run_at(Paced(Decimal(1), lambda: clock.now_ns, clock.sleep), span).clean
    assert clock.slept_ms == [100] * 4


@pytest.mark.parametrize("text", ["0", "-1", "fast", "NaN", "Infinity", ""])
def test_a_speed_that_is_none(text: str) -> None:
    with pytest.raises(BadSpeed, match="--speed is max, step or a number above 0"):
        factor(text)


@pytest.mark.parametrize(
    ("keys", "epochs"), [("", 0), ("\n\n", 2), ("\nq\n\n", 1), ("x\n" * 99, 12)]
)
def test_one_epoch_per_line(keys: str, epochs: int) -> None:
    told = io.StringIO()
    found = run_at(Stepped(io.StringIO(keys), told))
    assert (found.epochs, found.clean) == (epochs, True)
    assert told.getvalue().startswith("epoch 0, 1970-01-01T00:16:40.090Z: 10 records, 10 outputs\n")
    assert bool(found.notes) == (epochs < 12)


def test_one_epoch_per_key_at_a_terminal() -> None:
    """No line's end is waited for, and the terminal is as it was before."""
    ours, theirs = os.openpty()
    with os.fdopen(ours, "wb", buffering=0) as typed, os.fdopen(theirs) as keys:
        before = termios.tcgetattr(keys)
        typed.write(b" nq")
        assert run_at(Stepped(keys, io.StringIO())).epochs == 2
        assert termios.tcgetattr(keys) == before


# ---- what is kept --------------------------------------------------------------------------------


def test_what_is_kept_is_what_was_recorded(tmp_path: Path) -> None:
    log = recorded_log()
    archived(log, tmp_path / "archive")
    found, run = kept(log, tmp_path / "runs")
    assert found.clean
    columns = ("_key", "_value", "_timestamp_ms", "_headers", "target_qty")
    there, recorded = (
        [[row[name] for name in columns] for row in rows(folder, toy.TARGETS)]
        for folder in (run.folder, tmp_path / "archive")
    )
    assert len(there) == 400
    assert there == recorded
    assert run.manifest["outputs"][toy.TARGETS]["records"] == 400
    ends = {(one["topic"], one["partition"]): one["end"] for one in run.manifest["inputs"]}
    trades = [tp for tp in log.partitions if tp.topic == toy.TRADES]
    assert all(ends[tp] == log.bounds(tp)[1] for tp in trades)


def test_the_log_and_the_archive_give_the_same_bytes(tmp_path: Path) -> None:
    log = recorded_log()
    archived(log, tmp_path / "archive")
    sources = (log, ArchiveLog(FolderStore(tmp_path / "archive")), log)
    runs = [kept(one, tmp_path / "runs")[1] for one in sources]
    folders = {run.folder for run in runs}
    assert list((tmp_path / "runs").iterdir()) == list(folders)
    assert len(folders) == 1
    again = [kept(one, tmp_path / "again")[1].folder for one in sources[1:]]
    assert bytes_of(again[0]) == bytes_of(runs[0].folder)


def test_a_span_keeps_its_own_epochs(tmp_path: Path) -> None:
    span = Span(START_MS + 300 * STEP_MS, START_MS + 350 * STEP_MS)
    found, run = kept(recorded_log(), tmp_path, span)
    assert found.from_snapshot
    times = [row["_timestamp_ms"] for row in rows(run.folder, toy.TARGETS)]
    assert len(times) == 50 < found.outputs
    assert min(times) >= START_MS + 300 * STEP_MS


def test_what_differs_is_not_kept(tmp_path: Path) -> None:
    log = recorded_log(40)
    outputs = Outputs(tmp_path, "toy-0", toy.CODEC, log.partition_count)
    found = rerun(log, toy.CODEC, small(), toy.ToyLogic("changed"), keep=outputs)
    assert found.finding is not None
    assert outputs.finish(FACTS) is None
    assert list(tmp_path.iterdir()) == []


def test_sql_reads_a_run(tmp_path: Path) -> None:
    _, run = kept(recorded_log(), tmp_path)
    [found] = ask(
        FolderStore(run.folder), toy.CODEC.catalog, "SELECT count(*) AS n FROM target_changed"
    ).to_pylist()
    assert found["n"] == 400
    assert json.loads((run.folder / "run.json").read_text()) == run.manifest


# ---- no producer ---------------------------------------------------------------------------------


def refuse(*_: Any, **__: Any) -> NoReturn:
    raise AssertionError("a replay asked for a producer")


def test_nothing_of_replay_names_a_producer() -> None:
    for path in (ROOT / "replay").rglob("*.py"):
        calls = [
            node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)
        ]
        opened = [name for call in calls if (name := ast.unparse(call.func)).endswith(".writer")]
        assert set(opened) <= {"csv.writer", "self._archive.writer"}, path  # which refuses
        assert "Producer" not in path.read_text(), path


def test_a_log_with_a_clock_made_for_it_gives_no_writer() -> None:
    log = Clocked(MemoryLog(toy.TOPICS), toy.CODEC, 0, 1_000)
    with pytest.raises(Exception, match="not written to"):
        log.writer("anybody")


def test_a_replay_of_the_brokers_log_has_no_producer(
    stack: StackInfo, topic_prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = cluster.create(stack.bootstrap_servers, topic_prefix, toy.TOPICS)
    writer = log.writer("writer")
    writer.fence()
    writer.begin()
    writer.send([toy.trade_record(number, START_MS + number) for number in range(30)])
    writer.commit()
    toy.live(log, small())
    monkeypatch.setattr(KafkaLog, "writer", refuse)
    monkeypatch.setattr(kafka_writer, "Producer", refuse)
    before = {tp: log.bounds(tp) for tp in tps()}
    found, run = kept(log, tmp_path)
    assert (found.clean, found.outputs) == (True, 30)
    assert len(rows(run.folder, toy.TARGETS)) == 30
    assert {tp: log.bounds(tp) for tp in tps()} == before


def tps() -> list[Tp]:
    return [Tp(topic, number) for topic, count in toy.TOPICS.items() for number in range(count)]
