"""Fills and corrections by hand, as they come."""

from __future__ import annotations

from collections.abc import Iterator

from pipelines.logic import Input, Output
from pipelines.reconciliation import book, says
from pipelines.reconciliation.breaks import spare
from pipelines.reconciliation.orders import about_trade
from pipelines.reconciliation.state import Account, Holding, ReconciliationState
from schemas.events import OrderFilled, PositionAdjusted


def filled(
    state: ReconciliationState, account: Account, item: Input, event: OrderFilled
) -> Iterator[Output]:
    key = book.identity(event)
    expected(account, event)
    before = account.fills.get(key)
    if before is not None:
        if not before.reconciled:
            yield from _twice(account, item, event)
        else:
            account.fills[key] = before._replace(reconciled=False)
        return
    if book.settled(account, event.instrument, event.order_id, event.ts_event_ns):
        yield from _twice(account, item, event)
        return
    book.follow_order(account, event)
    spare(account, event.cl_ord_id)
    holding = account.holdings.get((event.strategy, event.instrument), Holding())
    book.book(account, event, state.assets)
    after = account.holdings[event.strategy, event.instrument]
    yield says.changed(item, event, holding, after)


def expected(account: Account, event: OrderFilled) -> None:
    """A fill that is on the log now is no longer waited for."""
    for kind in ("FILL_MISSING", "FILL_FOREIGN"):
        account.suspected.pop("/".join((kind, *book.identity(event))), None)


def _twice(account: Account, item: Input, event: OrderFilled) -> Iterator[Output]:
    """The log holds a fill twice; it counts once."""
    finding = about_trade(account, "FILL_DUPLICATE", book.identity(event))
    if finding.break_id not in account.broken:
        detail = "the log holds this fill twice; it counts once"
        said = finding._replace(detail=detail, log_qty=event.last_qty)
        yield says.found(item, event.account, said)


def adjusted(state: ReconciliationState, item: Input, event: PositionAdjusted) -> list[Output]:
    """A correction is evidence for the breaks that its `evidence` names."""
    account = state.of(event.account)
    key = event.strategy, event.instrument
    before = account.holdings.get(key, Holding())
    if not book.adjust(account, event) or not account.owned:
        return []
    out = [says.corrected(item, event, before, account.holdings[key])]
    for break_id, finding in sorted(account.broken.items()):
        if break_id in event.evidence.split():
            reason = f"adjusted by hand: {event.reason}"
            out.append(says.cleared(item, event.account, finding, "", reason, event.person))
    return out
