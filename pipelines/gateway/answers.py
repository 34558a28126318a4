"""What one report means for one order: the order event, or nothing where it is known already.

A report repeats what another path has told (answer, stream, query), and they overtake each other;
the order's state decides what is new. Quantities are the fold's own: `cum_qty` of a fill is what
the fills up to it add up to.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from pipelines.exact import EXACTLY, ZERO
from pipelines.gateway.book import Entry
from pipelines.gateway.reports import FillReport, OrderReport, RefusalReport
from schemas.events import (
    DecisionExpired,
    DecisionExpiry,
    Fact,
    OrderAccepted,
    OrderAction,
    OrderCanceled,
    OrderCancelRejected,
    OrderExpired,
    OrderFilled,
    OrderOutcomeUnknown,
    OrderRejected,
    OrderResolution,
    OrderResolved,
    OutcomeDoubt,
)


class Cause(NamedTuple):
    """The record a report came in: its id and its time at our socket."""

    causation_id: str
    ts_recv_ns: int
    request_ids: tuple[str, ...] = ()


def standing(entry: Entry, report: OrderReport, cause: Cause, *, asked: bool) -> Any | None:
    """`asked`: the report answers a question about an order in doubt."""
    if entry.order.state == "OUTCOME_UNKNOWN" and asked:
        return resolved(entry, report.standing, report.cum_qty, cause, report)
    if not entry.live:
        return None
    if report.standing in ("OPEN", "FILLED"):  # that it is filled, its fills say
        known = entry.order_id is not None and entry.order.state != "OUTCOME_UNKNOWN"
        return None if known else accepted(entry, report, cause)
    if report.standing == "CANCELED":
        return _canceled(entry, report, cause)
    if report.standing == "EXPIRED":
        return _expired(entry, report, cause)
    refusal = RefusalReport("VENUE_OTHER", "", "reported as rejected")
    return rejected(entry, refusal, cause, report.ts_event_ns)


def accepted(entry: Entry, report: OrderReport, cause: Cause) -> OrderAccepted:
    order, approved = entry.order, entry.approved
    return OrderAccepted(
        *_subject(entry),
        report.order_id,
        approved.side,
        approved.price,
        approved.order_qty,
        order.cum_qty,
        order.reserved_qty,
        *_causes(entry, cause, report.ts_event_ns),
    )


def _canceled(entry: Entry, report: OrderReport, cause: Cause) -> OrderCanceled:
    return OrderCanceled(
        *_subject(entry),
        report.order_id,
        entry.cancel if entry.cancels and entry.cancel else "UNKNOWN",
        report.cum_qty,
        _rest(entry, report.cum_qty),
        *_causes(entry, cause, report.ts_event_ns),
    )


def _expired(entry: Entry, report: OrderReport, cause: Cause) -> OrderExpired:
    return OrderExpired(
        *_subject(entry),
        report.order_id,
        report.expiry,
        report.cum_qty,
        _rest(entry, report.cum_qty),
        *_causes(entry, cause, report.ts_event_ns),
    )


def filled(entry: Entry, fill: FillReport, cause: Cause) -> OrderFilled:
    order = entry.order
    cum_qty = EXACTLY.add(order.cum_qty, fill.last_qty)
    return OrderFilled(
        *_subject(entry),
        fill.order_id,
        fill.trade_id,
        entry.approved.side,
        fill.last_px,
        fill.last_qty,
        cum_qty,
        # After the end nothing more stands, though fills may still be told.
        ZERO if order.final_qty is not None else _rest(entry, cum_qty),
        fill.commission,
        fill.comm_currency,
        fill.last_liquidity,
        False,
        *_causes(entry, cause, fill.ts_event_ns),
    )


def rejected(
    entry: Entry, refusal: RefusalReport, cause: Cause, ts_event_ns: int | None = None
) -> OrderRejected:
    return OrderRejected(
        *_subject(entry),
        refusal.reason,
        refusal.venue_code,
        refusal.text,
        *_causes(entry, cause, ts_event_ns),
    )


def cancel_rejected(entry: Entry, refusal: RefusalReport, cause: Cause) -> OrderCancelRejected:
    return OrderCancelRejected(
        *_subject(entry),
        entry.order_id,
        refusal.reason,
        refusal.venue_code,
        refusal.text,
        *_causes(entry, cause),
    )


def doubted(
    entry: Entry, action: OrderAction, reason: OutcomeDoubt, cause: Cause
) -> OrderOutcomeUnknown:
    order = entry.order
    return OrderOutcomeUnknown(
        *_subject(entry),
        action,
        reason,
        order.cum_qty,
        order.reserved_qty,
        *_causes(entry, cause),
    )


def resolved(
    entry: Entry,
    resolution: OrderResolution,
    cum_qty: Decimal,
    cause: Cause,
    report: OrderReport | None = None,
) -> OrderResolved:
    leaves_qty = _rest(entry, cum_qty) if resolution == "OPEN" else ZERO
    return OrderResolved(
        *_subject(entry),
        report.order_id if report else entry.order_id,
        resolution,
        cum_qty,
        leaves_qty,
        cause.request_ids,
        *_causes(entry, cause, report.ts_event_ns if report else None),
    )


def dropped(
    entry: Entry, reason: DecisionExpiry, facts: Sequence[Fact], causation_id: str
) -> DecisionExpired:
    """Keeps the root tick's times: there is no frame of the venue's."""
    approved = entry.approved
    return DecisionExpired(
        *_subject(entry),
        reason,
        tuple(facts),
        approved.correlation_id,
        causation_id,
        approved.ts_event_ns,
        approved.ts_recv_ns,
    )


def _rest(entry: Entry, cum_qty: Decimal) -> Decimal:
    return EXACTLY.subtract(entry.approved.order_qty, cum_qty)


def _subject(entry: Entry) -> tuple[str, str, str, str, str]:
    one = entry.approved
    return one.account, one.strategy, one.venue, one.instrument, one.cl_ord_id


def _causes(
    entry: Entry, cause: Cause, ts_event_ns: int | None = None
) -> tuple[str, str, int | None, int]:
    return entry.approved.correlation_id, cause.causation_id, ts_event_ns, cause.ts_recv_ns
