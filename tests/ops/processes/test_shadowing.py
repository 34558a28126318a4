"""A canary that follows: the newest window, a verdict per round, kept for figures."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from connectors.metrics import declared
from ops import cli
from ops.figures import canary as figures
from ops.processes.canarying import Task, side
from ops.processes.shadowing import Round, Shadow, follow, judged, window
from ops.processes.sources import Source
from ops.settings import Settings
from replay.canary.policy import Policy
from replay.rerun import NothingRecorded
from tests.ops.processes.test_canarying import FASTER, overlay, settings

__all__ = ["settings"]
LONG_MS = 3_600_000
STRATEGY = Task("strategy", source=Source.ARCHIVE)


@pytest.fixture
def handlers() -> Iterator[None]:
    """As before, whatever a test makes of signals."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def shadow(
    settings: Settings, candidate: str = "current", task: Task = STRATEGY, window_ms: int = LONG_MS
) -> Shadow:
    base, other = (side(settings, name) for name in ("current", candidate))
    return Shadow(task, base, other, Policy(), window_ms, every_s=0.01)


def test_the_window_ends_where_the_newest_epoch_begins(settings: Settings) -> None:
    whole = window(settings, STRATEGY, LONG_MS)
    part = window(settings, STRATEGY, 1_000)
    assert part.to_ms == whole.to_ms
    assert part.from_ms is not None
    assert part.to_ms == part.from_ms + 1_000
    shadows = [shadow(settings, window_ms=length_ms) for length_ms in (1_000, LONG_MS)]
    few, all_of_them = (judged(settings, one).found for one in shadows)
    assert few is not None
    assert all_of_them is not None
    assert 0 < few.epochs < all_of_them.epochs < 210, "the newest epoch may not be whole yet"


def test_verdicts(settings: Settings, tmp_path: Path) -> None:
    assert judged(settings, shadow(settings)).verdict == 0
    beyond = judged(settings, shadow(settings, overlay(tmp_path, FASTER)))
    assert beyond.verdict == 1
    assert "decisions changed" in beyond.broken[0]


def test_a_round_that_cannot_run_is_told_and_the_next_follows(settings: Settings) -> None:
    nothing = Task("strategy", source=Source.ARCHIVE, shards=2)
    with pytest.raises(NothingRecorded):
        window(settings, nothing, LONG_MS)
    done = judged(settings, shadow(settings, task=nothing))
    assert (done.verdict, done.found) == (2, None)
    assert "no recent epoch" in done.reason


@pytest.mark.usefixtures("handlers")
def test_rounds_go_on_until_it_is_stopped(settings: Settings, tmp_path: Path) -> None:
    rounds: list[Round] = []
    following = shadow(settings, overlay(tmp_path, FASTER), window_ms=2_000)

    def note(done: Round) -> None:
        rounds.append(done)
        overlay(tmp_path, "no settings")  # a side is what it was at the beginning
        if len(rounds) == 2:
            os.kill(os.getpid(), signal.SIGTERM)

    assert follow(settings, following, note) == 1
    assert [done.verdict for done in rounds] == [1, 1]
    (kept,) = figures.kept(settings.run_dir).items()
    assert kept[0] == "strategy"
    assert kept[1]["verdict"] == 1
    assert declared.CANARY_VERDICT.read() == {("strategy",): 1}
    assert declared.CANARY_TIME.read()["strategy",] == kept[1]["time"]


def test_a_side_that_there_is_not_ends_it_at_once(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAPE_RUN_DIR", str(settings.run_dir))
    command = ["canary", "strategy", "--follow", "--candidate", "no-such-ref"]
    done = CliRunner().invoke(cli.build(), command)
    assert done.exit_code == 2
    assert "no-such-ref: " in done.stderr
