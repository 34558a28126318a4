"""When an epoch is cut live, over the log in memory with a clock of our own.

1. Urgent records are handed out at once, and with them all that waits.
2. Others wait for more, `PATIENCE_S` from the first one on, whatever comes meanwhile.
3. Nobody waits with a full epoch. A run to the end of its input does not end before.
"""

from __future__ import annotations

import pytest

from connectors.epochs.model import Place, Shard
from connectors.epochs.supply import PATIENCE_S, Supply
from connectors.log.interface import OutRecord, Tp
from connectors.log.memory import MemoryLog
from pipelines.logic import InputTopic

NOW, LATER = Tp("now", 0), Tp("later", 0)
INPUTS = (InputTopic("now"), InputTopic("later", urgent=False))
FULL = 5


class Desk:
    """A shard that reads both topics, and its time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.log, self.now_s = MemoryLog({"now": 1, "later": 1}), 100.0
        shard = Shard("toy", 0, 1, INPUTS, "", records_max=FULL)
        self.supply = Supply(self.log, shard, {NOW: Place(0, -1), LATER: Place(0, -1)})
        monkeypatch.setattr("time.monotonic", lambda: self.now_s)

    def write(self, tp: Tp, count: int = 1) -> None:
        for _ in range(count):
            self.log.append(OutRecord(*tp, b"", b"", 1))

    def cut(self) -> list[int] | None:
        """What an epoch takes of each topic, handed out."""
        counts = self.supply.ready()
        if counts is not None:
            self.supply.take(counts)
        return counts


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Desk:
    return Desk(monkeypatch)


def test_urgent_records_take_what_waits_with_them(desk: Desk) -> None:
    desk.write(LATER, 2)
    assert desk.cut() is None
    desk.write(NOW)
    assert desk.cut() == [1, 2]
    desk.write(NOW)
    assert desk.cut() == [1, 0]


def test_others_wait_from_the_first_one_on(desk: Desk) -> None:
    desk.write(LATER)
    assert desk.cut() is None
    desk.now_s += PATIENCE_S / 2
    desk.write(LATER)
    assert desk.cut() is None
    desk.now_s += PATIENCE_S / 2
    assert desk.cut() == [0, 2]
    desk.write(LATER)
    assert desk.cut() is None, "the next ones wait anew"


def test_nobody_waits_with_a_full_epoch(desk: Desk) -> None:
    desk.write(LATER, FULL + 1)
    assert desk.cut() == [0, FULL]
    assert desk.cut() is None


def test_what_waits_is_not_done(desk: Desk) -> None:
    desk.write(LATER)
    assert desk.cut() is None
    assert desk.supply.behind(), "a run to the end goes on"
    desk.now_s += PATIENCE_S
    assert desk.cut() == [0, 1]
    assert not desk.supply.behind()
