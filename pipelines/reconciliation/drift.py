"""Positions and balances: the sum of the log against what the venue holds.

Judged when balances and open orders of one round of requests are both there. What orders in flight
may have filled, and fills told since the round began, explain a position's difference of their size
and direction, and any difference of the money and fees they may have moved; nothing else does. What
is explained is no agreement: such a round neither finds nor clears.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from decimal import Decimal
from typing import NamedTuple

from pipelines.exact import EXACTLY, ZERO, plain
from pipelines.reconciliation.settings import ReconciliationSettings
from pipelines.reconciliation.state import Account, Asset, Balances, Finding, Known
from schemas.errors import NotExact
from schemas.events import OpenOrdersObserved
from schemas.numbers import PRECISION, SCALE, unscaled

BPS = Decimal("0.0001")


class Flight(NamedTuple):
    """How much more, and how much less, the venue may have of a base asset than the log."""

    more: Decimal = ZERO
    less: Decimal = ZERO

    def add(self, qty: Decimal, *, is_more: bool) -> Flight:
        if is_more:
            return self._replace(more=EXACTLY.add(self.more, qty))
        return self._replace(less=EXACTLY.add(self.less, qty))


class Drift(NamedTuple):
    """A difference above `least`, which something in flight may explain."""

    finding: Finding
    least: Decimal
    explained: bool

    def grown_from(self, before: Finding) -> bool:
        """Whether it is by as much as a drift larger than what was found before."""
        now, then = _difference(self.finding), _difference(before)
        return now is not None and then is not None and now > EXACTLY.add(then, self.least)


def _difference(finding: Finding) -> Decimal | None:
    if finding.venue_qty is None or finding.log_qty is None:
        return None
    return EXACTLY.subtract(finding.venue_qty, finding.log_qty).copy_abs()


def drifts(
    account: Account,
    assets: Mapping[str, Asset],
    seen: OpenOrdersObserved,
    settings: ReconciliationSettings,
) -> Iterator[Drift]:
    """Every drift that this round shows."""
    balances = account.balances
    if balances is None or balances.snapshot_id != seen.snapshot_id or not assets:
        return
    flights = in_flight(account, balances, seen)
    of_base: dict[str, list[str]] = {}
    for instrument, asset in sorted(assets.items()):
        of_base.setdefault(asset.base, []).append(instrument)
    of_quote = {asset.quote for asset in assets.values()}
    logged = expected(account, assets)
    for name in sorted({*logged, *balances.totals}):
        both = logged.get(name, ZERO), balances.totals.get(name, ZERO)
        if name in of_base:
            yield from _position(name, of_base[name], both, flights, assets, seen, settings)
        elif EXACTLY.subtract(*both).copy_abs() > (least := settings.balance_drift_max):
            moved = any(_moves(assets.get(instrument), name, of_quote) for instrument in flights)
            yield Drift(_found("BALANCE_DRIFT", name, None, both, seen), least, moved)


def _moves(asset: Asset | None, name: str, of_quote: Collection[str]) -> bool:
    """Whether a fill may move this asset: as its money, or as a fee in what is nobody's money."""
    return asset is None or asset.quote == name or name not in of_quote


def expected(account: Account, assets: Mapping[str, Asset]) -> dict[str, Decimal]:
    """What the log says the account holds, by asset."""
    sums = dict(account.other)
    for instrument, (base, quote) in account.moved.items():
        asset = assets.get(instrument)
        if asset is not None:
            sums[asset.base] = EXACTLY.add(sums.get(asset.base, ZERO), base)
            sums[asset.quote] = EXACTLY.add(sums.get(asset.quote, ZERO), quote)
    return sums


def in_flight(account: Account, balances: Balances, seen: OpenOrdersObserved) -> dict[str, Flight]:
    """By instrument; only where something is in flight.

    Open orders read after the balances tell how much of each was filled by then; an order that is
    not listed, or was read before, may have filled all that is open of it on the log.
    """
    found: dict[str, Flight] = {}
    after = seen.ts_sent_ns >= balances.ts_recv_ns
    listed = {(o.instrument, o.order_id): o.cum_qty for o in seen.orders} if after else {}
    names = {o.cl_ord_id: o.cum_qty for o in seen.orders} if after else {}
    for name, known in account.orders.items():
        told = listed.get((known.instrument, known.order_id or ""), names.get(name))
        qty = _untold(known, told)
        if qty > 0:
            flight = found.get(known.instrument, Flight())
            found[known.instrument] = flight.add(qty, is_more=known.side == "BUY")
    for recent in account.recent:
        if recent.ts_recv_ns >= balances.ts_sent_ns:
            flight = found.get(recent.instrument, Flight())
            found[recent.instrument] = flight.add(recent.qty.copy_abs(), is_more=recent.qty < 0)
    return found


def _untold(known: Known, told: Decimal | None) -> Decimal:
    if told is not None:
        return EXACTLY.subtract(told, known.order.cum_qty)
    return ZERO if known.order.ended else known.order.reserved_qty


def _position(
    name: str,
    instruments: list[str],
    both: tuple[Decimal, Decimal],
    flights: Mapping[str, Flight],
    assets: Mapping[str, Asset],
    seen: OpenOrdersObserved,
    settings: ReconciliationSettings,
) -> Iterator[Drift]:
    """Of an asset that several instruments trade, each is halted."""
    log, venue = both
    allowed = Flight()
    for instrument in instruments:
        more, less = flights.get(instrument, Flight())
        allowed = allowed.add(more, is_more=True).add(less, is_more=False)
    drift = EXACTLY.subtract(venue, log)
    less = EXACTLY.add(drift, allowed.less).copy_negate()
    beyond = max(EXACTLY.subtract(drift, allowed.more), less)
    share = EXACTLY.multiply(BPS, Decimal(settings.drift_bps))
    part = EXACTLY.multiply(max(log.copy_abs(), venue.copy_abs()), share)
    least = max(part, *(assets[each].lot_size for each in instruments))
    if drift.copy_abs() > least:
        for instrument in instruments:
            finding = _found("POSITION_DRIFT", name, instrument, both, seen)
            yield Drift(finding, least, beyond <= least)


def _found(
    kind: str,
    asset: str,
    instrument: str | None,
    both: tuple[Decimal, Decimal],
    seen: OpenOrdersObserved,
) -> Finding:
    log, venue = both
    difference = EXACTLY.subtract(venue, log)
    return Finding(
        f"{kind}/{instrument or asset}",
        "POSITION_DRIFT" if kind == "POSITION_DRIFT" else "BALANCE_DRIFT",
        seen.venue,
        f"the venue holds {plain(venue)} {asset}, the log says {plain(log)}: {plain(difference)}",
        seen.snapshot_id,
        instrument,
        asset,
        log_qty=_kept(log),
        venue_qty=_kept(venue),
    )


def _kept(qty: Decimal) -> Decimal | None:
    """A sum of products may have more digits than a quantity holds: then `detail` alone has it."""
    try:
        unscaled(qty, SCALE, PRECISION)
    except NotExact:
        return None
    return qty
