"""What `tape resume` says of risk's own pauses, which are on no control topic."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from connectors.log.interface import OutRecord, Tp
from ops.processes import control, denials, names
from pipelines.risk.decisions import DECISIONS
from schemas.events import OrderDenied
from tests.ops.cli.ran import Ran
from tests.ops.processes.known import Control
from tests.pipelines.risk.rig import STRATEGY, Desk, limits_of, request

WHY = ("--person", "ada", "--reason", "test")
OF_STRATEGY = ("--strategy", STRATEGY)
NOTHING = "nothing was latched there on the log"


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Control:
    made = Control()
    made.serve(monkeypatch, control, names)
    monkeypatch.setattr(control, "decide", lambda _, event: made.put(event))
    monkeypatch.setenv("TAPE_RUN_DIR", str(tmp_path))
    return made


@pytest.fixture
def tape(desk: Control, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ran:
    return Ran(monkeypatch, capsys)


def denied(risk: Desk, price: str = "100") -> Any:
    answer = risk.ask(request("new", "BUY", "1", price))
    assert isinstance(answer, OrderDenied)
    return answer


def repeated() -> Any:
    limits = {"EXECUTIONS_REPEATED_MAX": "2", "EXECUTIONS_WINDOW_MS": "10000"}
    return denied(Desk(**limits).begin().play("pos:1 pos:1"))


def drawn_down() -> Any:
    risk = Desk().begin()
    named = limits_of({"LOSS_DRAWDOWN_MAX": "20"}, scope=(None, STRATEGY)).limits
    both = limits_of(risk.limits, 2)
    risk.put("ops.control.v1", both._replace(limits=(*both.limits, *named)))
    return denied(risk.play("pos:3 mark:90"), "90")


def test_a_pause_of_risks_own_is_told_when_it_is_ended(tape: Ran, desk: Control) -> None:
    desk.put(repeated(), DECISIONS)
    code, out, err = tape("resume", *OF_STRATEGY, *WHY)
    assert (code, err) == (0, "")
    assert (
        "ended: PAUSED */ema/* by risk: EXECUTION_REPEATED, executions 2, max 2 "
        "(since 2023-11-14T22:13:20.002Z)\n"
    ) in out
    assert NOTHING in tape("resume", *OF_STRATEGY, *WHY)[1], "it was ended"


def test_a_pause_of_risks_own_outlives_another_resume(tape: Ran, desk: Control) -> None:
    desk.put(repeated(), DECISIONS)
    out = tape("resume", *WHY)[1]
    assert NOTHING in out
    assert "still in force: PAUSED */ema/* by risk: EXECUTION_REPEATED" in out


def test_a_drawdown_that_begins_anew_is_told(tape: Ran, desk: Control) -> None:
    for _ in range(2):
        desk.put(drawn_down(), DECISIONS)
    out = tape("resume", *WHY)[1]
    assert NOTHING in out
    assert "still" not in out, "it may have been won back"
    out = tape("resume", *OF_STRATEGY, *WHY)[1]
    assert out.count("ended: LOSS_DRAWDOWN */ema/* by risk: LOSS_DRAWDOWN, drawdown 30") == 1


@pytest.mark.parametrize("newest", [1, 2])
def test_what_was_not_looked_at_is_named(
    tape: Ran, desk: Control, monkeypatch: pytest.MonkeyPatch, newest: int
) -> None:
    monkeypatch.setattr(denials, "NEWEST", newest)
    desk.put(repeated(), DECISIONS)
    desk.put(repeated()._replace(reason="STATE_PAUSED"), DECISIONS)
    out = tape("resume", *OF_STRATEGY, *WHY)[1]
    assert ("not looked at: risk's decisions before risk.decision.v1/0/1" in out) is (newest == 1)
    assert (NOTHING in out) is (newest == 1)


@pytest.mark.parametrize("there", [True, False])
def test_decisions_that_cannot_be_read_hold_no_resume_up(
    tape: Ran, desk: Control, there: bool
) -> None:
    if there:
        desk.log.append(OutRecord(DECISIONS, 0, b"", b"?", 1))
    else:
        del desk.log.partitions[Tp(DECISIONS, 0)]
    code, out, _ = tape("resume", *OF_STRATEGY, *WHY)
    assert (code, len(desk.told())) == (0, 1)
    assert ("not looked at: risk's decisions (" in out) is there
