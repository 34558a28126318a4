"""1. The broker is killed before anything else. 2. What waits for it is mixed with what computes,
and none of it is left for the end.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from tests.dealing import LAST_SHARE, dealt

KILLS = [Path("kills1.py"), Path("kills0.py")]
WAITS = [Path(f"waits{n}.py") for n in range(10)]
COMPUTES = [Path(f"computes{n}.py") for n in range(40)]
FILES = {path: n for n, path in enumerate([*COMPUTES, *WAITS, *KILLS], 1)}


def test_whoever_kills_the_broker_is_first_and_each_file_is_dealt_once() -> None:
    order = dealt(FILES, KILLS, WAITS)
    assert order[: len(KILLS)] == KILLS
    assert sorted(order) == sorted(FILES)


def test_files_that_wait_are_spread_among_those_that_compute() -> None:
    order = dealt(FILES, KILLS, WAITS)[len(KILLS) :]
    at = [order.index(path) for path in WAITS]
    assert at == sorted(at), "by the number of their tests"
    assert len(order) - 1 - max(at) >= (1 - LAST_SHARE) * len(COMPUTES), "none near the end"
    assert {after - before for before, after in pairwise(at)} <= {3, 4}
    computes = [order.index(path) for path in COMPUTES]
    assert computes == sorted(computes, reverse=True), "those with many tests first"


def test_one_kind_alone_is_dealt_by_number() -> None:
    counts = {path: FILES[path] for path in WAITS}
    assert dealt(counts, (), WAITS) == WAITS
    assert dealt(counts, (), ()) == WAITS[::-1]
    assert dealt({}, (), ()) == []
