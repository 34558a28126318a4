"""What execution decides, as events with their causes."""

from __future__ import annotations

from decimal import Decimal
from typing import Final, NamedTuple

from pipelines.exact import EXACTLY
from pipelines.execution.line import Line, Parent, Root, Target, Working
from pipelines.execution.policy import Wanted
from pipelines.logic import Input, Output
from pipelines.orders.order import Order
from schemas.events import (
    CancelReason,
    CancelRequested,
    OrderRequested,
    TargetChanged,
    TargetClipped,
)

REQUESTS: Final = "oms.order-request.v1"
TARGETS: Final = "signal.target.v1"


class Asker(NamedTuple):
    """On whose behalf something is asked for."""

    account: str
    strategy: str
    strategy_version: str
    instrument: str

    @property
    def names(self) -> tuple[str, str, str, str, str]:
        """The fields that requests begin with."""
        venue = self.instrument.rpartition(".")[2]
        return self.account, self.strategy, self.strategy_version, venue, self.instrument


def order_requested(
    item: Input,
    asker: Asker,
    cl_ord_id: str,
    parent: Parent,
    ask: Wanted,
    post_only: bool,
    why: Why,
) -> Output:
    """A limit order that stands until canceled."""
    event = OrderRequested(
        *asker.names,
        cl_ord_id,
        parent.parent_id,
        parent.qty,
        parent.children,
        ask.side,
        "LIMIT",
        "GTC",
        post_only,
        ask.price,
        ask.qty,
        None,
        None,
        *why.fields,
    )
    return Output(item.position, item.timestamp_ms, REQUESTS, asker.account, event)


class Why(NamedTuple):
    """The tick that started a request, and its direct parent."""

    root: Root
    causation_id: str

    @property
    def fields(self) -> tuple[str, str, int | None, int]:
        correlation_id, ts_event_ns, ts_recv_ns = self.root
        return correlation_id, self.causation_id, ts_event_ns, ts_recv_ns


def cancel_requested(
    item: Input, asker: Asker, working: Working, reason: CancelReason, why: Why
) -> Output:
    event = CancelRequested(*asker.names, working.cl_ord_id, reason, *why.fields)
    return Output(item.position, item.timestamp_ms, REQUESTS, asker.account, event)


def clipped(output: Output, account: str, target_id: str) -> Output:
    """The event that says that a target below zero becomes zero."""
    event: TargetChanged = output.event
    said = TargetClipped(
        event.strategy,
        event.strategy_version,
        account,
        event.venue,
        event.instrument,
        event.target_qty,
        Decimal(0),
        event.correlation_id,
        target_id,
        event.ts_event_ns,
        event.ts_recv_ns,
    )
    return Output(output.position, output.timestamp_ms, TARGETS, event.instrument, said)


def parent_for(line: Line, ask: Wanted) -> Parent:
    """The parent that a child belongs to: the open one while the child fits it, else a new one."""
    parent, target = line.parent, line.aim
    assert target is not None
    if parent is not None and parent.parent_id.startswith(f"{target.target_id}/"):
        fits = EXACTLY.add(parent.filled_qty, ask.qty) <= parent.qty
        if fits and parent.side == ask.side:
            return parent
    return Parent(f"{target.target_id}/{target.parents}", ask.need_qty, ask.side)


# ---- the line after a request --------------------------------------------------------------------


def with_order(line: Line, event: OrderRequested, now_ms: int) -> Line:
    """The order works from the request on."""
    assert event.price is not None
    root = Root(event.correlation_id, event.ts_event_ns, event.ts_recv_ns)
    order = Order(event.order_qty)
    working = Working(
        event.cl_ord_id, order, event.side, event.price, now_ms, event.parent_id, root
    )
    parent = line.parent
    if parent is None or parent.parent_id != event.parent_id:
        parent = Parent(event.parent_id, event.parent_qty, event.side)
        line = _sliced(line)
    parent = parent._replace(children=event.child + 1)
    return line._replace(working=working, parent=parent)


def _sliced(line: Line) -> Line:
    """One parent more for what the line is led to."""
    if line.flat is not None:
        return line._replace(flat=line.flat._replace(parents=line.flat.parents + 1))
    target = line.target
    return line._replace(target=target and target._replace(parents=target.parents + 1))


def with_cancel(line: Line, event: CancelRequested, now_ms: int) -> Line:
    working = line.working
    if working is None or working.cl_ord_id != event.cl_ord_id:
        return line
    return line._replace(working=working._replace(cancel_ms=now_ms))


def with_target(line: Line, output: Output) -> Line:
    """The target as written, cut off at zero."""
    event: TargetChanged = output.event
    topic, partition, offset = output.position
    name = f"{event.strategy}/{event.instrument}/{topic}/{partition}/{offset}"
    return line._replace(target=Target(max(event.target_qty, Decimal(0)), name))
