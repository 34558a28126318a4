"""What a venue says, in words that no venue owns. An adapter turns bytes into these; the fold turns
them into order events.

`ts_event_ns` is nanoseconds UTC by the venue's clock, null where it gives none.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Literal, NamedTuple, Protocol

from schemas.events import LastLiquidity, OrderExpiry, RejectReason, Side

Kind = Literal["SUBMIT", "CANCEL", "OPEN_ORDERS", "CLOSED_ORDERS", "TRADES", "OTHER"]
Standing = Literal["OPEN", "FILLED", "CANCELED", "REJECTED", "EXPIRED"]


class OrderReport(NamedTuple):
    """How an order stands at the venue. `cum_qty` in base units, as the venue counts it."""

    cl_ord_id: str
    order_id: str
    standing: Standing
    cum_qty: Decimal
    ts_event_ns: int | None = None
    expiry: OrderExpiry = "VENUE_DECIDED"


class FillReport(NamedTuple):
    """One trade. `cl_ord_id` None where the venue names its own id alone; that is unique in an
    instrument only.
    """

    cl_ord_id: str | None
    instrument: str
    order_id: str
    trade_id: str
    side: Side
    last_px: Decimal
    last_qty: Decimal
    commission: Decimal
    comm_currency: str
    last_liquidity: LastLiquidity
    ts_event_ns: int | None = None


class RefusalReport(NamedTuple):
    """The venue did not do what was asked, and says so for certain."""

    reason: RejectReason
    venue_code: str
    text: str


class DoubtReport(NamedTuple):
    """An answer that leaves open what happened: an error of the venue's, or unreadable bytes."""

    detail: str
    readable: bool = True


class PageReport(NamedTuple):
    """The answer is full: what comes after the order or trade of this id was not told."""

    last_id: str


Report = OrderReport | FillReport | RefusalReport | DoubtReport | PageReport


class Stamp(NamedTuple):
    """When a request was stamped, by the venue's clock, and for how long it may be taken."""

    venue_ts_ms: int
    recv_window_ms: int


class Reader(Protocol):
    """The pure half of an adapter: bytes of one venue to reports. None of it raises."""

    def kind(self, method: str, path: str) -> Kind:
        """What a request asks for."""
        ...

    def stamp(self, parameters: str) -> Stamp:
        """The stamp among a signed request's parameters; zeros where there is none."""
        ...

    def read_response(self, kind: Kind, status: int, body: bytes) -> list[Report]:
        """What a response says. An empty list of orders or trades is an empty list; what is no
        list, where one was asked for, is a doubt; a full one ends with a `PageReport`.
        """
        ...

    def read_frame(self, payload: bytes) -> list[Report]:
        """What a frame of the private stream says; nothing where it is about no order."""
        ...
