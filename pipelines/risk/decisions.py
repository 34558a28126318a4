"""What risk says, as events. An approval repeats the whole order: it is all the gateway reads."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from pipelines.exact import money
from pipelines.logic import Input, Output
from pipelines.risk.asked import Asked, Tick
from pipelines.risk.denial import Denial
from pipelines.risk.state import Cell, RiskState, Working
from schemas.events import (
    CancelApproved,
    CancelReason,
    CancelRequested,
    OrderApproved,
    OrderDenied,
)

DECISIONS: Final = "risk.decision.v1"
_new: Any = tuple.__new__  # a NamedTuple's own constructor costs three times this


def approved(
    item: Input, asked: Asked, tick: Tick, cell: Cell, state: RiskState, notional: Decimal
) -> Output:
    """`notional`: the order's value at the price reserved at."""
    mark, (correlation_id, _, ts_event_ns, ts_recv_ns) = cell.mark, tick
    decided = (
        money(notional),
        state.table.version,
        mark.px,
        mark.ts_recv_ns,
        correlation_id,
        place(item),
        ts_event_ns,
        ts_recv_ns,
    )
    return _output(item, asked[0], _new(OrderApproved, asked + decided))


def denied(
    item: Input, asked: Asked, tick: Tick, cell: Cell, state: RiskState, denial: Denial
) -> Output:
    px, (correlation_id, _, ts_event_ns, ts_recv_ns) = cell.mark.px, tick
    decided = (
        denial.reason,
        denial.facts,
        state.table.version,
        px,
        None if px is None else cell.mark.ts_recv_ns,
        correlation_id,
        place(item),
        ts_event_ns,
        ts_recv_ns,
    )
    return _output(item, asked[0], _new(OrderDenied, asked + decided))


def cancel_passed(item: Input, request: CancelRequested) -> Output:
    """A cancel always passes, also of an order that risk does not know."""
    event = CancelApproved(
        request.account,
        request.strategy,
        request.venue,
        request.instrument,
        request.cl_ord_id,
        request.reason,
        request.correlation_id,
        place(item),
        request.ts_event_ns,
        request.ts_recv_ns,
    )
    return _output(item, request.account, event)


def cancel_asked(item: Input, cl_ord_id: str, working: Working, reason: CancelReason) -> Output:
    """A cancel that risk asks for itself, because trading was reduced or halted."""
    cell = working.cell
    event = CancelApproved(
        cell.account,
        cell.strategy,
        working.venue,
        cell.instrument,
        cl_ord_id,
        reason,
        working.correlation_id,
        place(item),
        None,
        item.event.ts_ns,
    )
    return _output(item, cell.account, event)


def _output(item: Input, account: str, event: Any) -> Output:
    made: Output = _new(Output, (item.position, item.timestamp_ms, DECISIONS, account, event, ""))
    return made


def place(item: Input) -> str:
    """The record that decided, as `causation_id` names it."""
    topic, partition, offset = item.position
    return f"{topic}/{partition}/{offset}"
