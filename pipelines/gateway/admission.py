"""Whether an approved order may be sent now: the last look, in the order of what is cheapest to
explain. An order is looked at once; what is refused here is never sent later.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from pipelines.gateway.book import Book
from pipelines.gateway.caps import Caps, Quote, Refused, check
from pipelines.ids import is_cl_ord_id
from schemas.events import DecisionExpiry, Fact, OrderApproved

AGE_NS_MAX: Final = 2_000_000_000


class Moment(NamedTuple):
    """The edge's clocks and condition at one decision. `at_ns`: wall time, nanoseconds UTC;
    `venue_ts_ms`: the venue's clock. `blocked`: why the gateway sends nothing now, None if it does.
    """

    at_ns: int
    venue_ts_ms: int
    blocked: DecisionExpiry | None = None


def refused(
    order: OrderApproved,
    moment: Moment,
    book: Book,
    latched: DecisionExpiry | None,
    quote: Quote | None,
    caps: Caps,
) -> Refused | None:
    """Why an order is not sent; None if it may be. `latched`: what its trading state says."""
    if not is_cl_ord_id(order.cl_ord_id):
        return Refused("UNKNOWN", (Fact("cl_ord_id", order.cl_ord_id),))
    entry = book.entries.get(order.cl_ord_id)
    if entry is not None and entry.cancel is not None:
        return Refused("DECISION_SUPERSEDED", (Fact("cancel", entry.cancel),))
    for reason in (moment.blocked, latched):
        if reason is not None:
            return Refused(reason, ())
    fresh = quote if quote and moment.at_ns - quote.ts_recv_ns <= AGE_NS_MAX else None
    return _stale(order, moment.at_ns) or check(
        order, book.usage(order, moment.venue_ts_ms), fresh, caps
    )


def _stale(order: OrderApproved, at_ns: int) -> Refused | None:
    """A time from the future is refused as well: one of the two clocks is wrong."""
    ages: tuple[tuple[DecisionExpiry, int], ...] = (
        ("TICK_STALE", at_ns - order.ts_recv_ns),
        ("MARK_STALE", at_ns - order.mark_ts_recv_ns),
    )
    for reason, age_ns in ages:
        if not -AGE_NS_MAX <= age_ns <= AGE_NS_MAX:
            return Refused(reason, (Fact("age_ns", str(age_ns)), Fact("max_ns", str(AGE_NS_MAX))))
    return None
