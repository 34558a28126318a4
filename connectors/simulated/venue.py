"""The venue without its sockets: the exchange, what it must not forget, what it tells its accounts.

The clock is read once per request and per market event, and noted with it: a decision, and every
report of it, is a function of what arrived.

Nobody is told of anything before it is on disk: reports wait in the outbox for their journal line,
answers wait for the newest line there was when they were made.
"""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from decimal import localcontext
from pathlib import Path
from typing import NamedTuple

from connectors.simulated.arrivals import Arrivals, NoArrivals, heard_at, request_arrived
from connectors.simulated.errors import refusal
from connectors.simulated.journal import Events, FileJournal, Journal, MemoryJournal
from connectors.simulated.render import (
    Json,
    Trade,
    balance_forms,
    position_form,
    report,
    transfer_form,
)
from pipelines.exact import EXACTLY
from pipelines.logic import Position
from pipelines.matching.exchange import hear, step
from pipelines.matching.model import (
    Balance,
    Event,
    Instrument,
    Order,
    OrderAdded,
    OrderRefused,
    OrderTraded,
    Request,
    Transferred,
)
from pipelines.matching.state import Exchange, Market, evolve, reopen


class Report(NamedTuple):
    """What an account is told: an event of its stream, and the balances that go with it.

    `order` and `balances` (by asset) are copies as of right after the event: they are put into
    words only where somebody listens. `number`: of the event, counted from the first there was.
    """

    account: str
    event: Event
    at_ns: int
    number: int = 0
    order: Order | None = None
    balances: Mapping[str, Balance] = {}

    def forms(self) -> tuple[Json, ...]:
        """The messages, in their order."""
        event = self.event
        if isinstance(event, Transferred):
            return (transfer_form(event.asset, event.amount, self.at_ns),)
        assert self.order is not None
        told = report(self.order, event, self.at_ns, self.number)
        return told, position_form(balance_forms(self.balances), self.at_ns)


class Venue:
    """`deliver` gets each report once it is on disk; `arrange` may reorder those of a decision."""

    def __init__(
        self,
        exchange: Exchange,
        journal: Journal,
        now_ns: Callable[[], int],
        arrivals: Arrivals = NoArrivals(),  # noqa: B008  it keeps nothing
    ) -> None:
        self.exchange, self.journal, self.now_ns = exchange, journal, now_ns
        self.arrivals, self._at_ns = arrivals, 0
        self.deliver: Callable[[Report], None] = lambda report: None
        self.arrange: Callable[[list[Report]], None] = lambda reports: None
        self.trades: dict[tuple[str, str], list[Trade]] = defaultdict(list)
        self.history: dict[tuple[str, str], list[Order]] = defaultdict(list)
        self.newest: dict[tuple[str, str, str], int] = {}
        self.last_line = 0
        self._executions = 0
        self._reports: list[Report] = []
        self._outbox: deque[tuple[int, Report]] = deque()
        journal.on_durable = self._deliver_durable

    def restore(self, lines: Iterable[Events]) -> int:
        """Applies the decisions of before; gives their number."""
        count = 0
        with localcontext(EXACTLY):
            for events in lines:
                count += 1
                for event in events:
                    evolve(self.exchange, event)
                    self._remember(event)
            reopen(self.exchange)
        return count

    def take(self, request: Request) -> list[Event]:
        """Decides a request now. Raises `Refusal`."""
        self._at_ns = self.now_ns()
        self.arrivals.note(request_arrived(request, self._at_ns))
        try:
            events = step(self.exchange, request, self._at_ns, self._saw)
        except OrderRefused as refused:
            raise refusal(refused.reason) from None
        self._keep(events)
        return events

    def hear(self, event: Market, symbol: str, position: Position | None = None) -> list[Event]:
        """Follows the market; symbols that are not traded here are passed over. `position`: where
        the event lies on the log, if it does.
        """
        if symbol not in self.exchange.books:
            return []
        self._at_ns = self.now_ns()
        if position is not None:
            self.arrivals.note(heard_at(position, self._at_ns))
        events = hear(self.exchange, event, symbol, self._at_ns, self._saw)
        if events:
            self._keep(events)
        return events

    async def durable(self) -> None:
        """Returns when all that happened so far is on disk. Raises `VenueError`."""
        await self.journal.reached(self.last_line)

    def order_by_client_id(self, account: str, symbol: str, cl_ord_id: str) -> Order | None:
        """The open order with this id, else the newest that had it."""
        number = self.newest.get((account, symbol, cl_ord_id))
        return None if number is None else self.exchange.orders[number]

    def _keep(self, events: list[Event]) -> None:
        self.arrivals.flush()
        self.last_line = self.journal.append(events)
        self.arrange(self._reports)
        self._outbox.extend((self.last_line, one) for one in self._reports)
        self._reports.clear()
        self._deliver_durable()

    def _deliver_durable(self) -> None:
        while self._outbox and self._outbox[0][0] <= self.journal.durable:
            self.deliver(self._outbox.popleft()[1])

    def _remember(self, event: Event) -> None:
        self._executions += 1
        if isinstance(event, OrderAdded):
            order = self.exchange.orders[event.order.order_id]
            self.history[order.account, order.symbol].append(order)
            self.newest[order.account, order.symbol, order.cl_ord_id] = order.order_id
        elif isinstance(event, OrderTraded):
            order = self.exchange.orders[event.order_id]
            self.trades[order.account, order.symbol].append(Trade(order, event))

    def _saw(self, event: Event) -> None:
        self._remember(event)
        if isinstance(event, Transferred):
            self._reports.append(Report(event.account, event, self._at_ns))
            return
        number = event.order.order_id if isinstance(event, OrderAdded) else event.order_id
        order = self.exchange.orders[number]
        instrument = self.exchange.books[order.symbol].instrument
        held = self.exchange.balances[order.account]
        balances = {asset: copy(held[asset]) for asset in (instrument.base, instrument.quote)}
        about = (self._at_ns, self._executions, copy(order), balances)
        self._reports.append(Report(order.account, event, *about))


def remembered(folder: Path, instruments: Sequence[Instrument]) -> Venue:
    """What a venue that has stopped wrote to its state folder. Raises `VenueError`."""
    journal = FileJournal(folder)
    try:
        venue = Venue(Exchange(instruments), MemoryJournal(), time.time_ns)
        venue.restore(journal.read())
        return venue
    finally:
        journal.close()
