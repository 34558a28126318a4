"""What a report and a summary are made of, gathered while the backtest runs: constant in the length
of the market but for one point per `EVERY_MS`, and what the desk itself did.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final, NamedTuple

from pipelines.exact import EXACTLY, ZERO
from pipelines.logic import Input
from replay.backtest.account import Account, Worth
from schemas.events import (
    ClockTick,
    DecisionExpired,
    LimitsChanged,
    MarkPublished,
    OrderApproved,
    OrderDenied,
    OrderFilled,
    OrderRejected,
)

POINTS_MAX: Final = 4_000
BASIS: Final = Decimal(10_000)


class Fill(NamedTuple):
    """One fill beside the mark at which its order was approved; `slippage` is money lost to it."""

    ts_ms: int
    event: OrderFilled
    mark_px: Decimal
    slippage: Decimal


class Points:
    """A series thinned as it grows: every second point goes once there are too many."""

    def __init__(self) -> None:
        self.rows: list[tuple[int, Decimal]] = []
        self._step, self._seen = 1, 0

    def add(self, ts_ms: int, value: Decimal) -> None:
        self._seen += 1
        if self._seen % self._step == 0:
            self.rows.append((ts_ms, value))
        if len(self.rows) >= POINTS_MAX:
            del self.rows[::2]
            self._step *= 2


class Drawdown:
    """The largest fall from a peak, exact, over every moment seen."""

    def __init__(self) -> None:
        self.peak: Decimal | None = None
        self.now, self.largest = ZERO, ZERO

    def follow(self, value: Decimal) -> None:
        self.peak = value if self.peak is None else max(self.peak, value)
        self.now = EXACTLY.subtract(self.peak, value)
        self.largest = max(self.largest, self.now)


class Story:
    """`see` is given every record of the desk, and the marks and ticks of the market."""

    def __init__(self, limits: LimitsChanged) -> None:
        self.account = Account(limits)
        self.events = Counter[str]()
        self.denied: Counter[str] = Counter()
        self.dropped: Counter[str] = Counter()
        self.rejected: Counter[str] = Counter()
        self.fills: list[Fill] = []
        self.equity, self.profit = Points(), Points()
        self.exposure, self.drawdowns = Points(), Points()
        self.drawdown, self.exposure_max, self.turnover = Drawdown(), ZERO, ZERO
        self.prices: dict[str, Points] = defaultdict(Points)
        self.first_ms: int | None = None
        self.last: Worth | None = None
        self._marks: dict[str, Decimal] = {}
        self._filled: set[tuple[str, ...]] = set()

    def see(self, item: Input) -> None:
        event = item.event
        if isinstance(event, OrderFilled) and self._known(event):
            return
        self.events[type(event).__name__] += 1
        self.account.follow(event)
        tell = _TOLD.get(type(event))
        if tell is not None:
            tell(self, item.timestamp_ms, event)

    def _marked(self, ts_ms: int, event: MarkPublished) -> None:
        self.prices[event.instrument].add(ts_ms, event.mark_px)
        self._look(ts_ms)

    def _ticked(self, ts_ms: int, _: ClockTick) -> None:
        self._sample(ts_ms)

    def _approved(self, _: int, event: OrderApproved) -> None:
        self._marks[event.cl_ord_id] = event.mark_px

    def _denied(self, _: int, event: OrderDenied) -> None:
        self.denied[event.reason] += 1

    def _expired(self, _: int, event: DecisionExpired) -> None:
        self.dropped[event.reason] += 1

    def _rejected(self, _: int, event: OrderRejected) -> None:
        self.rejected[event.reason] += 1

    def _known(self, event: OrderFilled) -> bool:
        """A fill that both the stream told and reconciliation booked counts once."""
        identity = (event.venue, event.account, event.instrument, event.order_id, event.trade_id)
        known = identity in self._filled
        self._filled.add(identity)
        return known

    def _mark(self, event: OrderFilled) -> Decimal:
        """At the approval; the newest one for an order that no desk approved."""
        mark_px = self._marks.get(event.cl_ord_id)
        return mark_px or self.account.mark(event.instrument) or event.last_px

    def end(self, ts_ms: int) -> None:
        """The last moment counts, be it between two ticks."""
        self._sample(ts_ms)

    def _sample(self, ts_ms: int) -> None:
        self.first_ms = ts_ms if self.first_ms is None else self.first_ms
        worth = self.last = self._look(ts_ms)
        self.equity.add(ts_ms, worth.equity)
        self.profit.add(ts_ms, worth.profit)
        self.exposure.add(ts_ms, worth.exposure)
        self.drawdowns.add(ts_ms, self.drawdown.now)

    def _look(self, ts_ms: int) -> Worth:
        """Whatever moves the worth counts for what was largest; charts have their ticks."""
        worth = self.account.worth(ts_ms)
        self.drawdown.follow(worth.profit)
        self.exposure_max = max(self.exposure_max, worth.exposure)
        return worth

    def _fill(self, ts_ms: int, event: OrderFilled) -> None:
        mark_px = self._mark(event)
        worse = EXACTLY.subtract(event.last_px, mark_px)
        signed = worse if event.side == "BUY" else EXACTLY.minus(worse)
        slippage = EXACTLY.multiply(signed, event.last_qty)
        traded = EXACTLY.multiply(event.last_px, event.last_qty)
        self.turnover = EXACTLY.add(self.turnover, traded)
        self.fills.append(Fill(ts_ms, event, mark_px, slippage))
        self._look(ts_ms)


_TOLD: Final[Mapping[type, Callable[[Story, int, Any], None]]] = {
    ClockTick: Story._ticked,
    DecisionExpired: Story._expired,
    MarkPublished: Story._marked,
    OrderApproved: Story._approved,
    OrderDenied: Story._denied,
    OrderFilled: Story._fill,
    OrderRejected: Story._rejected,
}
"""Of these more is kept than their number."""
