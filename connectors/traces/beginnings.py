"""What the trace of an order begins with: the frame, and the tick that was made of it.

Only who asks for an order knows that it began a trace, so these spans are made there, under the
names of the processes that did the work. What the connector measured itself is linked: its span of
the second in which the frame came, whose ids follow from the tick (see `connectors.traces.frames`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from connectors.traces.ids import Ids, frame_ids, frames_ids, tick_ids, trace_of
from connectors.traces.spans import Newest, Span
from pipelines.ids import position_id
from pipelines.logic import Input

TICKS: Final = ("md.trade.v1", "md.quote.v1", "md.book.v1")
HEARD_MAX: Final = 10_000


class Beginnings:
    """`hear` is given the ticks that something was decided for, in the epoch that read them."""

    def __init__(self) -> None:
        self._ticks = Newest[Any](HEARD_MAX)  # by trace

    def hear(self, roots: set[str], inputs: Iterable[Input]) -> None:
        """`roots` are correlation ids."""
        for item in inputs:
            if item.position.topic in TICKS and (root := position_id(item.position)) in roots:
                self._ticks.put(trace_of(root), item.event)

    def of(self, event: Any, taken_ns: int) -> tuple[Span, ...]:
        """Frame and tick of an event's trace: received when it says, and taken up at `taken_ns` by
        the process that made it. What was no market data has one span, for its record.
        """
        root, received_ns = event.correlation_id, event.ts_recv_ns
        facts: dict[str, str | int] = {"tape.correlation_id": root}
        until_ns, topic = max(received_ns, taken_ns), root.partition("/")[0]
        if not topic.startswith("md."):
            return (Span("desk", topic, tick_ids(root), received_ns, until_ns, facts),)
        return (
            self._frame(root, received_ns),
            Span("market", topic, tick_ids(root), received_ns, until_ns, facts),
        )

    def _frame(self, root: str, received_ns: int) -> Span:
        facts: dict[str, str | int] = {"tape.correlation_id": root}
        links: tuple[Ids, ...] = ()
        tick = self._ticks.get(trace_of(root))
        if tick is not None:
            facts |= {"tape.venue": tick.venue, "tape.line": tick.line}
            links = (frames_ids(tick.venue, tick.line, tick.ts_recv_ns),)
        ids = frame_ids(root)
        return Span("connector", "frame", ids, received_ns, received_ns, facts, links=links)
