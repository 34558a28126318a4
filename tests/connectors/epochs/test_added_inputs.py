"""An upgrade whose code reads more topics: they join under the same epochs, from a named start.

1. refused without a start, by a rebuild, where partitions of a topic that was read change
2. the boundary's record holds where each input began; records join in order of log time
3. killed at every point: equal to an uninterrupted run; replay, old and new, finds no difference
4. a later rebuild from the very beginning meets the inputs where they joined
"""

from __future__ import annotations

import uuid
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from connectors.epochs.errors import PartitionsChanged, UpgradeRefused
from connectors.epochs.model import Intent
from connectors.epochs.opening import open_session
from connectors.epochs.points import POINTS
from connectors.log.interface import OutRecord, Tp
from connectors.log.memory import MemoryLog, Partition
from pipelines.logic import Input, InputTopic, Output
from replay.rerun import rerun
from replay.times import Span
from schemas.events import LogCreated
from tests.connectors.epochs import toy
from tests.connectors.epochs.crash import At, epochs, recorded, replay_history, snapshots, survives
from tests.connectors.epochs.driven import outputs

CONTROL = "ops.control.v1"
WIDER_INPUTS = (*toy.INPUTS, InputTopic(CONTROL, broadcast=True))
V1 = toy.shard(records_max=10)
V2 = replace(V1, version="v2", inputs=WIDER_INPUTS)


class Wider(toy.ToyLogic):
    """Every control record changes all targets after it."""

    inputs = WIDER_INPUTS

    def decide(self, state: toy.Witness, item: Input) -> list[Output]:
        return [] if isinstance(item.event, LogCreated) else super().decide(state, item)

    def evolve(self, state: toy.Witness, fact: Input | Output) -> toy.Witness:
        if isinstance(fact, Input) and isinstance(fact.event, LogCreated):
            state.ticks += 1
        return super().evolve(state, fact)


def trades(log: MemoryLog, start: int, end: int) -> None:
    for number in range(start, end):
        log.append(toy.trade_record(number, 1_000 + number))


def control(log: MemoryLog, *at_ms: int) -> None:
    for each in at_ms:
        value = toy.CODEC.encode(LogCreated(str(uuid.UUID(int=each)), "test", each))
        log.append(OutRecord(CONTROL, 0, b"log", value, each))


def before_the_upgrade() -> MemoryLog:
    """Two runs of v1, the second not stopped; control records from before, between and after."""
    log = MemoryLog({**toy.TOPICS, CONTROL: 1})
    control(log, 900, 1_020)
    trades(log, 0, 30)
    toy.live(log, V1)
    trades(log, 30, 50)
    assert not survives(partial(toy.live, log, V1, point=At("committed", 1)))
    control(log, 1_061, 1_063)
    trades(log, 50, 70)
    return log


def upgrade(log: MemoryLog, **asked: Any) -> None:
    toy.live(log, V2, Wider(), **{"upgrade": "carry", "start": "earliest", **asked})


def values(log: MemoryLog) -> dict[bytes, bytes]:
    """Targets by id, each written once."""
    return outputs(log, {toy.TARGETS})


def test_inputs_join_from_where_the_upgrade_says() -> None:
    for start, offset in (("earliest", 0), (1_050, 2), ("latest", 4)):
        log = before_the_upgrade()
        upgrade(log, start=start)
        [boundary] = [e for e in epochs(log, V2) if e.boundary]
        [own] = [r for r in boundary.inputs if r.topic == CONTROL]
        assert (own.start, own.end, own.count) == (offset, offset, 0)
        later = [r for e in epochs(log, V2) for r in e.inputs if r.topic == CONTROL]
        assert sum(r.count for r in later) == 4 - offset
        assert len(values(log)) == 70


def test_what_joins_takes_its_place_in_log_time() -> None:
    """The same targets as when control records were there from the beginning of the upgrade."""
    log, plain = before_the_upgrade(), before_the_upgrade()
    upgrade(log)
    upgrade(plain, start="latest")
    carried = len([e for e in epochs(log, V2) if e.version == "v1"])
    targets = [toy.committed(each, toy.TARGETS) for each in (log, plain)]
    assert carried > 0
    assert targets[0] != targets[1]
    ticks = [[r.count for r in e.inputs if r.topic == CONTROL] for e in epochs(log, V2)]
    assert ticks[carried] == [0]
    assert sum(map(sum, ticks)) == 4
    # the first two lie before every trade that was left, the others among the last ten
    first = next(at for at, found in enumerate(ticks) if sum(found))
    assert ticks[first] == [2]


@pytest.mark.parametrize(
    "asked", [{"start": None}, {"upgrade": "rebuild"}], ids=["no start", "rebuild"]
)
def test_inputs_join_only_by_carry_with_a_start(asked: dict[str, Any]) -> None:
    log = before_the_upgrade()
    trimmed = open_session(log, toy.CODEC, V1, Intent(), until=lambda: True)
    with pytest.raises(UpgradeRefused, match=r"has not read ops\.control\.v1 before"):
        upgrade(log, **asked)
    toy.run(trimmed, log)  # and the process that runs was left alone
    assert trimmed.progress.records > 0


@pytest.mark.parametrize(
    ("shard", "partition"),
    [
        pytest.param(replace(V2, inputs=WIDER_INPUTS[1:]), None, id="an input left out"),
        pytest.param(V2, Tp(toy.TRADES, 4), id="a partition more"),
        pytest.param(replace(V2, version="v1"), None, id="the same version"),
    ],
)
def test_other_changes_of_inputs_stay_refused(shard: Any, partition: Tp | None) -> None:
    log = before_the_upgrade()
    if partition is not None:
        log.partitions[partition] = Partition()
    with pytest.raises(PartitionsChanged):
        toy.live(log, shard, Wider(), upgrade="carry")


@pytest.mark.parametrize("name", POINTS)
def test_a_crash_on_the_way_changes_nothing(name: str) -> None:
    whole = before_the_upgrade()
    upgrade(whole)
    for number in range(5):
        log = before_the_upgrade()
        survives(partial(upgrade, log, point=At(name, number)))
        upgrade(log)
        assert values(log) == values(whole)
        [boundary] = [e.boundary for e in epochs(log, V2) if e.boundary]
        assert boundary.kind == "UPGRADE_CARRY"
        assert rerun(log, toy.CODEC, V2, Wider()).clean


def test_replay_across_the_upgrade_is_equal_on_both_sides() -> None:
    log = before_the_upgrade()
    upgrade(log)
    trades(log, 70, 90)
    control(log, 1_080)
    toy.live(log, V2, Wider())
    old, new = rerun(log, toy.CODEC, V1, toy.ToyLogic()), rerun(log, toy.CODEC, V2, Wider())
    assert old.clean
    assert new.clean
    assert (old.epochs, old.epochs + 1 + new.epochs) == (6, len(epochs(log, V2)))
    for ref in snapshots(log, V2):
        if ref.sequence >= old.epochs:
            replay_history(log, V2, recorded(log, V2, ref), Wider())


def test_a_span_over_the_upgrade_is_compared_with_one_version() -> None:
    """Another version re-runs all of it, from before the inputs joined until after."""
    log = before_the_upgrade()
    upgrade(log)
    third = replace(V2, version="v3")
    verdict = rerun(log, toy.CODEC, third, Wider(), Span(from_ms=0))
    assert verdict.clean
    assert verdict.epochs == len(epochs(log, V2))


def test_a_later_rebuild_meets_the_inputs_where_they_joined() -> None:
    log = before_the_upgrade()
    upgrade(log)
    count = len(epochs(log, V2))
    third = replace(V2, version="v3")
    toy.live(log, third, Wider(salt="three"), upgrade="rebuild", start="earliest")
    boundary = epochs(log, third)[count].boundary
    assert boundary is not None
    assert (boundary.kind, boundary.epochs_compared) == ("UPGRADE_REBUILD", count)
    assert boundary.outputs_removed == boundary.outputs_recorded == 70
    trades(log, 70, 80)
    toy.live(log, third, Wider(salt="three"))
    assert rerun(log, toy.CODEC, third, Wider(salt="three")).clean
