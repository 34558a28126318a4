"""How positions, balances, profit and exposure follow fills, fees, marks and corrections."""

from __future__ import annotations

from decimal import Decimal
from itertools import chain

from pipelines.exact import ZERO
from pipelines.risk.state import Cell, Mark, RiskState, Unpriced, cell_of, fund_of, mark_of
from schemas.events import MarkPublished, OrderFilled, PositionAdjusted, TransferAnnounced


def fill(state: RiskState, cell: Cell, event: OrderFilled) -> None:
    qty = event.last_qty if event.side == "BUY" else -event.last_qty
    _trade(cell, qty, event.last_px)
    if event.commission:
        _fee(state, cell, event.comm_currency, event.commission)


def _trade(cell: Cell, qty: Decimal, px: Decimal) -> None:
    """Buys (qty above zero) or sells at `px`: position and money move, profit by the mark."""
    if cell.quote is not None:
        cell.quote.total -= qty * px
    if cell.mark.value_px is None:
        cell.mark.value_px = px
        _revalue(cell.mark, px, gains=False)
    _move(cell, qty)
    gained = qty * (cell.mark.value_px - px)
    for level in cell.levels:
        level.gain(gained)


def _move(cell: Cell, qty: Decimal) -> None:
    """Changes position and balance, without a price."""
    before, cell.position = cell.position, cell.position + qty
    if cell.base is not None:
        cell.base.total += qty
    grown = (abs(cell.position) - abs(before)) * (cell.mark.value_px or ZERO)
    for level, net in cell.sums:
        net.long_qty += qty
        level.exposure += grown


def _fee(state: RiskState, cell: Cell, asset: str, qty: Decimal) -> None:
    """A fee in the base asset lowers the position, any other one the balance alone."""
    if asset == state.assets.get(cell.instrument, ("", ""))[0]:
        _move(cell, -qty)
        cost = qty * (cell.mark.value_px or ZERO)
        for level in cell.levels:
            level.gain(-cost)
        return
    fund_of(state, cell.account, asset).total -= qty
    unpriced = Unpriced(cell.account, cell.strategy, cell.instrument, asset)
    if not _charge(state, unpriced, qty):
        state.unpriced[unpriced] = state.unpriced.get(unpriced, ZERO) + qty


def _charge(state: RiskState, fee: Unpriced, qty: Decimal) -> bool:
    """Takes a fee off the profit, if its asset has a price by now."""
    if fee.asset == state.table.currency:
        px: Decimal | None = Decimal(1)
    else:
        priced = state.table.priced.get(fee.asset)
        px = mark_of(state, priced).px if priced else None
    if px is None:
        return False
    for level in cell_of(state, *fee[:-1]).levels:
        level.gain(-qty * px)
    return True


def charge_waiting(state: RiskState) -> None:
    """Fees whose asset has a price by now."""
    for fee, qty in sorted(state.unpriced.items()):
        if _charge(state, fee, qty):
            del state.unpriced[fee]


# ---- marks and people --------------------------------------------------------------------------


def follow_mark(state: RiskState, event: MarkPublished) -> None:
    """Revalues what is held; the newest mark counts, whatever order they come in."""
    mark = mark_of(state, event.instrument)
    if mark.px is not None and event.ts_recv_ns < mark.ts_recv_ns:
        return
    before, mark.px = mark.value_px, event.mark_px
    mark.ts_recv_ns, mark.value_px = event.ts_recv_ns, event.mark_px
    _revalue(mark, event.mark_px - (before or ZERO), before is not None)
    charge_waiting(state)


def _revalue(mark: Mark, change: Decimal, gains: bool) -> None:
    """A first price is no gain: what is held by then was taken over without one.

    A level's peak is one of all its cells together, so it is looked at once all have moved.
    """
    held = [cell for cell in mark.cells if cell.position]
    for cell in held:
        gained, grown = cell.position * change, abs(cell.position) * change
        for level in cell.levels:
            level.exposure += grown
            level.pnl += gained if gains else ZERO
    for level in chain.from_iterable(cell.levels for cell in held):
        level.peaked()


def transfer(state: RiskState, event: TransferAnnounced) -> None:
    if event.transfer_id not in state.applied:
        state.applied.add(event.transfer_id)
        fund_of(state, event.account, event.asset).total += event.qty


def adjust(state: RiskState, event: PositionAdjusted) -> None:
    """Without a price nothing is gained or lost by it."""
    if event.adjustment_id in state.applied:
        return
    state.applied.add(event.adjustment_id)
    cell = cell_of(state, event.account, event.strategy, event.instrument)
    if event.price is None:
        _move(cell, event.qty)
    else:
        _trade(cell, event.qty, event.price)
