"""Decisions, caps and a venue's words for the gateway's tests: the fewest fields that matter."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from pipelines.gateway.caps import Caps, Quote, parse_caps
from pipelines.gateway.reports import Kind, Report, Stamp
from schemas import events

BTC = "BTCUSDT.BINANCE"
ACCOUNT = "sim-1"
SECOND_NS = 1_000_000_000
CAPS: dict[str, Any] = {
    "account": ACCOUNT,
    "order_notional_max": "1000",
    "notional_per_day_max": 5000,
    "orders_per_second_max": 3,
    "orders_per_day_max": 20,
    "open_orders_max": 4,
    "price_band_bps": 100,
    "position_max": {BTC: "12"},
}
QUOTE = Quote(Decimal(99), Decimal(101), 0)


def caps(**given: Any) -> Caps:
    return parse_caps({**CAPS, **given})


def approved(cl_ord_id: str = "C1", **given: Any) -> events.OrderApproved:
    """A limit order to buy 1 at 100, fresh at time 0."""
    qty = given.get("order_qty", Decimal(1))
    order = events.OrderApproved(
        account=ACCOUNT,
        strategy="s",
        strategy_version="1",
        venue="BINANCE",
        instrument=BTC,
        cl_ord_id=cl_ord_id,
        parent_id=f"p-{cl_ord_id}",
        parent_qty=qty,
        child=0,
        side="BUY",
        ord_type="LIMIT",
        time_in_force="GTC",
        post_only=False,
        price=Decimal(100),
        order_qty=Decimal(1),
        reserved_notional=Decimal(0),
        limits_version=1,
        mark_px=Decimal(100),
        mark_ts_recv_ns=0,
        correlation_id="tick",
        causation_id="request",
        ts_event_ns=None,
        ts_recv_ns=0,
    )
    return order._replace(**given)


def sent(cl_ord_id: str, kind: str = "SUBMIT", number: int = 1, **given: Any) -> Any:
    """A request in the words of `PlainReader`."""
    stamp = given.pop("ts_ms", 0)
    event = events.VenueRequestSent(
        account=ACCOUNT,
        venue="BINANCE",
        request_id=f"g1/{kind}-{cl_ord_id}-{number}",
        cl_ord_id=cl_ord_id,
        method=kind,
        path="/",
        parameters=f"{stamp},1000",
        attempt=number,
        causation_id="decision",
        ts_ns=stamp * 1_000_000,
        cancel_reason="UNKNOWN",
    )
    return event._replace(**given)


def response(request: Any, reports: list[Report], ts_ns: int = 1) -> Any:
    """The answer to a request; `PlainReader` finds the reports again by its body."""
    return events.VenueResponseReceived(
        ACCOUNT, "BINANCE", request.request_id, request.cl_ord_id, 200, None, None,
        PlainReader.keep(reports), ts_ns,
    )  # fmt: skip


def frame(reports: list[Report], ts_ns: int = 1) -> events.VenueFrameReceived:
    return events.VenueFrameReceived(ACCOUNT, "BINANCE", "conn", PlainReader.keep(reports), ts_ns)


class PlainReader:
    """A venue whose bytes are numbers of reports that were made before."""

    _kept: dict[bytes, list[Report]] = {}  # noqa: RUF012 - shared on purpose: bytes are names

    @classmethod
    def keep(cls, reports: list[Report]) -> bytes:
        name = str(len(cls._kept)).encode()
        cls._kept[name] = reports
        return name

    def kind(self, method: str, path: str) -> Kind:
        kinds: Mapping[str, Kind] = {
            "SUBMIT": "SUBMIT",
            "CANCEL": "CANCEL",
            "OPEN_ORDERS": "OPEN_ORDERS",
            "CLOSED_ORDERS": "CLOSED_ORDERS",
            "TRADES": "TRADES",
        }
        return kinds.get(method, "OTHER")

    def stamp(self, parameters: str) -> Stamp:
        stamp, window = parameters.split(",")
        return Stamp(int(stamp), int(window))

    def read_response(self, kind: Kind, status: int, body: bytes) -> list[Report]:
        return self._kept[body]

    def read_frame(self, payload: bytes) -> list[Report]:
        return self._kept[payload]
