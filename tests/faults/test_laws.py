"""The laws on the real broker; `make soak` runs larger counts."""

from __future__ import annotations

import pytest

from tests.faults import laws, shim
from tests.faults.rig import Rig


def test_shards_against_one(rig: Rig) -> None:
    laws.shards_against_one(rig, 2_000)


def test_replays_under_other_hash_seeds(rig: Rig) -> None:
    laws.replays_under_other_hash_seeds(rig, 2)


def test_an_hour_of_backlog(rig: Rig) -> None:
    laws.hour_of_backlog(rig)


@pytest.mark.skipif(not shim.compiler(), reason="the clock shim needs a C compiler")
def test_a_clock_that_steps_back(rig: Rig) -> None:
    laws.clock_stepped_back(rig)


def test_recovery_does_not_grow_with_the_log(rig: Rig) -> None:
    (_, short), (_, long) = laws.recovery_time(rig, (1_000, 30_000))
    assert long < 2 * short + 1_000
