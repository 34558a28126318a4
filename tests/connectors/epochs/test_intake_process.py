"""The intake in a process of its own: the same records, the same errors, and it ends with whoever
started it, however that ended.

The reader is the in-memory log's, opened in the other process.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Mapping
from functools import partial

import pytest

from connectors.child import ROOT
from connectors.epochs.intake import Intake
from connectors.epochs.intake_process import ProcessIntake
from connectors.epochs.runs import run_of
from connectors.log.errors import LogUnreachable, OffsetsGone
from connectors.log.interface import Message, Tp
from connectors.log.memory import MemoryReader
from ops.stack.processes import wait_for
from tests.connectors.epochs.test_intake import PATIENCE_S, TPS, columns, everything, log_of

POSITIONS = {TPS[0]: 10, TPS[1]: 0}
COUNTS = (7_000, 5_000)


def opened(counts: tuple[int, ...], positions: Mapping[Tp, int]) -> MemoryReader:
    """Runs in the other process."""
    return MemoryReader(log_of(counts), positions)


class Trimmed(MemoryReader):
    """Brings everything, and finds its offsets gone at the poll after."""

    def poll(self, max_records: int, timeout_s: float) -> Mapping[Tp, list[Message]]:
        found = super().poll(max_records, timeout_s)
        if not found:
            raise OffsetsGone("gone")
        return found


def trimmed(positions: Mapping[Tp, int]) -> Trimmed:
    return Trimmed(log_of((50, 0)), positions)


def unreachable() -> MemoryReader:
    raise LogUnreachable("no broker")


def broken() -> MemoryReader:
    raise ZeroDivisionError


def test_it_brings_the_same_records() -> None:
    source = ProcessIntake(partial(opened, COUNTS, POSITIONS), POSITIONS, run_of)
    inline = Intake(opened(COUNTS, POSITIONS), POSITIONS, run_of)
    brought, wanted = everything(source, 11_990), everything(inline, 11_990)
    source.close()
    assert {tp: columns(runs) for tp, runs in brought.items()} == {
        tp: columns(runs) for tp, runs in wanted.items()
    }


def test_the_ends_are_known_at_once_and_never_before_the_records() -> None:
    source = ProcessIntake(partial(opened, COUNTS, POSITIONS), POSITIONS, run_of)
    assert source.has_backlog(TPS[0], 10)
    assert source.has_backlog(TPS[1], 0)
    assert [source.end_seen(tp, at) for tp, at in POSITIONS.items()] == [10, 0]
    everything(source, 11_990)
    assert not any(source.has_backlog(tp, n) for tp, n in zip(TPS, COUNTS, strict=True))
    source.close()


def test_a_held_partition_is_not_read_on() -> None:
    counts = (500_000, 10)
    source = ProcessIntake(partial(opened, counts, POSITIONS), POSITIONS, run_of)
    source.hold([TPS[0]])
    brought = 0
    while found := source.poll(1.0):
        brought += sum(run.length for tp, run in found if tp == TPS[0])
    assert brought < counts[0] - 10
    source.hold([])
    assert source.poll(PATIENCE_S)
    source.close()


def test_an_error_comes_after_the_records_before_it() -> None:
    positions = dict.fromkeys(TPS, 0)
    source = ProcessIntake(partial(trimmed, positions), positions, run_of)
    everything(source, 50)
    for _ in range(2):
        with pytest.raises(OffsetsGone, match="gone"):
            source.poll(PATIENCE_S)
    source.close()


def test_a_reader_that_cannot_be_opened() -> None:
    source = ProcessIntake(unreachable, POSITIONS, run_of)
    with pytest.raises(LogUnreachable, match="no broker"):
        source.poll(PATIENCE_S)
    source.close()


def test_a_process_that_breaks_is_told(capfd: pytest.CaptureFixture[str]) -> None:
    source = ProcessIntake(broken, POSITIONS, run_of)
    with pytest.raises(LogUnreachable, match="exit code 1"):
        source.poll(PATIENCE_S)
    source.close()
    assert "ZeroDivisionError" in capfd.readouterr().err


def test_a_killed_process_is_told_and_signals_of_the_pipeline_are_not_its_own() -> None:
    source = ProcessIntake(partial(opened, COUNTS, POSITIONS), POSITIONS, run_of)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1):
        source._process.send_signal(number)
    everything(source, 11_990)
    source._process.kill()
    with pytest.raises(LogUnreachable, match="exit code -9"):
        source.poll(PATIENCE_S)
    source.close()


STARTER = """
import sys, time
from functools import partial
from connectors.epochs.intake_process import ProcessIntake
from connectors.epochs.runs import run_of
from tests.connectors.epochs.test_intake_process import COUNTS, POSITIONS, opened
source = ProcessIntake(partial(opened, COUNTS, POSITIONS), POSITIONS, run_of)
print(source._process.pid, flush=True)
time.sleep(60)
"""


def test_it_ends_with_a_pipeline_that_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", STARTER], cwd=ROOT, stdout=-1) as starter:
        assert starter.stdout is not None
        reader = int(starter.stdout.readline())
        assert _lives(reader)
        starter.kill()
    assert wait_for(lambda: not _lives(reader), PATIENCE_S)


def test_closing_ends_it() -> None:
    source = ProcessIntake(partial(opened, (90_000, 0), POSITIONS), POSITIONS, run_of)
    source.close()
    assert source._process.returncode == 0


def _lives(pid: int) -> bool:
    # A process that nobody has waited for yet (state Z) has ended.
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, check=False)
    return bool(state.stdout) and not state.stdout.startswith(b"Z")
