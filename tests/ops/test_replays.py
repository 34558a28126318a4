"""Verdicts of replays outlive their command."""

from __future__ import annotations

from pathlib import Path

from ops import replays
from ops.console import order_rows
from ops.console.state import State
from ops.replays import Noted, Replayed, note

EQUAL = Replayed(1_000, "market-0", True, 40, "epochs from 0 on, from the log")
DIFFERS = Replayed(2_000, "strategy-0", False, 3, "epoch 2 differs")


def test_what_is_noted_is_read_back_when_it_changed(tmp_path: Path) -> None:
    noted = Noted(tmp_path / "run")
    assert noted() == []
    note(tmp_path / "run", EQUAL)
    assert noted() == [EQUAL]
    assert noted() is noted(), "read once"
    note(tmp_path / "run", DIFFERS)
    assert noted() == [EQUAL, DIFFERS]


def test_only_the_newest_are_read_and_what_is_no_verdict_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / replays.FILE).write_bytes(b'{"a": 1}\nnothing\n[1, 2]\n')
    for number in range(2_000):
        note(tmp_path, EQUAL._replace(epochs=number))
    found = Noted(tmp_path)()
    assert found[-1].epochs == 1_999
    assert 100 < len(found) < 2_000
    assert {one.shard for one in found} == {"market-0"}


def test_the_page_shows_those_of_its_past_newest_first() -> None:
    state = State()
    state.replayed([EQUAL, DIFFERS])
    state.replayed([EQUAL, DIFFERS])
    assert state.versions["replays", ""] == 1
    rows = order_rows.replays(state, 5_000)
    assert [(row["pipeline"], row["verdict"]) for row in rows] == [
        ("strategy-0", "DIFFERS"),
        ("market-0", "EQUAL"),
    ]
    assert [row["pipeline"] for row in order_rows.replays(state, 1_500)] == ["market-0"]
