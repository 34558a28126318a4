"""How one strategy trades: its account, what it may trade in which steps, its working-order policy.

Read from the strategy's own entry in the settings file; what is wrong there is one line.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from hashlib import sha256
from typing import Any, Literal

import msgspec

from pipelines.exact import EXACTLY, ZERO
from schemas.errors import NotExact, TapeError
from schemas.numbers import PRECISION, SCALE, unscaled


class BadExecution(TapeError):
    """A strategy's execution settings are wrong; the line says which and how."""


class Terms(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One instrument: its steps, and the largest single order. Quantities in base units.

    `notional_min` is the venue's smallest order, in quote currency: less than that is left undone.
    """

    instrument: str
    base_asset: str
    tick_size: Decimal
    lot_size: Decimal
    child_qty_max: Decimal
    notional_min: Decimal = ZERO

    def __post_init__(self) -> None:
        for name in ("tick_size", "lot_size", "child_qty_max"):
            _check(name, getattr(self, name), above_zero=True)
        _check("notional_min", self.notional_min, above_zero=False)
        if EXACTLY.remainder(self.child_qty_max, self.lot_size):
            raise ValueError("child_qty_max must be a multiple of lot_size")

    def in_lots(self, qty: Decimal) -> Decimal:
        """The whole lots in a quantity of either sign: what is smaller than a lot cannot trade."""
        return EXACTLY.subtract(qty, EXACTLY.remainder(qty, self.lot_size))


class Execution(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One strategy's execution. Times are milliseconds of log time.

    `touch`: `near` joins the own side of the book, `far` takes the other one's price. An order away
    from the touch is canceled after `order_timeout_ms`; one whose touch is older than
    `touch_age_ms_max` at once. After a refusal nothing is asked for on that side for `backoff_ms`,
    twice as long after each further one, at most `backoff_ms_max`. A cancel without effect is asked
    for again after `cancel_retry_ms`.
    """

    account: str
    instruments: tuple[Terms, ...]
    touch: Literal["near", "far"] = "near"
    post_only: bool = False
    order_timeout_ms: int = 5_000
    touch_age_ms_max: int = 2_000
    backoff_ms: int = 1_000
    backoff_ms_max: int = 60_000
    cancel_retry_ms: int = 5_000

    def __post_init__(self) -> None:
        names = [terms.instrument for terms in self.instruments]
        if not self.account or not names or "" in names:
            raise ValueError("an account and at least one instrument are needed")
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"instrument {twice[0]} is given twice")
        times = (self.order_timeout_ms, self.touch_age_ms_max, self.cancel_retry_ms)
        if min(*times, self.backoff_ms) < 1 or self.backoff_ms_max < self.backoff_ms:
            raise ValueError("times must be above 0, and backoff_ms_max not below backoff_ms")
        if self.post_only and self.touch == "far":
            raise ValueError("post_only cannot take the far side of the touch")

    def backoff(self, refusals: int) -> int:
        """How long nothing is asked for after so many refusals in a row, ms."""
        return min(self.backoff_ms << min(refusals - 1, 32), self.backoff_ms_max)

    @property
    def digest(self) -> bytes:
        """Part of the strategy's version."""
        return sha256(msgspec.json.encode(self, order="sorted")).digest()

    @property
    def leaving(self) -> Execution:
        """How it trades where the way out counts, not its price: it takes the other side's."""
        return msgspec.structs.replace(self, touch="far", post_only=False)

    def terms(self, instrument: str) -> Terms | None:
        """None where the strategy may not trade the instrument."""
        return next((terms for terms in self.instruments if terms.instrument == instrument), None)


def execution_of(strategy: str, options: Mapping[str, Any]) -> Execution:
    """The settings of one strategy. Raises `BadExecution`."""
    try:
        return msgspec.convert(dict(options), Execution)
    except msgspec.ValidationError as error:
        line = str(error).replace("`$.", "`")
        raise BadExecution(f"signal {strategy}: execution: {line}") from None


def _check(name: str, value: Decimal, *, above_zero: bool) -> None:
    try:
        units = unscaled(value, SCALE, PRECISION)
    except NotExact as error:
        raise ValueError(f"{name}: {error}") from None
    if units < above_zero:
        raise ValueError(f"{name} must {'be above' if above_zero else 'not be below'} 0")
