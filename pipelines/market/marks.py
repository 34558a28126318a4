"""Marks: the exact mid of the best bid and ask, at most one per interval of log time."""

from __future__ import annotations

from decimal import Context, Decimal, Inexact, InvalidOperation, Overflow
from typing import Final

from pipelines.ages import younger
from pipelines.market.state import Stream
from pipelines.market.turn import Turn
from schemas.events import MarkPublished, QuoteChanged

MARKS: Final = "md.mark.v1"

_EXACTLY: Final = Context(prec=76, traps=[Inexact, InvalidOperation, Overflow])
_HALF: Final = Decimal("0.5")


def mark(turn: Turn, stream: Stream, quote: QuoteChanged) -> None:
    """Publishes the quote's mid unless the last mark is younger than the interval."""
    at_ms, marked_ms = turn.timestamp_ms, stream.marked_ms
    if marked_ms is not None and younger(marked_ms, turn.settings.mark_interval_ms, at_ms):
        return
    stream.marked_ms = at_ms
    turn.emit(MARKS, stream.key, marked(quote))


def marked(quote: QuoteChanged) -> MarkPublished:
    """The mark that a quote makes."""
    mid = _EXACTLY.multiply(_EXACTLY.add(quote.bid_px, quote.ask_px), _HALF)
    return MarkPublished(
        quote.venue,
        quote.instrument,
        quote.bid_px,
        quote.ask_px,
        mid,
        quote.ts_event_ns,
        quote.ts_recv_ns,
    )
