"""Figures of a gateway: what it wrote, and how it stands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from connectors.metrics import declared
from connectors.metrics.kinds import Rows, Table
from connectors.metrics.orders import Figures, begin
from pipelines.gateway.gate import STEPS
from schemas.events import OrderFilled, VenueResponseReceived

if TYPE_CHECKING:
    from connectors.gateway.desk import Desk

MINUTE_NS: Final = 60 * 10**9
STREAM: Final = STEPS.index("STREAM_OPEN")


class GatewayFigures:
    """`dead_man_ns`: monotonic, when the venue's dead-man's switch was last refreshed, or first to
    be, by instrument; `countdown_ms`: after which time it cancels, 0 where there is none.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk, self._figures = desk, Figures()
        self._used: tuple[int, int] | None = None  # weight, and when it was said
        self.dead_man_ns: dict[str, int] = {}
        self.countdown_ms = 0

    def count(self, events: Sequence[Any]) -> None:
        """What was handed over to the log."""
        self._figures.count(events)
        for event in events:
            if isinstance(event, VenueResponseReceived) and event.used_weight is not None:
                self._used = event.used_weight, self._desk.parts.monotonic_ns()
            elif isinstance(event, OrderFilled):
                self._slipped(event)

    def _slipped(self, fill: OrderFilled) -> None:
        """An order that the fold has forgotten has no mark any more."""
        entry = self._desk.fold.book.entries.get(fill.cl_ord_id)
        if entry is not None:
            about = fill.account, fill.instrument, fill.last_liquidity
            declared.FILL_SLIPPAGE.labels(*about).observe(slippage(fill, entry.approved.mark_px))

    def show(self) -> None:
        """How this gateway stands, at every scrape from here on."""
        desk = self._desk
        begin(desk.account, desk.parts.caps.position_max)

        def flag(table: Table, said: Callable[[], bool]) -> None:
            table.read = lambda: {(desk.account,): int(said())}

        flag(declared.GATEWAY_READY, lambda: desk.blocked is None)
        flag(declared.GATEWAY_CANCEL_ONLY, lambda: desk.cancel_only)
        flag(declared.PRIVATE_STREAM, lambda: desk.gate.done > STREAM)
        declared.GATEWAY_SILENT.read = self._silent
        declared.DEAD_MAN_AGE.read = self._dead_man_age
        declared.DEAD_MAN_COUNTDOWN.read = self._countdown
        declared.RATE_USE.read = self._rate_use

    def why_not_ready(self) -> str:
        """Why no order may be sent; empty where one may."""
        desk = self._desk
        if desk.blocked is None:
            return ""
        return f"{desk.blocked} {desk.gate.waits_for or desk.silent or ''}".strip()

    def _silent(self) -> Rows:
        silent = self._desk.silent
        return {(self._desk.account, silent): 1} if silent else {}

    def _dead_man_age(self) -> Rows:
        """Of the instrument that waits longest."""
        since_ns = self.dead_man_ns.copy()
        if not self.countdown_ms or not since_ns:
            return {}
        age_ns = self._desk.parts.monotonic_ns() - min(since_ns.values())
        return {(self._desk.account,): age_ns / 1e9}

    def _countdown(self) -> Rows:
        return {(self._desk.account,): self.countdown_ms / 1_000} if self.countdown_ms else {}

    def _rate_use(self) -> Rows:
        """What was said more than a minute ago is about another minute."""
        desk = self._desk
        if self._used is None or desk.parts.monotonic_ns() - self._used[1] > MINUTE_NS:
            return {(desk.account,): 0}
        return {(desk.account,): self._used[0] / desk.parts.port.weight_per_minute}


def slippage(fill: OrderFilled, mark_px: Decimal) -> float:
    """The share of the mark that was paid too much, or received too little."""
    worse = fill.last_px - mark_px if fill.side == "BUY" else mark_px - fill.last_px
    return float(worse / mark_px)
