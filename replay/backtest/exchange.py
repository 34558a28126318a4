"""The venue of a backtest: the simulated venue's own rules and words, without its sockets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import cached_property
from typing import Any, Final, NamedTuple, cast

import msgspec

from connectors.orderport.interface import Request
from connectors.simulated.errors import Refusal, refusal
from connectors.simulated.guard import check_age
from connectors.simulated.journal import MemoryJournal
from connectors.simulated.market import VENUE
from connectors.simulated.render import Trade, cancel_form, full_form
from connectors.simulated.server import INSTRUMENTS
from connectors.simulated.venue import Report, Venue
from pipelines.exact import ZERO
from pipelines.gateway.caps import Quote
from pipelines.gateway.reports import Stamp
from pipelines.matching.depth import Quotes
from pipelines.matching.exchange import assume, skim
from pipelines.matching.model import (
    CancelOrder,
    Fees,
    Instrument,
    OrderAdded,
    OrderTraded,
    OrdType,
    PlaceOrder,
    Side,
    TimeInForce,
    Transfer,
)
from pipelines.matching.state import Book, Exchange, Market
from schemas.events import LimitsChanged, QuoteChanged

NS_PER_MS: Final = 1_000_000
_encode: Final = msgspec.json.Encoder().encode
_KNOWN: Final = {one.symbol: one for one in INSTRUMENTS}


class Answer(NamedTuple):
    """What the venue answers a request."""

    status: int
    body: bytes


class SimulatedVenue:
    """One account at the venue. `tell` gets every frame of its private stream as it leaves.
    `behind`: brings what is displayed up to date, which is done once somebody looks at it.
    """

    def __init__(
        self,
        account: str,
        instruments: Sequence[Instrument],
        fees: Fees,
        now_ns: Callable[[], int],
        tell: Callable[[bytes], None],
    ) -> None:
        self._account, self._now_ns, self._tell = account, now_ns, tell
        self.venue = Venue(Exchange(instruments, fees), MemoryJournal(), now_ns)
        self.venue.deliver = self._deliver
        self.behind: Callable[[], None] | None = None

    def deposit(self, balances: Mapping[str, Decimal]) -> None:
        """What the account begins with; nobody is told."""
        self.venue.deliver = lambda _: None
        for asset, amount in sorted(balances.items()):
            self.venue.take(Transfer(self._account, asset, amount))
        self.venue.deliver = self._deliver

    def hear(self, event: Market) -> None:
        """One market event; another venue's is passed over."""
        symbol, _, code = event.instrument.partition(".")
        if code == VENUE:
            self.venue.hear(event, symbol)

    def assume(self, quote: QuoteChanged) -> None:
        """A touch that trades imply."""
        if quote.instrument in self.books:
            assume(self.venue.exchange, quote, quote.instrument.partition(".")[0])

    def catch_up(self) -> None:
        """Takes in what was displayed since somebody looked at it."""
        behind, self.behind = self.behind, None
        if behind is not None:
            behind()

    @cached_property
    def books(self) -> Mapping[str, Book]:
        """What is traded, by instrument."""
        return {f"{symbol}.{VENUE}": one for symbol, one in self.venue.exchange.books.items()}

    def skim(self, instrument: str, last_px: Decimal | None, quotes: Quotes | None = None) -> None:
        """A stretch of the market, see `pipelines.matching.exchange.skim`."""
        if instrument in self.books:
            skim(self.venue.exchange, instrument.partition(".")[0], last_px, quotes)

    def quote(self, instrument: str) -> Quote | None:
        """What is displayed now; None without both sides."""
        self.catch_up()
        book = self.venue.exchange.books.get(instrument.partition(".")[0])
        if book is None:
            return None
        bid, ask = (book.depth.sides[side].best() for side in ("BUY", "SELL"))
        return None if bid is None or ask is None else Quote(bid, ask, self._now_ns())

    def answer(self, request: Request, stamp: Stamp) -> Answer:
        """Takes a request of the gateway's, unless it travelled for too long. Reports have left by
        then.
        """
        self.catch_up()
        sent = dict(request.parameters)
        stamp_ns, window_ns = (ms * NS_PER_MS for ms in stamp)
        try:
            check_age(stamp_ns, window_ns, self._now_ns())
            said = self._place(sent) if request.method == "POST" else self._cancel(sent)
        except Refusal as refused:
            return Answer(refused.status, _encode(refused.body()))
        return Answer(200, _encode(said))

    def _place(self, sent: Mapping[str, str]) -> dict[str, Any]:
        events = self.venue.take(order_of(self._account, sent))
        added = events[0]
        assert isinstance(added, OrderAdded)
        order = self.venue.exchange.orders[added.order.order_id]
        mine = [one for one in events if isinstance(one, OrderTraded) and not one.maker]
        return full_form(order, [Trade(order, one) for one in mine])

    def _cancel(self, sent: Mapping[str, str]) -> dict[str, Any]:
        name = sent["origClientOrderId"]
        order = self.venue.order_by_client_id(self._account, sent["symbol"], name)
        if order is None:
            raise refusal("UNKNOWN_ORDER")
        mine = f"cancel-{order.order_id}"
        self.venue.take(CancelOrder(self._account, order.order_id, mine))
        return cancel_form(order, mine)

    def _deliver(self, report: Report) -> None:
        for form in report.forms():
            self._tell(_encode({"subscriptionId": 0, "event": form}))


def order_of(account: str, sent: Mapping[str, str]) -> PlaceOrder:
    """The order that a gateway's request asks for."""
    return PlaceOrder(
        account,
        sent["symbol"],
        sent["newClientOrderId"],
        cast(Side, sent["side"]),
        cast(OrdType, sent["type"]),
        cast(TimeInForce, sent.get("timeInForce", "GTC")),
        Decimal(sent["price"]) if "price" in sent else ZERO,
        Decimal(sent["quantity"]),
    )


def instruments_of(limits: LimitsChanged) -> list[Instrument]:
    """What the venue trades: as `tape venue` has it, else by the terms that limits name."""
    found = []
    for terms in limits.instruments:
        symbol, _, code = terms.instrument.partition(".")
        if code == VENUE:
            named = Instrument(
                symbol,
                terms.base_asset,
                terms.quote_asset,
                terms.tick_size,
                terms.lot_size,
                px_max=terms.price_max,
                qty_max=terms.qty_max,
                notional_min=terms.notional_min,
            )
            found.append(_KNOWN.get(symbol, named))
    return found
