"""Which of an account's trades to list: those of open breaks until they are cleared, and those of
instruments whose balance moved otherwise than the log says.

Trades cost the venue's limit, so an account whose balances follow the log has none listed.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final, NamedTuple

from pipelines.exact import EXACTLY, ZERO
from pipelines.reconciliation import book
from pipelines.reconciliation.drift import expected
from pipelines.reconciliation.state import Account, Asset
from schemas.events import (
    BreakCleared,
    BreakFound,
    LimitsChanged,
    LogCreated,
    OrderFilled,
    PositionAdjusted,
    TransferAnnounced,
)

DRIFTS: Final = ("POSITION_DRIFT", "BALANCE_DRIFT")


class Listing(NamedTuple):
    """Trades of one order, or of an instrument from where they were last read."""

    instrument: str
    order_id: str | None = None


class Wanted:
    """One account, as its topics and the rounds of snapshots tell it.

    `begun_ns`: what traded before is in the balances that were announced first; without any, before
    the log began.
    """

    def __init__(self, account: str) -> None:
        self._account, self._sums = account, Account()
        self._assets: dict[str, Asset] = {}
        self._breaks: dict[str, BreakFound] = {}
        self._differences: dict[str, Decimal] | None = None
        self._once: dict[Listing, None] = {}
        self._rounds, self._listed = 0, dict[Listing, int]()
        self._from: dict[str, str] = {}
        self.begun_ns = 0

    def hear(self, event: Any) -> None:
        """An event of the log, in order."""
        if isinstance(event, LimitsChanged):
            self._trade(event)
        elif isinstance(event, LogCreated):
            self.begun_ns = self.begun_ns or event.ts_ns
        elif getattr(event, "account", None) != self._account:
            return
        elif isinstance(event, BreakFound):
            self._found(event)
        elif isinstance(event, BreakCleared):
            self._cleared(event)
        elif isinstance(event, OrderFilled):
            book.move(self._sums, event.instrument, book.signed(event), event.last_px)
            book.add(self._sums, event.comm_currency, event.commission.copy_negate())
        elif isinstance(event, TransferAnnounced):
            self.begun_ns = self.begun_ns if self._sums.applied else event.ts_ns
            book.transfer(self._sums, event)
        elif isinstance(event, PositionAdjusted):
            book.adjust(self._sums, event)

    def _trade(self, limits: LimitsChanged) -> None:
        """What an instrument traded while nobody watched is looked at once."""
        for terms in limits.instruments:
            if terms.instrument not in self._assets:
                self._once[Listing(terms.instrument)] = None
            asset = Asset(terms.base_asset, terms.quote_asset, terms.lot_size)
            self._assets[terms.instrument] = asset

    def _found(self, event: BreakFound) -> None:
        self._breaks[event.break_id] = event
        if event.kind in DRIFTS:  # what explains it may lie before what was read last
            for listing in self._about(event):
                self._from.pop(listing.instrument, None)

    def _cleared(self, event: BreakCleared) -> None:
        found = self._breaks.pop(event.break_id, None)
        for listing in self._about(found) if found else ():
            if listing.order_id is not None:
                self._listed.pop(listing, None)

    def look(self, totals: Mapping[str, Decimal]) -> None:
        """Balances of a round, free and locked together."""
        logged = expected(self._sums, self._assets)
        now = {
            name: EXACTLY.subtract(totals.get(name, ZERO), logged.get(name, ZERO))
            for name in {*totals, *logged}
        }
        before, self._differences = self._differences, now
        self._rounds += 1
        if before is None:
            return
        names = {*now, *before}
        moved = {name for name in names if now.get(name, ZERO) != before.get(name, ZERO)}
        for instrument in self._trading(moved):
            self._once[Listing(instrument)] = None

    def _trading(self, moved: set[str]) -> list[str]:
        """A trade moves its base asset; where none moved, it is a fee or a payment."""
        bases = [name for name, asset in sorted(self._assets.items()) if asset.base in moved]
        if bases or not moved:
            return bases
        quotes = [name for name, asset in sorted(self._assets.items()) if asset.quote in moved]
        return quotes or sorted(self._assets)

    def listings(self) -> list[Listing]:
        """What is to be listed in this round, those that have waited longest first."""
        wanted = dict(self._once)
        for event in self._breaks.values():
            wanted.update(dict.fromkeys(self._about(event)))
        due = [one for one in wanted if self._listed.get(one, -1) < self._rounds]
        return sorted(due, key=lambda one: (self._listed.get(one, -1), one[0], one[1] or ""))

    def _about(self, event: BreakFound) -> list[Listing]:
        if event.instrument is not None and event.kind not in DRIFTS:
            return [Listing(event.instrument, event.order_id)]
        if event.instrument is not None:
            return [Listing(event.instrument)]
        return [Listing(name) for name in self._trading({event.asset} if event.asset else set())]

    def first(self, listing: Listing) -> str | None:
        """The trade from which to read an instrument's; None: from the beginning."""
        return None if listing.order_id else self._from.get(listing.instrument)

    def read_to(self, listing: Listing, trade_id: str) -> None:
        """Its trades are read up to this one."""
        if listing.order_id is None:
            self._from[listing.instrument] = trade_id

    def listed(self, listing: Listing) -> None:
        """Read to its end, for this round."""
        self._once.pop(listing, None)
        self._listed[listing] = self._rounds
