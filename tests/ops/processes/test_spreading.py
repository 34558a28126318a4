"""How many records a process must be worth before a replay starts it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from connectors.log.interface import Log
from ops.processes import spreading
from ops.settings import load
from replay.stretches import START_RECORDS
from schemas.codec import Codec


def nothing() -> tuple[Log, Codec]:
    raise AssertionError("nobody opens it")


OPENING: Callable[[], tuple[Log, Codec]] = nothing


@pytest.mark.parametrize(
    ("jobs", "most", "start"),
    [
        pytest.param(None, 2, START_RECORDS, id="by itself"),
        pytest.param(3, 3, 0, id="as told"),
    ],
)
def test_another_process_has_to_pay(
    monkeypatch: pytest.MonkeyPatch, jobs: int | None, most: int, start: int
) -> None:
    monkeypatch.setattr(spreading, "cores", lambda: 2)
    spread = spreading.spread_of(jobs, "strategy", load(), OPENING)
    assert spread is not None
    assert (spread.most, spread.start) == (most, start)


def test_one_process_is_alone() -> None:
    assert spreading.spread_of(1, "strategy", load(), OPENING) is None
