"""Upgrades: another version starts only when told how, and what it decides otherwise is counted."""

from __future__ import annotations

import json
from functools import partial

import pytest

from connectors.epochs.errors import UpgradeRefused, VersionChanged
from connectors.epochs.model import Intent
from connectors.epochs.opening import open_session
from connectors.epochs.points import POINTS
from connectors.log.memory import MemoryLog
from pipelines.logic import Input, Output, Position
from replay.rerun import rerun
from replay.times import Span
from schemas.events import Boundary, TargetChanged
from tests.connectors.epochs import toy
from tests.connectors.epochs.crash import At, epochs, survives

V1, V2 = toy.shard(records_max=10), toy.shard(version="v2", records_max=10)


class Counting(toy.ToyLogic):
    """The second version: another salt, and a state that also counts trades per instrument."""

    state_version = 2

    def __init__(self, salt: str = "two") -> None:
        super().__init__(salt)
        self.counts: dict[str, int] = {}

    def evolve(self, state: toy.Witness, fact: Input | Output) -> toy.Witness:
        if isinstance(fact, Output):
            self.counts[fact.key] = self.counts.get(fact.key, 0) + 1
        return super().evolve(state, fact)

    def dump(self, state: toy.Witness) -> bytes:
        body = {"hashes": state.hashes, "ticks": state.ticks, "counts": self.counts}
        return json.dumps(body, sort_keys=True).encode()

    def load(self, body: bytes, version: int) -> toy.Witness:
        if version == 1:
            self.counts = {}
            return super().load(body, version)
        loaded = json.loads(body)
        self.counts = loaded["counts"]
        return toy.Witness(loaded["hashes"], loaded["ticks"])


def append(log: MemoryLog, start: int, end: int) -> None:
    for number in range(start, end):
        log.append(toy.trade_record(number, 1_000 + number))


def recorded_by_v1(killed: bool = True) -> MemoryLog:
    """Sixty trades; the first thirty before a snapshot, the rest after it, then no clean stop."""
    log = MemoryLog(toy.TOPICS)
    append(log, 0, 30)
    toy.live(log, V1)
    append(log, 30, 60)
    if killed:
        assert not survives(partial(toy.live, log, V1, point=At("epoch-cut", 3)))
    return log


def boundaries(log: MemoryLog) -> list[Boundary]:
    return [e.boundary for e in epochs(log) if e.boundary is not None]


def test_another_version_needs_to_be_told_how() -> None:
    log = recorded_by_v1()
    with pytest.raises(VersionChanged, match="--upgrade carry"):
        toy.live(log, V2, Counting())
    toy.live(log, V1)
    assert boundaries(log) == []


def test_a_refused_upgrade_leaves_the_running_process_alone() -> None:
    log = recorded_by_v1(killed=False)
    running = open_session(log, toy.CODEC, V1, Intent(), until=lambda: True)
    for upgrade in (None, "rebuild"):
        with pytest.raises((VersionChanged, UpgradeRefused)):
            open_session(log, toy.CODEC, V2, Intent(upgrade=upgrade), rebuildable=False)
    toy.run(running, log)
    assert running.progress.records == 30


def test_carry_counts_what_the_new_code_would_have_decided() -> None:
    log = recorded_by_v1()
    toy.live(log, V2, Counting(), upgrade="carry", reason="a better salt")
    [found] = boundaries(log)
    assert (found.kind, found.from_version, found.to_version) == ("UPGRADE_CARRY", "v1", "v2")
    assert found.reason == "a better salt"
    assert (found.epochs_compared, found.outputs_recorded) == (3, 30)
    assert (found.outputs_added, found.outputs_removed) == (30, 30)


def test_carry_of_equal_logic_counts_no_difference() -> None:
    log = recorded_by_v1()
    toy.live(log, V2, Counting(salt=""), upgrade="carry")
    [found] = boundaries(log)
    assert (found.outputs_recorded, found.outputs_added, found.outputs_removed) == (30, 0, 0)


def test_carry_follows_the_recorded_outputs() -> None:
    log = recorded_by_v1()
    before = {e.instrument: e.correlation_id for e in toy.committed(log, toy.TARGETS)}
    logic = Counting()
    append(log, 60, 64)
    toy.live(log, V2, logic, upgrade="carry")
    fresh: list[TargetChanged] = toy.committed(log, toy.TARGETS)
    for number in range(60, 64):
        name = toy.INSTRUMENTS[number % 4]
        item = Input(Position(toy.TRADES, 0, 0), 0, b"", None)
        state = toy.Witness({name: before[name]})
        assert Counting()._target(state, item, name, str(number)).event in fresh
    assert sorted(logic.counts.values()) == [8, 8, 9, 9]  # 30 trades carried and 4 after them


@pytest.mark.parametrize("name", POINTS)
def test_a_crash_during_an_upgrade_changes_nothing(name: str) -> None:
    for number in range(3):
        log = recorded_by_v1()
        crash = At(name, number)
        survives(partial(toy.live, log, V2, Counting(), crash, upgrade="carry"))
        append(log, 60, 64)
        toy.live(log, V2, Counting(), upgrade="carry")
        assert [b.kind for b in boundaries(log)] == ["UPGRADE_CARRY"]
        assert len(set(toy.ids(log))) == len(toy.ids(log)) == 64


def test_replay_honours_the_upgrade_on_both_sides() -> None:
    log = recorded_by_v1()
    toy.live(log, V2, Counting(), upgrade="carry")
    append(log, 60, 80)
    toy.live(log, V2, Counting())
    new = rerun(log, toy.CODEC, V2, Counting())
    assert new.clean
    assert new.notes == ["7 epochs of other versions: replay them with those versions"]
    old = rerun(log, toy.CODEC, V1, toy.ToyLogic())
    assert old.clean
    assert (old.epochs, new.epochs) == (7, 4)


def test_rebuild_begins_anew_from_the_beginning() -> None:
    log = recorded_by_v1()
    logic = Counting()
    toy.live(log, V2, logic, upgrade="rebuild", start="earliest")
    [found] = boundaries(log)
    assert (found.kind, found.epochs_compared) == ("UPGRADE_REBUILD", 7)
    assert logic.counts == dict.fromkeys(toy.INSTRUMENTS, 15)
    assert rerun(log, toy.CODEC, V2, Counting()).clean


def test_rebuild_begins_at_a_time() -> None:
    log = recorded_by_v1()
    toy.live(log, V2, Counting(), upgrade="rebuild", start=1_035)
    [found] = boundaries(log)
    assert found.outputs_recorded == 30


@pytest.mark.parametrize(
    ("start", "words"),
    [
        pytest.param(None, "needs --from", id="no beginning named"),
        pytest.param("latest", "would decide nothing", id="from the end"),
        pytest.param(10**12, "nothing was recorded at or after", id="after everything"),
    ],
)
def test_rebuild_is_refused_without_a_beginning(start: str | int | None, words: str) -> None:
    with pytest.raises(UpgradeRefused, match=words):
        toy.live(recorded_by_v1(), V2, Counting(), upgrade="rebuild", start=start)


def test_rebuild_is_refused_where_state_depends_on_what_was_done() -> None:
    intent = Intent(start="earliest", upgrade="rebuild")
    with pytest.raises(UpgradeRefused, match="only --upgrade carry"):
        open_session(recorded_by_v1(), toy.CODEC, V2, intent, rebuildable=False)


def test_an_upgrade_asked_for_twice_happens_once_and_is_said_to(
    caplog: pytest.LogCaptureFixture,
) -> None:
    log = recorded_by_v1()
    for times in range(3):
        toy.live(log, V2, Counting(), upgrade="carry")
        assert caplog.text.count("--upgrade carry changes nothing") == times
    assert len(boundaries(log)) == 1


def test_carry_of_one_shard_is_not_confused_by_another() -> None:
    """Both shards answer the same tick: only the source tells whose output is whose."""
    log = MemoryLog({**toy.TOPICS, toy.TARGETS: 1})
    for number in range(40):
        log.append(toy.trade_record(number, 1_000 + number))
        log.append(toy.tick_record(1_000 + number))
    old = [toy.shard(number, 2, records_max=10) for number in range(2)]
    for shard in [*old, *old]:  # by turns, two epochs each, never stopped cleanly
        assert not survives(partial(toy.live, log, shard, point=At("committed", 1)))
    for number in range(2):
        new = toy.shard(number, 2, version="v2")
        toy.live(log, new, Counting(salt=""), upgrade="carry")
        [found] = [e.boundary for e in epochs(log, new) if e.boundary]
        assert found.outputs_recorded > 20
        assert (found.outputs_added, found.outputs_removed) == (0, 0)


def test_a_span_before_the_upgrade_is_compared_with_the_new_code() -> None:
    log = recorded_by_v1()
    toy.live(log, V2, Counting(), upgrade="carry")
    verdict = rerun(log, toy.CODEC, V2, Counting(), Span(to_ms=1_020))
    assert verdict.finding is not None
    assert "recorded by version v1" in verdict.finding.message
