"""What reconciliation decides, as events with their causes."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from pipelines.exact import EXACTLY
from pipelines.ids import position_id
from pipelines.logic import Input, Output
from pipelines.reconciliation.book import avg_px
from pipelines.reconciliation.state import Account, Finding, Holding, Suspicion
from schemas.events import (
    BreakCleared,
    BreakFound,
    OrderFilled,
    PositionAdjusted,
    PositionChanged,
    TradingHalted,
)

POSITIONS: Final = "recon.position.v1"
BREAKS: Final = "recon.break.v1"
CONTROL: Final = "recon.control.v1"
NS_PER_MS: Final = 1_000_000


def _output(item: Input, topic: str, account: str, event: Any) -> Output:
    return Output(item.position, item.timestamp_ms, topic, account, event)


def ns_of(item: Input) -> int:
    """Log time of an input, nanoseconds."""
    return item.timestamp_ms * NS_PER_MS


def found(item: Input, account: str, finding: Finding) -> Output:
    event = BreakFound(
        account,
        finding.venue,
        finding.break_id,
        finding.kind,
        finding.instrument,
        finding.asset,
        finding.cl_ord_id,
        finding.order_id,
        finding.trade_id,
        finding.log_qty,
        finding.venue_qty,
        finding.detail,
        finding.snapshot_id,
        position_id(item.position),
        ns_of(item),
    )
    return _output(item, BREAKS, account, event)


def cleared(
    item: Input, account: str, finding: Finding, snapshot_id: str, reason: str, person: str = ""
) -> Output:
    event = BreakCleared(
        account,
        finding.venue,
        finding.break_id,
        finding.kind,
        finding.instrument,
        finding.asset,
        finding.cl_ord_id,
        finding.order_id,
        finding.trade_id,
        person,
        reason,
        snapshot_id,
        position_id(item.position),
        ns_of(item),
    )
    return _output(item, BREAKS, account, event)


def halted(item: Input, account: str, finding: Finding) -> Output:
    """Stops an instrument and cancels its orders: a wrong position cannot even be reduced."""
    reason = f"position drift: {finding.detail}"
    event = TradingHalted(
        account,
        None,
        finding.instrument,
        True,
        "RECONCILIATION",
        "",
        reason,
        finding.break_id,
        ns_of(item),
    )
    return _output(item, CONTROL, account, event)


def booked(item: Input, name: str, account: Account, suspicion: Suspicion) -> Output:
    """A fill that the venue lists and the stream never told. Its identity is the venue's, so it
    is the same one should the stream tell it after all.
    """
    finding, trade = suspicion.finding, suspicion.trade
    assert finding.cl_ord_id is not None
    assert trade is not None
    known = account.orders[finding.cl_ord_id]
    order = known.order
    cum = EXACTLY.add(order.cum_qty, trade.last_qty)
    event = OrderFilled(
        name,
        known.strategy,
        finding.venue,
        trade.instrument,
        finding.cl_ord_id,
        trade.order_id,
        trade.trade_id,
        trade.side,
        trade.last_px,
        trade.last_qty,
        cum,
        max(EXACTLY.subtract(order.order_qty, cum), Decimal(0)),
        trade.commission,
        trade.comm_currency,
        trade.last_liquidity,
        True,
        known.correlation_id,
        position_id(item.position),
        trade.ts_event_ns,
        suspicion.since_ns,
    )
    return _output(item, POSITIONS, name, event)


def changed(item: Input, event: OrderFilled, before: Holding, after: Holding) -> Output:
    """The position after a fill."""
    said = PositionChanged(
        *(event.account, event.strategy, event.venue, event.instrument),
        after.qty,
        before.qty,
        avg_px(after),
        after.realized_pnl,
        event.commission,
        event.comm_currency,
        event.correlation_id,
        position_id(item.position),
        event.ts_event_ns,
        event.ts_recv_ns,
    )
    return _output(item, POSITIONS, event.account, said)


def corrected(item: Input, event: PositionAdjusted, before: Holding, after: Holding) -> Output:
    """The position after a correction by hand."""
    parent = position_id(item.position)
    said = PositionChanged(
        *(event.account, event.strategy, event.venue, event.instrument),
        after.qty,
        before.qty,
        avg_px(after),
        after.realized_pnl,
        Decimal(0),
        "",
        parent,
        parent,
        None,
        event.ts_ns,
    )
    return _output(item, POSITIONS, event.account, said)
