"""What a version's decisions would amount to, if every order were filled at its own price."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, localcontext
from typing import Any, Final

from pipelines.exact import EXACTLY, ZERO, plain
from replay.canary.decisions import Turn
from replay.ratio import ratio

ORDERS: Final = frozenset({"OrderRequested", "OrderApproved"})
BPS: Final = Decimal(10_000)


@dataclass
class Book:
    """Positions by strategy and instrument, each valued at its last price. `unpriced`: how many
    changes had none, and are in no figure.
    """

    unpriced: int = 0
    turnover: Decimal = ZERO
    exposure_max: Decimal = ZERO
    _qty: dict[tuple[str, str], Decimal] = field(default_factory=dict)
    _value: dict[tuple[str, str], Decimal] = field(default_factory=dict)
    _gross: Decimal = ZERO

    def add(self, key: tuple[str, str], step: Decimal, price: Decimal) -> None:
        """The position changes by `step`."""
        qty = self._qty.get(key, ZERO) + step
        value = abs(qty * price)
        self.turnover += abs(step * price)
        self._gross += value - self._value.get(key, ZERO)
        self._qty[key], self._value[key] = qty, value
        self.exposure_max = max(self.exposure_max, self._gross)

    def to(self, key: tuple[str, str], target: Decimal, price: Decimal) -> None:
        """The position becomes `target`."""
        self.add(key, target - self._qty.get(key, ZERO), price)


@dataclass
class Measures:
    """One version, added up. `slippage`: what orders ask beyond the mark, in quote currency, of
    `marked`, their value at the mark: the one they name, else the one by then. Decimals throughout.
    """

    decisions: int = 0
    orders: int = 0
    denials: int = 0
    records: int = 0
    cpu_ns: int = 0
    slippage: Decimal = ZERO
    marked: Decimal = ZERO
    ordered: Book = field(default_factory=Book)
    targeted: Book = field(default_factory=Book)

    def add(self, turn: Turn) -> None:
        self.records += turn.records
        self.cpu_ns += turn.cpu_ns
        self.decisions += len(turn.decisions)
        with localcontext(EXACTLY):
            for decision in turn.decisions:
                self._event(decision.event, decision.mark_px)

    def _event(self, event: Mapping[str, Any], mark_px: str | None) -> None:
        kind = event["event"]
        if kind == "OrderDenied":
            self.denials += 1
        elif kind in ORDERS:
            self._order(event, event["mark_px"] or mark_px)
        elif kind == "TargetChanged":
            self._target(event, event["reference_px"] or mark_px)

    def _target(self, event: Mapping[str, Any], price: str | None) -> None:
        if price is None:
            self.targeted.unpriced += 1
            return
        self.targeted.to(_key(event), Decimal(event["target_qty"]), Decimal(price))

    def _order(self, event: Mapping[str, Any], mark_px: str | None) -> None:
        self.orders += 1
        sign = -1 if event["side"] == "SELL" else 1
        qty, asked = Decimal(event["order_qty"]), event["price"] or mark_px
        if asked is None:
            self.ordered.unpriced += 1
            return
        price = Decimal(asked)
        self.ordered.add(_key(event), sign * qty, price)
        if mark_px is not None:
            mark = Decimal(mark_px)
            self.slippage += sign * qty * (price - mark)
            self.marked += qty * mark

    @property
    def slippage_bps(self) -> Decimal | None:
        """Value-weighted; above 0 is worse than the mark. Rounded half even. None where no order
        has a mark.
        """
        if not self.marked:
            return None
        return ratio(EXACTLY.multiply(self.slippage, BPS), self.marked)

    @property
    def cpu_ns_per_record(self) -> int:
        return self.cpu_ns // max(self.records, 1)

    def as_json(self) -> dict[str, Any]:
        slippage_bps = self.slippage_bps
        return {
            "decisions": self.decisions,
            "orders": self.orders,
            "denials": self.denials,
            "turnover": plain(self.ordered.turnover),
            "exposure_max": plain(self.ordered.exposure_max),
            "target_turnover": plain(self.targeted.turnover),
            "target_exposure_max": plain(self.targeted.exposure_max),
            "slippage_bps": None if slippage_bps is None else plain(slippage_bps),
            "cpu_ns_per_record": self.cpu_ns_per_record,
        }


def _key(event: Mapping[str, Any]) -> tuple[str, str]:
    return event["strategy"], event["instrument"]
