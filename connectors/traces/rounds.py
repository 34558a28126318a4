"""Spans of `venue-watch`: its rounds of questions, and what came of them.

Most rounds find nothing, so a round is shown once something came of it: trades were listed, the
venue did not answer, a break on the log names it, a fill that it listed was booked. Until then its
spans wait in memory. Ids follow from the snapshots' own id, so reconciliation hangs the breaks it
finds below the round that showed them, without either asking the other.
"""

from __future__ import annotations

from typing import Any, Final

from connectors.orderport.interface import Request
from connectors.traces.ids import ids_of, request_ids, round_ids, sampled
from connectors.traces.spans import Newest, Put, Span, facts_of
from schemas.events import AccountTrade, BreakCleared, BreakFound, OrderFilled, TradesObserved

SERVICE: Final = "venue-watch"
ROUNDS_MAX, TRADES_MAX = 1_000, 10_000


class RoundSpans:
    """Of one account; a round is named by its snapshots. Without `put` nothing is shown."""

    def __init__(self, account: str, put: Put | None = None, share: float = 0.0) -> None:
        self._account, self._put, self._share = account, put, share
        self._waiting = Newest[list[Span]](ROUNDS_MAX)
        self._kept = Newest[bool](ROUNDS_MAX)
        self._begun_ns = Newest[int](ROUNDS_MAX)
        self._listed = Newest[TradesObserved](TRADES_MAX)  # by `_name`

    def asked(
        self, name: str, request: Request, start_ns: int, end_ns: int, failed: bool = False
    ) -> None:
        """A question of the round, and until when the venue had answered or not."""
        if self._begun_ns.get(name) is None:
            self._begun_ns.put(name, start_ns)
        ids = request_ids(round_ids(self._account, name), f"{name}/{request.path}/{start_ns}")
        facts: dict[str, str | int] = {
            "http.request.method": request.method,
            "url.path": request.path,
            "tape.account": self._account,
        }
        title = f"{request.method} {request.path}"
        span = Span(SERVICE, title, ids, start_ns, end_ns, facts, client=True, failed=failed)
        self._show(name, span, keep=failed)

    def over(self, name: str, end_ns: int, balances: int, orders: int) -> None:
        """The round is on the log, with so many balances and open orders."""
        ids = round_ids(self._account, name)
        facts: dict[str, str | int] = {
            "tape.account": self._account,
            "tape.snapshot": name,
            "tape.balances": balances,
            "tape.orders": orders,
        }
        span = Span(SERVICE, "round", ids, self._begun_ns.get(name) or end_ns, end_ns, facts)
        self._show(name, span, keep=sampled(ids.trace, self._share))

    def listed(self, name: str, seen: TradesObserved) -> None:
        """Trades were asked for, which is because something differs."""
        for trade in seen.trades:
            self._listed.put(_name(trade), seen)
        self._keep(name)

    def heard(self, event: Any, now_ns: int) -> None:
        """What the log says: a break that a round of this process showed, a fill that it listed."""
        if isinstance(event, BreakFound | BreakCleared):
            if self._begun_ns.get(event.snapshot_id) is not None:
                self._keep(event.snapshot_id)
        elif isinstance(event, OrderFilled) and event.reconciled:
            seen = self._listed.pop(_name(event))
            if seen is not None:
                self._found(event, seen, now_ns)

    def _found(self, event: OrderFilled, seen: TradesObserved, now_ns: int) -> None:
        """From when the venue listed the fill until the log had it: linked to it, in the trace of
        its order.
        """
        above = round_ids(self._account, seen.snapshot_id)
        ids = request_ids(above, f"found/{_name(event)}")
        start_ns = min(seen.ts_recv_ns, now_ns)
        links = (ids_of(event),)
        span = Span(SERVICE, "found", ids, start_ns, now_ns, facts_of(event), links=links)
        self._show(seen.snapshot_id, span, keep=True)

    def _show(self, name: str, span: Span, keep: bool) -> None:
        self._waiting.put(name, [*(self._waiting.get(name) or ()), span])
        if keep or self._kept.get(name):
            self._keep(name)

    def _keep(self, name: str) -> None:
        """Shows what the round has so far, and all that follows."""
        self._kept.put(name, True)
        for span in self._waiting.pop(name) or ():
            if self._put is not None:
                self._put(span)


def _name(trade: AccountTrade | OrderFilled) -> str:
    """The venue's ids are unique in an instrument only."""
    return f"{trade.instrument}/{trade.order_id}/{trade.trade_id}"
