"""Few records are taken row by row, many from columns: the same records either way."""

from __future__ import annotations

import pytest

from pipelines.logic import Input, Position
from pipelines.market import logic
from schemas.events import ClockTick, ConnectionClosed, ConnectionOpened, FrameReceived
from tests.pipelines.batches import batch_of

EVENTS = [
    ConnectionOpened("V", "A", "a", 1, "ws://v", ("s",)),
    FrameReceived("V", "A", "a", 2, b"{}"),
    ClockTick(3),
    FrameReceived("W", "B", "b", 4, b"\xff"),
    ConnectionClosed("V", "A", "a", 5, "UNKNOWN", ""),
    FrameReceived("V", "A", "a", 6, b""),
]


def test_columns_give_the_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = [Input(Position("md.raw.v1", at % 2, at), at, b"k", e) for at, e in enumerate(EVENTS)]
    taken = [row for row in logic.rows(batch_of(inputs)) if type(row[2]) is not ConnectionOpened]
    monkeypatch.setattr(logic, "ROWS_MAX", 0)
    assert list(logic.rows(batch_of(inputs))) == taken
    assert [type(row[2]) for row in taken] == [type(event) for event in EVENTS[1:]]
