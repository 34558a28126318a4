"""What a verb decides, about which scope.

A scope that nobody knows: what was decided stands, and a warning names what is misspelt.
"""

from __future__ import annotations

from pathlib import Path
from threading import Event
from typing import Any

import pytest

from ops.processes import control, flatten, names
from schemas.events import TradingFlattened, TradingPaused, TradingReduced, TradingResumed
from tests.ops.cli.ran import Ran
from tests.ops.processes.known import Control
from tests.pipelines.risk.rig import ACCOUNT, INSTRUMENT

WHY = ("--person", "ada", "--reason", "test")
VERBS = {
    "pause": TradingPaused,
    "reduce": TradingReduced,
    "flatten": TradingFlattened,
    "resume": TradingResumed,
}
FALSE = {"--account": "sim-2", "--strategy": "emma-cross", "--instrument": "BTCUSDT"}
RIGHT = {"--account": ACCOUNT, "--strategy": "ema-cross", "--instrument": INSTRUMENT}


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Control:
    made = Control()
    made.serve(monkeypatch, control, flatten, names)
    for module in (control, flatten):
        monkeypatch.setattr(module, "decide", lambda _, event: made.put(event))
    monkeypatch.setattr(flatten, "SETTLED_S", 0.0)
    monkeypatch.setenv("TAPE_RUN_DIR", str(tmp_path))
    return made


@pytest.fixture
def tape(desk: Control, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ran:
    return Ran(monkeypatch, capsys)


@pytest.mark.parametrize(("verb", "kind"), [*VERBS.items()])
@pytest.mark.parametrize("option", [None, *RIGHT])
def test_a_verb_is_one_event_about_the_scope_it_names(
    tape: Ran, desk: Control, verb: str, kind: type[Any], option: str | None
) -> None:
    code, _, err = tape(verb, *((option, RIGHT[option]) if option else ()), *WHY)
    assert (code, err) == (0, "")
    [told] = desk.told()
    scope = tuple(RIGHT[name] if name == option else None for name in RIGHT)
    assert type(told) is kind
    assert (told.account, told.strategy, told.instrument) == scope
    assert (told.source, told.person, told.reason) == ("OPERATOR", "ada", "test")


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("option", FALSE)
def test_a_name_that_nobody_knows_is_a_warning(
    tape: Ran, desk: Control, verb: str, option: str
) -> None:
    code, _, err = tape(verb, option, FALSE[option], *WHY)
    assert (code, len(desk.told())) == (0, 1), err
    assert err == (
        f"tape: warning: this scope may cover nothing: no {option[2:]} {FALSE[option]} is known, "
        f"only {'book-imbalance, ' * (option == '--strategy')}{RIGHT[option]} "
        "(not read: gateways, caps file)\n"
    )


@pytest.mark.parametrize("verb", VERBS)
def test_names_that_are_known_are_no_warning(tape: Ran, desk: Control, verb: str) -> None:
    scope = [word for pair in RIGHT.items() for word in pair]
    code, _, err = tape(verb, *scope, *WHY)
    assert (code, err, len(desk.told())) == (0, "", 1)


def test_what_a_misspelt_scope_latched_is_resumed_without_a_word(tape: Ran) -> None:
    assert tape("pause", "--strategy", "emma-cross", *WHY)[2]
    code, out, err = tape("resume", "--strategy", "emma-cross", *WHY)
    assert (code, err) == (0, "")
    assert "ended: PAUSED */emma-cross/*" in out


def test_a_log_that_does_not_answer_holds_nothing_up(
    tape: Ran, desk: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    for_ever = Event()
    monkeypatch.setattr(names, "kafka_log", lambda _: for_ever.wait())
    monkeypatch.setattr(names, "WITHIN_S", 0.1)
    code, _, err = tape("pause", "--instrument", INSTRUMENT, *WHY)
    for_ever.set()
    assert (code, len(desk.told())) == (0, 1)
    assert f"it is not known whether the instrument {INSTRUMENT} is right" in err
    assert "(not read: limits, gateways, caps file)" in err
