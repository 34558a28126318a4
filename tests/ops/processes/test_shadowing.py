"""A canary that follows: the newest window, a verdict per round, kept for figures."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.metrics import declared
from ops.figures import canary as figures
from ops.processes.canarying import NoSuchSide, Task
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


def shadow(candidate: str = "current", task: Task = STRATEGY, **changes: object) -> Shadow:
    known = {"policy": Policy(), "window_ms": LONG_MS, "every_s": 0.01, **changes}
    return Shadow(task, "current", candidate, **known)  # type: ignore[arg-type]


def test_the_window_ends_where_the_newest_epoch_begins(settings: Settings) -> None:
    whole = window(settings, STRATEGY, LONG_MS)
    part = window(settings, STRATEGY, 1_000)
    assert part.to_ms == whole.to_ms
    assert part.from_ms is not None
    assert part.to_ms == part.from_ms + 1_000
    few, all_of_them = (judged(settings, shadow(window_ms=n)).found for n in (1_000, LONG_MS))
    assert few is not None
    assert all_of_them is not None
    assert 0 < few.epochs < all_of_them.epochs < 210, "the newest epoch may not be whole yet"


def test_verdicts(settings: Settings, tmp_path: Path) -> None:
    assert judged(settings, shadow()).verdict == 0
    beyond = judged(settings, shadow(overlay(tmp_path, FASTER)))
    assert beyond.verdict == 1
    assert "decisions changed" in beyond.broken[0]


def test_a_round_that_cannot_run_is_told_and_the_next_follows(settings: Settings) -> None:
    nothing = Task("strategy", source=Source.ARCHIVE, shards=2)
    with pytest.raises(NothingRecorded):
        window(settings, nothing, LONG_MS)
    done = judged(settings, shadow(task=nothing))
    assert (done.verdict, done.found) == (2, None)
    assert "no recent epoch" in done.reason


@pytest.mark.usefixtures("handlers")
def test_rounds_go_on_until_it_is_stopped(settings: Settings, tmp_path: Path) -> None:
    rounds: list[Round] = []

    def note(done: Round) -> None:
        rounds.append(done)
        if len(rounds) == 2:
            os.kill(os.getpid(), signal.SIGTERM)

    assert follow(settings, shadow(overlay(tmp_path, FASTER), window_ms=2_000), note) == 1
    assert [done.verdict for done in rounds] == [1, 1]
    (kept,) = figures.kept(settings.run_dir).items()
    assert kept[0] == "strategy"
    assert kept[1]["verdict"] == 1
    assert declared.CANARY_VERDICT.read() == {("strategy",): 1}
    assert declared.CANARY_TIME.read()["strategy",] == kept[1]["time"]


def test_a_side_that_there_is_not_ends_it_at_once(settings: Settings) -> None:
    with pytest.raises(NoSuchSide, match="no-such-ref"):
        follow(settings, shadow("no-such-ref"), lambda done: pytest.fail(f"{done}"))
