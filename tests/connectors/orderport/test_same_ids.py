"""Binance counts orders per symbol: two orders of an account may have one id.

1. A trade is booked on the order of its own instrument, also after a snapshot.
2. An order in doubt is not absent because another instrument's has the id of a trade of its own.
3. An order that is forgotten takes no other with it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

import pytest

from connectors.orderport import order_port
from connectors.orderport.interface import Request
from pipelines.gateway import saved
from pipelines.gateway.fold import HOUR_NS, KEPT_NS, OrderFold
from pipelines.gateway.resolution import question
from schemas.events import (
    OrderApproved,
    OrderFilled,
    VenueFrameReceived,
    VenueRequestFailed,
    VenueRequestSent,
    VenueResponseReceived,
)
from tests.connectors.gateway.rig import ACCOUNT, BTC, approval

ETH: Final = "ETHUSDT.BINANCE"
ID: Final = 4711
PORT: Final = order_port("BINANCE")
TRADE: Final = {
    "symbol": "ETHUSDT", "id": 9, "orderId": ID, "price": "100", "qty": "0.1", "commission": "0",
    "commissionAsset": "USDT", "time": 1_700_000_000_000, "isBuyer": True, "isMaker": True,
}  # fmt: skip


class Account:
    """One fold; the venue's answers as their bytes."""

    def __init__(self) -> None:
        self.fold = OrderFold(PORT)
        self.at_ns = 1
        self._asked = 0

    def submit(self, order: OrderApproved) -> VenueRequestSent:
        self.fold.apply(order)
        return self._send(PORT.submit(order))

    def ask(self, request: Request, rows: list[Any]) -> list[Any]:
        sent = self._send(request)
        about = (ACCOUNT, "BINANCE", sent.request_id, sent.cl_ord_id, 200, None, None)
        body = json.dumps(rows).encode()
        return self.fold.apply(VenueResponseReceived(*about, body, self.at_ns))

    def told(self, order: OrderApproved, status: str = "NEW", done: str = "0") -> None:
        """What the stream says of an order; all have the same id."""
        event = {
            "e": "executionReport", "s": order.instrument.partition(".")[0], "c": order.cl_ord_id,
            "C": "", "i": ID, "x": status, "X": status, "z": done, "T": 1_700_000_000_000,
        }  # fmt: skip
        payload = json.dumps({"event": event}).encode()
        self.fold.apply(VenueFrameReceived(ACCOUNT, "BINANCE", "c", payload, self.at_ns))

    def lose(self, sent: VenueRequestSent) -> None:
        about = (ACCOUNT, "BINANCE", sent.request_id, sent.cl_ord_id)
        self.fold.apply(VenueRequestFailed(*about, "RESPONSE_TIMED_OUT", True, "", self.at_ns))

    def state(self, order: OrderApproved) -> str:
        return self.fold.book.entries[order.cl_ord_id].order.state

    def _send(self, request: Request) -> VenueRequestSent:
        self._asked += 1
        about = (ACCOUNT, "BINANCE", f"g/{self._asked}", request.cl_ord_id)
        asks = (request.method, request.path, "timestamp=1&recvWindow=1000")
        sent = VenueRequestSent(*about, *asks, 1, "d", self.at_ns, "UNKNOWN")
        self.fold.apply(sent)
        return sent


def bought(cl_ord_id: str, instrument: str) -> OrderApproved:
    return approval(cl_ord_id)._replace(instrument=instrument, ts_recv_ns=1)


def both(account: Account) -> tuple[OrderApproved, OrderApproved]:
    """One order in each instrument, of one id at the venue."""
    orders = bought("E1", ETH), bought("B1", BTC)
    for order in orders:
        account.submit(order)
        account.told(order)
    return orders


def as_it_is(account: Account) -> None:
    pass


def from_a_snapshot(account: Account) -> None:
    found = json.loads(saved.dump(account.fold))
    account.fold = saved.restored(found, saved.VERSION, PORT)


@pytest.mark.parametrize("then", [as_it_is, from_a_snapshot])
def test_a_trade_is_booked_on_the_order_of_its_instrument(then: Callable[[Account], None]) -> None:
    account = Account()
    both(account)
    then(account)
    for instrument, name in ((ETH, "E1"), (BTC, "B1")):
        row = TRADE | {"symbol": instrument.partition(".")[0]}
        [fill] = account.ask(PORT.trades(instrument, str(ID), 0, name), [row])
        assert isinstance(fill, OrderFilled)
        assert (fill.instrument, fill.cl_ord_id) == (instrument, name)
        assert account.fold.book.position(instrument) == Decimal("0.1")


def test_a_trade_of_another_instruments_id_may_be_the_orders_own() -> None:
    account, lost, other = Account(), bought("E1", ETH), bought("B1", BTC)
    account.submit(other)
    account.told(other)
    account.lose(account.submit(lost))
    for _ in range(12):
        inquiry = account.fold.inquiries[lost.cl_ord_id]
        account.at_ns = max(account.at_ns + 1, inquiry.not_before_ns)
        requests = {
            "OPEN_ORDERS": PORT.open_orders(ETH, lost.cl_ord_id),
            "CLOSED_ORDERS": PORT.closed_orders(ETH, 0, lost.cl_ord_id),
            "TRADES": PORT.trades(ETH, None, 0, lost.cl_ord_id),
        }
        wanted = question(inquiry, account.at_ns)
        assert wanted is not None
        account.ask(requests[wanted], [TRADE] if wanted == "TRADES" else [])
    assert account.state(lost) == "OUTCOME_UNKNOWN"


def test_an_order_that_is_forgotten_takes_no_other_with_it() -> None:
    account = Account()
    _, gone = both(account)
    account.told(gone, "CANCELED")
    assert account.state(gone) == "CANCELED"
    account.at_ns += KEPT_NS + 2 * HOUR_NS
    account.fold.apply(VenueFrameReceived(ACCOUNT, "BINANCE", "c", b"{}", account.at_ns))
    assert set(account.fold.book.entries) == {"E1"}
    [fill] = account.ask(PORT.trades(ETH, str(ID), 0, "E1"), [TRADE])
    assert (fill.instrument, fill.cl_ord_id) == (ETH, "E1")
