"""A real broker whose disk is full, under a shard that writes and a feeder that goes on.

1. The disk takes 20 kB more; the last write fits in part. The broker ends itself, and says why.
2. The shard ends crash-only, with one line that says what was not taken. Where the broker refused
   the feeder and not the shard, only the shard's EndTxn has no answer: it waits, and says for whom,
   and may go on once the broker answers again.
3. `tape up` does not start a broker that has no room, so it cannot harm its own files.
4. With room again the broker goes on, and so does the shard: its epochs continue where they ended,
   nothing is lost or there twice, and every one re-runs to its digest.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from connectors.log.interface import Tp
from ops import stack as local_stack
from ops.stack import processes
from ops.stack.errors import DiskFull
from ops.stack.ports import FREE, Wanted, choose
from replay.rerun import rerun
from tests.connectors.epochs import toy
from tests.faults.conftest import SEED
from tests.faults.disk import PLENTY, Disk
from tests.faults.nursery import Victim, wait_for
from tests.faults.rig import Rig
from tests.faults.shim import compiler

ROOM_BYTES = 20_000
ABORTED, OUTCOME_UNKNOWN = 71, 72
DELIVERY_S_MAX = 20.0  # records are given up after 5 s
NO_SPACE = "No space left on device"


class Usage(NamedTuple):
    """Of a disk, as `shutil` says it."""

    total: int
    used: int
    free: int


class Small(NamedTuple):
    """A broker of its own on a disk that can be filled. `kafka`: where the broker works."""

    rig: Rig
    disk: Disk
    kafka: Path


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Small]:
    folder = tmp_path / "stack"
    disk = Disk(folder / "kafka" / "data", tmp_path)
    for name, value in disk.environment.items():
        monkeypatch.setenv(name, value)
    try:
        info = local_stack.start(folder, ports=choose(Wanted(), None, FREE))
        rig = Rig(info.bootstrap_servers, folder, tmp_path, SEED)
        yield Small(rig, disk, folder / "kafka")
    finally:
        local_stack.stop(folder)


@pytest.mark.broker
@pytest.mark.skipif(not compiler(), reason="the disk shim needs a C compiler")
def test_a_brokers_full_disk_loses_nothing(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    rig = small.rig
    with rig.feeding(200) as feeder:
        victim = rig.victim()
        rig.wait_for_epochs(5)
        small.disk.leave(ROOM_BYTES)
        the_broker_says_why_it_ends(small)
        the_shard_ends_or_waits(victim)
        with monkeypatch.context() as patch:
            patch.setattr(shutil, "disk_usage", lambda folder: Usage(1, 1, 0))
            no_broker_is_started(small)
        small.disk.leave(PLENTY)
        local_stack.restart_broker(rig.folder)
        the_shard_goes_on_or_ends(rig, victim)
        successor = rig.victim()
        rig.wait_for_epochs(4)
        successor.kill()
    report = rig.finish()
    assert report.inputs == feeder.written == everything_fed(rig)
    assert rerun(rig.log, toy.CODEC, toy.shard(0, 1), toy.ToyLogic()).clean


def the_broker_says_why_it_ends(small: Small) -> None:
    wait_for(lambda: not processes.find(small.kafka), "the broker's end")
    assert small.disk.left() == 0
    assert NO_SPACE in (small.kafka / "kafka.log").read_text(errors="replace")


def the_shard_ends_or_waits(victim: Victim) -> None:
    victim.process.join(DELIVERY_S_MAX)
    line = victim.said().splitlines()[-1]
    if victim.lives():
        assert "waiting for the broker" in line, line
    else:
        assert line.startswith("tape: the broker did not take "), line
        assert victim.wait() == ABORTED


def the_shard_goes_on_or_ends(rig: Rig, victim: Victim) -> None:
    """It goes on where all that it waited for was one answer, which the broker has for it now."""
    more = rig.epochs_end() + 2 * 4
    wait_for(lambda: not victim.lives() or rig.epochs_end() >= more, "more epochs, or its end")
    if victim.lives():
        victim.kill()
    else:
        assert victim.wait() in (ABORTED, OUTCOME_UNKNOWN), victim.said()


def no_broker_is_started(small: Small) -> None:
    with pytest.raises(DiskFull, match="make room"):
        local_stack.restart_broker(small.rig.folder)
    assert not processes.find(small.kafka)


def everything_fed(rig: Rig) -> int:
    tps = [Tp(name, p) for name in (toy.TRADES, toy.CLOCK) for p in range(toy.TOPICS[name])]
    return sum(end - low for low, end in map(rig.log.bounds, tps))
