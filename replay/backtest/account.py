"""What an account is worth while a backtest runs: exact, from fills and marks alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final, NamedTuple

from pipelines.exact import EXACTLY, ZERO
from schemas.events import LimitsChanged, MarkPublished, OrderFilled, TransferAnnounced


class Worth(NamedTuple):
    """One moment. Money in the limits' currency: `equity` all assets at their marks, `exposure` the
    positions in absolute value, `profit` what was gained since the beginning, fees taken off.
    """

    ts_ms: int
    equity: Decimal
    exposure: Decimal
    profit: Decimal


class Account:
    """`balances` by asset; `positions` by instrument, what the strategies bought
    less sold, fees in the base asset taken off."""

    def __init__(self, limits: LimitsChanged) -> None:
        self._terms = {one.instrument: one for one in limits.instruments}
        self._prices: dict[str, Decimal] = {limits.currency: Decimal(1)}
        self.currency = limits.currency
        self.balances: dict[str, Decimal] = defaultdict(lambda: ZERO)
        self.opening: dict[str, Decimal] = defaultdict(lambda: ZERO)
        self.positions: dict[str, Decimal] = defaultdict(lambda: ZERO)
        self.fees: dict[str, Decimal] = defaultdict(lambda: ZERO)

    @property
    def prices(self) -> Mapping[str, Decimal]:
        """By asset, the newest mark."""
        return self._prices

    def mark(self, instrument: str) -> Decimal | None:
        """The newest mark; None before the first."""
        terms = self._terms.get(instrument)
        return None if terms is None else self._prices.get(terms.base_asset)

    def follow(self, event: Any) -> None:
        """Any event; most change nothing."""
        change = _CHANGES.get(type(event))
        if change is not None:
            change(self, event)

    def _marked(self, event: MarkPublished) -> None:
        terms = self._terms.get(event.instrument)
        if terms is not None:
            self._prices[terms.base_asset] = event.mark_px

    def _measured(self, event: LimitsChanged) -> None:
        self._terms |= {one.instrument: one for one in event.instruments}

    def _transferred(self, event: TransferAnnounced) -> None:
        for held in (self.balances, self.opening):
            held[event.asset] = EXACTLY.add(held[event.asset], event.qty)

    def _fill(self, fill: OrderFilled) -> None:
        terms = self._terms[fill.instrument]
        bought = fill.last_qty if fill.side == "BUY" else EXACTLY.minus(fill.last_qty)
        self._move(terms.base_asset, bought)
        self._move(terms.quote_asset, EXACTLY.minus(EXACTLY.multiply(bought, fill.last_px)))
        self._move(fill.comm_currency, EXACTLY.minus(fill.commission))
        kept = bought
        if fill.comm_currency == terms.base_asset:
            kept = EXACTLY.subtract(bought, fill.commission)
        self.positions[fill.instrument] = EXACTLY.add(self.positions[fill.instrument], kept)
        self.fees[fill.comm_currency] = EXACTLY.add(self.fees[fill.comm_currency], fill.commission)

    def _move(self, asset: str, qty: Decimal) -> None:
        if asset:
            self.balances[asset] = EXACTLY.add(self.balances[asset], qty)

    def value(self, qty: Mapping[str, Decimal]) -> Decimal:
        """So much of each asset at the newest marks; one without a mark counts nothing."""
        total = ZERO
        for asset, amount in qty.items():
            price = self._prices.get(asset, ZERO)
            total = EXACTLY.add(total, EXACTLY.multiply(amount, price))
        return total

    def worth(self, ts_ms: int) -> Worth:
        """At the newest marks."""
        equity = self.value(self.balances)
        held = {self._terms[name].base_asset: abs(qty) for name, qty in self.positions.items()}
        profit = EXACTLY.subtract(equity, self.value(self.opening))
        return Worth(ts_ms, equity, self.value(held), profit)


_CHANGES: Final[Mapping[type, Callable[[Account, Any], None]]] = {
    LimitsChanged: Account._measured,
    MarkPublished: Account._marked,
    OrderFilled: Account._fill,
    TransferAnnounced: Account._transferred,
}
