"""Which state may follow which, and what a status shows."""

from __future__ import annotations

import pytest

from connectors.venues.state import FOLLOWS, State, Status


def test_table_names_every_state() -> None:
    assert set(FOLLOWS) == set(State)
    assert all(State.CLOSED in after for state, after in FOLLOWS.items() if state != State.CLOSED)


def test_a_life() -> None:
    status = Status("BINANCE", "A", ("btcusdt@trade",))
    for state in ("SUBSCRIBING", "LIVE", "STALE", "BACKING_OFF", "CONNECTING", "CLOSED"):
        status.enter(State[state], 7)
    assert status.as_dict()["state"] == "CLOSED"
    assert status.as_dict()["since_ns"] == 7
    assert [state.value for state in status.history][:2] == ["CONNECTING", "SUBSCRIBING"]


def test_a_wrong_step_is_our_own_mistake() -> None:
    status = Status("BINANCE", "A", ())
    with pytest.raises(AssertionError, match="LIVE"):
        status.enter(State.LIVE, 0)


def test_history_is_bounded() -> None:
    status = Status("BINANCE", "A", ())
    for _ in range(Status.HISTORY_MAX):
        status.enter(State.BACKING_OFF, 0)
        status.enter(State.CONNECTING, 0)
    assert len(status.history) == Status.HISTORY_MAX
