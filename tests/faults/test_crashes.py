"""A sample of the fault scenarios; `make soak` runs the full counts."""

from __future__ import annotations

import pytest

from tests.faults import scenarios
from tests.faults.rig import Rig


def test_random_kills(rig: Rig) -> None:
    scenarios.random_kills(rig, 10)


def test_kills_at_named_points(rig: Rig) -> None:
    scenarios.kills_at_named_points(rig, 1)


def test_zombies_write_nothing(rig: Rig) -> None:
    scenarios.zombies(rig, 5)


def test_a_sleeper_without_successor_is_restarted(rig: Rig) -> None:
    scenarios.sleeper_without_successor(rig)


@pytest.mark.kills_broker
def test_broker_kills(rig: Rig) -> None:
    scenarios.broker_kills(rig, 2)


def test_another_shards_hanging_transaction(rig: Rig) -> None:
    scenarios.hanging_transaction(rig)


def test_stops_are_quick_and_clean(rig: Rig) -> None:
    scenarios.stops(rig, 4)
