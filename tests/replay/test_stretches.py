"""Stretches side by side say what one run says.

1. Cuts: at snapshots that one run compares and that say all, balanced, none where it does not pay.
2. Verdicts of one process and of three are equal: nothing changed, other logic, another input, a
   boundary on the way, a span of time; from the log in memory, the archive and the broker.
3. The first epoch that differs counts, wherever it lies; a snapshot that is damaged is told.
4. A process that ends, and one that fails, are one clear line; none outlives the replay.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, NoReturn

import pytest

from connectors.child import ROOT
from connectors.epochs.errors import SnapshotCorrupt
from connectors.epochs.model import Shard
from connectors.log.interface import Log, Tp
from connectors.log.kafka import KafkaLog
from ops.stack import StackInfo
from ops.stack.processes import wait_for
from pipelines.logic import Input, Output
from replay.archive.source import ArchiveLog
from replay.archive.store import FolderStore
from replay.rerun import Spread, Verdict, recorded, rerun
from replay.stretch_process import StretchFailed
from replay.stretches import EPOCH_RECORDS, Stretch, balanced, places_to_cut, stretches
from replay.times import EVERYTHING, Span
from schemas.codec import Codec
from schemas.errors import TapeError
from schemas.events import Boundary, EpochCommitted
from tests.connectors.epochs import toy
from tests.connectors.epochs.test_boundaries import diverging
from tests.connectors.epochs.test_intake_process import _lives
from tests.connectors.epochs.test_upgrades import V2, Counting, recorded_by_v1
from tests.faults import cluster
from tests.replay.archive.rig import archived
from tests.replay.test_rerun import START_MS, STEP_MS, recorded_log, small

PATIENCE_S = 30.0
READABLE = (0, 1_000_000)


class Late(toy.ToyLogic):
    """Decides otherwise from one trade on."""

    def __init__(self, first: int) -> None:
        super().__init__()
        self.first = first

    def decide(self, state: toy.Witness, item: Input) -> list[Output]:
        trade = getattr(item.event, "trade_id", None)
        self.salt = "late" if self.salt or trade == str(self.first) else ""
        return super().decide(state, item)


def opened(log: Log) -> tuple[Log, Codec]:
    return log, toy.CODEC


def both(
    log: Log,
    logic: Callable[[], toy.ToyLogic] = toy.ToyLogic,
    span: Span = EVERYTHING,
    shard: Shard | None = None,
) -> tuple[Verdict, Verdict]:
    """One process's verdict, and that of three but for their number."""
    shard = shard or small()
    one = rerun(log, toy.CODEC, shard, logic(), span)
    spread = Spread(3, 0, partial(opened, log), logic)
    three = rerun(log, toy.CODEC, shard, logic(), span, spread=spread)
    assert three.stretches > 1
    return one, replace(three, stretches=1)


def whole(log: Log, shard: Shard | None = None) -> Stretch:
    return recorded(log, toy.CODEC, shard or small(), EVERYTHING)[0]


# ---- cuts ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("costs", "most", "chosen"),
    [
        pytest.param([0, 10, 20, 30, 40], 2, [0, 2, 4], id="halves"),
        pytest.param([0, 10, 20, 30, 40], 9, [0, 1, 2, 3, 4], id="no more than there are"),
        pytest.param([0, 30, 40, 50, 60], 2, [0, 1, 4], id="uneven"),
        pytest.param([0, 10], 3, [0, 1], id="nowhere to cut"),
        pytest.param([0, 1, 2, 3, 100], 2, [0, 3, 4], id="one that is long"),
    ],
)
def test_the_dearest_piece_is_as_cheap_as_it_can_be(
    costs: list[int], most: int, chosen: list[int]
) -> None:
    assert balanced(costs, most) == chosen


def test_stretches_follow_each_other_from_snapshot_to_snapshot() -> None:
    every = whole(recorded_log())
    found = stretches(every, READABLE, 3, 0)
    assert len(found) == 3
    assert [e for one in found for e in one.epochs] == every.epochs
    for before, after in pairwise(found):
        last = before.epochs[-1]
        assert last.snapshot_taken
        assert (after.base.sequence, after.base.snapshot) == (last.sequence, last.snapshot)
        assert after.base.chain == last.chain


def test_what_does_not_pay_is_not_cut() -> None:
    every = whole(recorded_log())
    cost = 400 + EPOCH_RECORDS * len(every.epochs)
    assert every.cost == cost
    assert stretches(every, READABLE, 2, cost // 3) == [every]
    assert stretches(every, READABLE, 1, 0) == [every]
    ahead, behind = stretches(every, READABLE, 2, cost // 5)
    assert ahead.cost > behind.cost, "this process has a head start"


def test_a_snapshot_that_is_not_there_any_more_is_no_cut() -> None:
    every = whole(recorded_log())
    at = [*places_to_cut(every, READABLE)]
    taken = every.epochs[at[0] - 1].snapshot
    assert taken is not None
    left = [*places_to_cut(every, (taken.snapshots_floor + 1, READABLE[1]))]
    assert left == at[1:]
    assert [*places_to_cut(every, (0, 0))] == []


def test_a_record_still_to_be_skipped_forbids_a_cut() -> None:
    """A snapshot does not know of it."""
    every = whole(recorded_log())
    skip = Boundary("SKIP", "v1", "v1", "known to be bad", f"{toy.TRADES}/1/60", 0, 0, 0, 0)
    every.epochs[3] = every.epochs[3]._replace(boundary=skip)
    allowed = [*places_to_cut(every, READABLE)]
    taken = [at for at, e in enumerate(every.epochs[:-1], 1) if e.snapshot_taken]
    wanted = [at for at in taken if at <= 3 or reached(every.epochs[at - 1]) > 60]
    assert allowed == wanted != taken
    assert wanted


def reached(epoch: EpochCommitted) -> int:
    """Where partition 1 of the trades stands after it."""
    return next(r.end for r in epoch.inputs if (r.topic, r.partition) == (toy.TRADES, 1))


def test_what_an_accepted_difference_covers_is_not_cut() -> None:
    log, other, sequence = diverging()
    every = whole(log, toy.shard(records_max=10))
    assert other.salt
    covered = replace(every, carry=every.carry._replace(accepted=[range(sequence)]))
    assert [*places_to_cut(every, READABLE)] != []
    assert [*places_to_cut(covered, READABLE)] == []


# ---- the same verdict ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "span",
    [
        pytest.param(EVERYTHING, id="everything"),
        pytest.param(Span(START_MS + 150 * STEP_MS, START_MS + 350 * STEP_MS), id="a part"),
    ],
)
def test_nothing_changed(span: Span) -> None:
    one, three = both(recorded_log(), span=span)
    assert one == three
    assert one.clean


@pytest.mark.parametrize("first", [0, 150, 390])
def test_other_logic_is_found_at_the_same_epoch(first: int) -> None:
    one, three = both(recorded_log(), partial(Late, first))
    assert one == three
    assert one.finding is not None
    assert one.finding.sequence >= first // 10


def test_of_two_differences_the_first_is_told() -> None:
    """The later one lies in a shorter stretch and is found before it."""
    log = recorded_log()
    for partition, offset in ((0, 60), (1, 95)):
        entry = log.partitions[Tp(toy.TRADES, partition)].entries[offset]
        assert entry.record is not None
        entry.record = entry.record._replace(timestamp_ms=entry.record.timestamp_ms + 1)
    one, three = both(log)
    assert one == three
    assert one.finding is not None
    assert one.finding.what == "inputs"


def test_from_the_archive(tmp_path: Path) -> None:
    archived(recorded_log(), tmp_path)
    log = ArchiveLog(FolderStore(tmp_path))
    for logic in (toy.ToyLogic, partial(Late, 250)):
        one, three = both(log, logic)
        assert one == three


def test_from_the_broker(stack: StackInfo, topic_prefix: str) -> None:
    log = cluster.create(stack.bootstrap_servers, topic_prefix, toy.TOPICS)
    records = [toy.trade_record(number, START_MS + number * STEP_MS) for number in range(200)]
    cluster.write(stack.bootstrap_servers, topic_prefix, records)
    toy.live(log, small())
    opening = partial(on_broker, stack.bootstrap_servers, topic_prefix)
    for logic in (toy.ToyLogic, partial(Late, 150)):
        one = rerun(log, toy.CODEC, small(), logic())
        spread = Spread(2, 0, opening, logic)
        two = rerun(log, toy.CODEC, small(), logic(), spread=spread)
        assert two == replace(one, stretches=2)


def on_broker(servers: str, prefix: str) -> tuple[Log, Codec]:
    return KafkaLog(servers, prefix), toy.CODEC


def test_across_an_upgrade() -> None:
    log = recorded_by_v1()
    toy.live(log, V2, Counting(), upgrade="carry")
    for batch in range(3):
        for number in range(60 + 20 * batch, 80 + 20 * batch):
            toy.trade(log, number, START_MS + number)
        toy.live(log, V2, Counting())
    one, three = both(log, Counting, shard=V2)
    assert one == three
    assert one.clean
    one, three = both(log, shard=toy.shard(version="v3"))
    assert one == three
    assert one.finding is not None


# ---- what goes wrong -----------------------------------------------------------------------------


def test_a_snapshot_that_is_damaged_is_told() -> None:
    log = recorded_log()
    [_, second, _] = stretches(whole(log), READABLE, 3, 0)
    assert second.base.snapshot is not None
    at = second.base.snapshot.snapshots_floor
    entries = log.partitions[small().snapshots].entries
    damaged = next(e for e in entries[at:] if e.record is not None)
    assert damaged.record is not None
    event = toy.CODEC.decode(damaged.record.value)
    value = toy.CODEC.encode(event._replace(body=event.body + b" "))
    damaged.record = damaged.record._replace(value=value)
    says = f"at epoch {second.base.sequence} does not match the digest"
    with pytest.raises(StretchFailed, match=says) as found:
        both(log)
    assert found.value.exit_code == SnapshotCorrupt.exit_code
    one, three = both(log, partial(Late, 0))
    assert one == three, "a difference before it comes first"


def test_a_later_process_that_cannot_run() -> None:
    with pytest.raises(StretchFailed, match="no broker here"):
        spread_over(unreachable)


def test_a_process_that_breaks(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(StretchFailed, match=r"re-ran epochs \d+ to \d+ of toy-0 ended with .* 1$"):
        spread_over(broken)
    assert "ZeroDivisionError" in capfd.readouterr().err


def test_a_process_that_is_killed() -> None:
    with pytest.raises(StretchFailed, match=r"ended with exit code -9$"):
        spread_over(killed)


def spread_over(opening: Callable[[], tuple[Log, Codec]]) -> Verdict:
    log, spread = recorded_log(), Spread(2, 0, opening, toy.ToyLogic)
    return rerun(log, toy.CODEC, small(), toy.ToyLogic(), spread=spread)


def unreachable() -> NoReturn:
    raise TapeError("no broker here")


def broken() -> NoReturn:
    raise ZeroDivisionError


def killed() -> Any:
    os.kill(os.getpid(), signal.SIGKILL)


STARTER = """
from tests.replay import test_stretches
test_stretches.spread_over(test_stretches.stands_still)
"""


def stands_still() -> Any:
    print(os.getpid(), flush=True)
    signal.pause()


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGKILL, -9), (signal.SIGTERM, -15), (signal.SIGINT, -2)]
)
def test_no_process_outlives_the_replay(number: int, code: int) -> None:
    with subprocess.Popen([sys.executable, "-c", STARTER], cwd=ROOT, stdout=-1, stderr=-1) as ours:
        assert ours.stdout is not None
        other = int(ours.stdout.readline())
        assert _lives(other)
        ours.send_signal(number)
        try:
            ours.wait(PATIENCE_S)
        finally:
            ours.kill()  # does nothing where it has ended
        assert ours.returncode in {code, 130}
    assert wait_for(lambda: not _lives(other), PATIENCE_S)
