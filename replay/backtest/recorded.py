"""What a desk did live, gathered as a backtest gathers it: the same story, the same report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from connectors.control import CONTROL
from connectors.control import TOPIC as CONTROL_TOPIC
from connectors.log.interface import Log
from pipelines.logic import Input
from replay.backtest.feed import Feed, Range, ranges, require_market
from replay.backtest.parted import Trading
from replay.backtest.story import Story
from replay.times import EVERYTHING, Span
from schemas.codec import Codec
from schemas.errors import TapeError
from schemas.events import LimitsChanged

TOPICS: Final = (
    CONTROL_TOPIC,
    "md.mark.v1",
    "ops.clock.v1",
    "oms.order-request.v1",
    "risk.decision.v1",
    "oms.order-event.v1",
    "recon.position.v1",
)
DONE: Final = ("oms.order-request.v1", "oms.order-event.v1")
READ_S: Final = 30.0


class NothingTraded(TapeError):
    """The log has no limits: no desk traded on it."""


def recorded_story(log: Log, codec: Codec, span: Span = EVERYTHING) -> Story:
    """The story of everything on a log, or of a span of it; opening balances are taken from before
    it. Raises `NothingTraded`.
    """
    low, end = log.bounds(CONTROL)
    said = [codec.decode(one.value()) for one in log.read(CONTROL, low, end, READ_S)]
    limits = [event for event in said if isinstance(event, LimitsChanged)]
    if not limits:
        raise NothingTraded("no limits were ever set on this log: nothing was traded")
    story = Story(max(limits, key=lambda event: event.limits_version))
    wanted, at_ms = ranges(log, span, TOPICS), 0
    require_market(wanted)
    for item in _rows(log, codec, wanted):
        at_ms = max(at_ms, item.timestamp_ms)
        story.see(item)
    story.end(at_ms)
    return story


def recorded_trading(log: Log, codec: Codec, span: Span, account: str) -> Trading | None:
    """The account's orders and fills of a span as they were live; None where nobody asked for any.
    What its last orders led to after the span counts too.
    """
    if not ranges(log, span, DONE[:1]):
        return None
    live = Trading(account)
    wanted = [*ranges(log, span, DONE[:1]), *ranges(log, Span(span.from_ms), DONE[1:])]
    for item in _rows(log, codec, wanted):
        live.see(item)
    return live if live.seen else None


def _rows(log: Log, codec: Codec, wanted: Sequence[Range]) -> Iterator[Input]:
    """In the merged order."""
    feed = Feed(log, codec, wanted)
    try:
        for batch in feed.batches():
            yield from batch.rows()
    finally:
        feed.close()
