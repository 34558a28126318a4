"""Runbooks name what there is: commands, their options, metrics, topics, other pages."""

from __future__ import annotations

import re
import shlex
import signal
from pathlib import Path
from typing import Any

import pytest
import typer

from connectors.metrics.declared import FIGURES
from ops.cli import build
from ops.settings import ROOT
from ops.supervisor.model import after_end
from pipelines.logic import Input, Position
from pipelines.reconciliation.says import halted
from pipelines.reconciliation.state import Finding
from schemas.catalog import load_catalog

FOLDER = ROOT / "ops" / "runbooks"
ALERTS = sorted(FOLDER.glob("[A-Z][a-z]*.md"))
SCENARIOS = sorted({*FOLDER.glob("[a-z]*.md")} - {FOLDER / "review.md"})
PAGES = [*ALERTS, *SCENARIOS]
WORD = {"PIPELINE", "TOPIC"}


def wrong(command: str, root: Any) -> str:
    """What does not exist of a command as a person would type it; empty where all of it does."""
    words, at = shlex.split(command)[1:], root
    while words and (found := getattr(at, "commands", {}).get(words[0])) is not None:
        at, words = found, words[1:]
    if getattr(at, "commands", None):
        placeholder = words and words[0] in WORD
        return "" if placeholder else f"no command {words[:1]}"
    known = {name for one in at.params for name in one.opts}
    return " ".join(word for word in words if word.startswith("--") and word not in known)


def commands(text: str) -> list[str]:
    return re.findall(r"`(tape [^`]+)`", text)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_runbook_names_what_exists(page: Path) -> None:
    text, root = page.read_text(), typer.main.get_command(build())
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Symptoms", "First five minutes"]
    assert "Recovery: " in text
    assert commands(text) or page.stem in ("VenueBudgetShrinks",)
    assert [one for one in commands(text) if wrong(one, root)] == []
    figures = {one.name for one in FIGURES}
    assert {*re.findall(r"`((?:tape|trading)_[a-z_]+)", text)} <= figures
    assert all((page.parent / name).is_file() for name in re.findall(r"\]\(([\w-]+\.md)\)", text))
    topics = {*re.findall(r"tape tail ([a-z.-]+\.v\d+(?:\.dlq)?)", text)}
    assert topics <= {*load_catalog().topics}


def test_what_does_not_exist_is_seen() -> None:
    root = typer.main.get_command(build())
    assert wrong("tape pause --reason x", root) == ""
    assert wrong("tape pause --because x", root) == "--because"
    assert wrong("tape stop", root) == "no command ['stop']"


@pytest.mark.parametrize("page", ["PositionDrift", "position-drift"])
def test_what_reconciliation_halted_is_resumed_by_exactly_its_scope(page: str) -> None:
    item = Input(Position("venue.snapshot.v1", 0, 0), 0, b"", None)
    drift = Finding("id", "POSITION_DRIFT", "BINANCE", "", "", "BTCUSDT.BINANCE")
    event = halted(item, "desk", drift).event
    named = {"account": event.account, "strategy": event.strategy, "instrument": event.instrument}
    wanted = {f"--{name}" for name, value in named.items() if value is not None}
    resumes = [one for one in commands((FOLDER / f"{page}.md").read_text()) if "resume" in one]
    scopes = [{*re.findall(r"--(?:account|strategy|instrument)\b", one)} for one in resumes]
    assert wanted in scopes
    assert [one for one in scopes if one and one != wanted] == []


def test_a_process_that_shall_start_again_is_not_told_to_stop() -> None:
    assert after_end(0) != after_end(-signal.SIGKILL) == "BACKING_OFF"
    assert "`kill -9`" in (FOLDER / "ProcessDown.md").read_text()


@pytest.mark.parametrize(
    "page", ["DigestMismatch", "digest-mismatch", "OrdersLeftOpen", "Fenced", "ProcessRefused"]
)
def test_what_ended_for_good_is_started_by_a_new_supervisor(page: str) -> None:
    """A second `up` finds the desk running, and refuses for the one that is not."""
    asked = commands((FOLDER / f"{page}.md").read_text())
    assert "tape down" in asked[: asked.index("tape up --all")]


BULKY = {"md.raw.v1", "md.trade.v1", "md.quote.v1", "md.mark.v1", "venue.raw.v1"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_is_asked_in_an_emergency_can_answer(page: Path) -> None:
    asked = commands(page.read_text())
    for one in asked:
        words = shlex.split(one)
        if words[1] == "explain" and page.stem != "restore":
            assert "--source" in words, "the archive, its default, may not have the order yet"
        if words[1] == "tail" and words[2] in BULKY:
            assert "--from" in words, "weeks of it would be printed first"


def test_the_index_lists_every_page() -> None:
    index = (FOLDER / "README.md").read_text()
    found = re.findall(r"\]\(([\w-]+)\.md\)", index)
    assert {*found} == {*(page.stem for page in PAGES), "review"}
    assert len({*found}) == len(found)


@pytest.mark.parametrize("page", SCENARIOS, ids=lambda page: page.stem)
def test_a_scenario_names_the_tests_that_exercise_it(page: Path) -> None:
    assert exercises(page.read_text())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_test_that_exercises_a_runbook_exists(page: Path) -> None:
    assert missing(exercises(page.read_text())) == []


def test_a_test_that_does_not_exist_is_seen() -> None:
    here = "tests/ops/test_runbooks.py"
    text = f"Exercised: `{here}::test_a_test_that_does_not_exist_is_seen`, `{here}::test_no`"
    assert missing(exercises(text)) == [(here, "test_no")]
    assert missing([("tests/none.py", "test_no")]) == [("tests/none.py", "test_no")]


def exercises(text: str) -> list[tuple[str, str]]:
    """File and name of every test that a page names."""
    return re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", text)


def missing(named: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(file, name) for file, name in named if name not in named_in(ROOT / file)]


def named_in(file: Path) -> list[str]:
    found = re.findall(r"^def (test_\w+)\(", file.read_text() if file.is_file() else "", re.M)
    return [*found]
