"""What a report is made of counts every moment seen, not those alone at which the clock ticks."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from pipelines.logic import Input, Position
from replay.backtest.story import Story
from schemas.events import ClockTick, MarkPublished
from tests.replay.backtest.test_run import example, setting


def told(*events: Any) -> Story:
    story = Story(setting().limits)
    for number, event in enumerate(events):
        story.see(Input(Position("any", 0, number), 1_000 + number, b"", event))
    return story


def mark(px: str) -> MarkPublished:
    fill = example().story.fills[0].event
    exact = Decimal(px)
    return MarkPublished(fill.venue, fill.instrument, exact, exact, exact, None, 0)


def test_a_fall_between_two_ticks_counts() -> None:
    bought = (
        example()
        .story.fills[0]
        .event._replace(
            side="BUY", last_px=Decimal(100), last_qty=Decimal(2), commission=Decimal(0)
        )
    )
    story = told(mark("100"), ClockTick(1), bought, mark("104"), mark("90"), mark("100"))
    assert story.drawdown.largest == 28
    assert story.exposure_max == 208
    assert len(story.profit.rows) == 1, "a chart has a point for each tick"
