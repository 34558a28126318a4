"""Binance Spot's order port. Every parameter goes into the query, in the order signed; only
characters that no client escapes are used, so the bytes signed are the bytes sent.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Final
from urllib.parse import quote

from connectors.orderport.binance_spot import account, parse
from connectors.orderport.binance_spot.account import json_object, time_ms
from connectors.orderport.interface import (
    UNREADABLE,
    Credentials,
    Metered,
    Parameters,
    Permissions,
    Request,
    Signed,
    Trades,
)
from pipelines.exact import plain
from pipelines.gateway.reports import Kind, Report, Stamp
from schemas.events import Balance, OpenOrder, OrderApproved
from schemas.numbers import exact

ROWS_MAX: Final = str(account.ROWS_MAX)
SUBSCRIBE_ID: Final = "subscribe"
_KINDS: Final[dict[tuple[str, str], Kind]] = {
    ("POST", "/api/v3/order"): "SUBMIT",
    ("DELETE", "/api/v3/order"): "CANCEL",
    ("GET", "/api/v3/openOrders"): "OPEN_ORDERS",
    ("GET", "/api/v3/allOrders"): "CLOSED_ORDERS",
    ("GET", "/api/v3/myTrades"): "TRADES",
}
_PLAIN: Final = re.compile(r"[A-Za-z0-9._-]*").fullmatch
_NUMBER: Final = re.compile(r"[0-9]{1,9}").fullmatch
_STAMP: Final = re.compile(r"(?:^|&)(timestamp|recvWindow)=([0-9]{1,15})(?=&|$)")


class BinanceSpot:
    """See `connectors.orderport.interface.OrderPort`."""

    venue = "BINANCE"
    order_path = "/api/v3/order"
    weight_per_minute = account.WEIGHT_PER_MINUTE

    def kind(self, method: str, path: str) -> Kind:
        return _KINDS.get((method, path), "OTHER")

    def stamp(self, parameters: str) -> Stamp:
        found = dict(_STAMP.findall(parameters))
        return Stamp(int(found.get("timestamp", 0)), int(found.get("recvWindow", 0)))

    def read_response(self, kind: Kind, status: int, body: bytes) -> list[Report]:
        return parse.read_response(self.venue, kind, status, body)

    def read_frame(self, payload: bytes) -> list[Report]:
        return parse.read_frame(self.venue, payload)

    def submit(self, order: OrderApproved) -> Request:
        """FULL: the answer names the fills, so that they do not wait for the stream."""
        limit: Parameters = ()
        if order.price is not None:
            limit = (("price", plain(order.price)),)
            if not order.post_only:
                limit = (("timeInForce", order.time_in_force), *limit)
        ord_type = "LIMIT_MAKER" if order.post_only else order.ord_type
        parameters = (
            ("symbol", symbol_of(order.instrument)),
            ("side", order.side),
            ("type", ord_type),
            *limit,
            ("quantity", plain(order.order_qty)),
            ("newClientOrderId", order.cl_ord_id),
            ("newOrderRespType", "FULL"),
        )
        return Request("POST", self.order_path, parameters, order.cl_ord_id)

    def cancel(self, order: OrderApproved) -> Request:
        parameters = (
            ("symbol", symbol_of(order.instrument)),
            ("origClientOrderId", order.cl_ord_id),
        )
        return Request("DELETE", self.order_path, parameters, order.cl_ord_id)

    def cancel_all(self, instrument: str) -> Request:
        return Request("DELETE", "/api/v3/openOrders", (("symbol", symbol_of(instrument)),))

    def countdown(self, instrument: str, countdown_ms: int) -> Request:
        """Binance has it for futures alone, the simulated venue for spot."""
        parameters = (("symbol", symbol_of(instrument)), ("countdownTime", str(countdown_ms)))
        return Request("POST", "/api/v3/countdownCancelAll", parameters)

    def open_orders(self, instrument: str | None, cl_ord_id: str | None = None) -> Request:
        parameters = () if instrument is None else (("symbol", symbol_of(instrument)),)
        return Request("GET", "/api/v3/openOrders", parameters, cl_ord_id)

    def closed_orders(
        self,
        instrument: str,
        since_ms: int,
        cl_ord_id: str | None = None,
        from_id: str | None = None,
    ) -> Request:
        where = ("startTime", str(since_ms)) if from_id is None else ("orderId", from_id)
        parameters = (("symbol", symbol_of(instrument)), where, ("limit", ROWS_MAX))
        return Request("GET", "/api/v3/allOrders", parameters, cl_ord_id)

    def trades(
        self,
        instrument: str,
        order_id: str | None,
        since_ms: int,
        cl_ord_id: str | None = None,
        from_id: str | None = None,
    ) -> Request:
        """The venue takes no time beside an id."""
        where: Parameters = () if order_id is None else (("orderId", order_id),)
        if from_id is not None:
            where = (*where, ("fromId", from_id))
        where = where or (("startTime", str(since_ms)),)
        parameters = (("symbol", symbol_of(instrument)), *where, ("limit", ROWS_MAX))
        return Request("GET", "/api/v3/myTrades", parameters, cl_ord_id)

    def account(self) -> Request:
        return Request("GET", "/api/v3/account", (("omitZeroBalances", "true"),))

    def read_balances(self, body: bytes) -> tuple[Balance, ...]:
        return account.read_balances(body)

    def read_open_orders(self, body: bytes) -> tuple[OpenOrder, ...]:
        return account.read_open_orders(self.venue, body)

    def read_trades(self, body: bytes) -> Trades:
        return account.read_trades(self.venue, body)

    def weight(self, request: Request) -> int:
        return account.weight(request)

    def venue_time(self) -> Request:
        return Request("GET", "/api/v3/time", (), private=False)

    def read_venue_time(self, body: bytes) -> int:
        return time_ms(json_object(body)["serverTime"])

    def quote(self, instrument: str) -> Request:
        parameters = (("symbol", symbol_of(instrument)),)
        return Request("GET", "/api/v3/ticker/bookTicker", parameters, private=False)

    def read_quote(self, body: bytes) -> tuple[Decimal, Decimal]:
        said = json_object(body)
        return exact(said["bidPrice"]), exact(said["askPrice"])

    def permissions(self) -> Request:
        return Request("GET", "/sapi/v1/account/apiRestrictions", ())

    def read_permissions(self, body: bytes) -> Permissions:
        return account.read_permissions(body)

    def sign(self, request: Request, credentials: Credentials, stamp: Stamp) -> Signed:
        """The signature is the last parameter, percent-encoded where base64 needs it."""
        target, headers, asked = request.path, {}, request.parameters
        if request.private:
            window = ("recvWindow", str(stamp.recv_window_ms))
            asked = (*asked, window, ("timestamp", str(stamp.venue_ts_ms)))
        parameters = _query(asked)
        if request.private:
            signature = quote(credentials.sign(parameters.encode()), safe="")
            target = f"{target}?{parameters}&signature={signature}"
            headers["X-MBX-APIKEY"] = credentials.api_key
        elif parameters:
            target = f"{target}?{parameters}"
        window_ms = stamp.recv_window_ms
        return Signed(request.method, request.path, parameters, target.encode(), headers, window_ms)

    def subscribe(self, credentials: Credentials, stamp: Stamp) -> str:
        """Signed over the parameters in alphabetical order, as the WebSocket API wants."""
        params = {
            "apiKey": credentials.api_key,
            "recvWindow": str(stamp.recv_window_ms),
            "timestamp": str(stamp.venue_ts_ms),
        }
        payload = _query(tuple(sorted(params.items())))
        params["signature"] = credentials.sign(payload.encode())
        message = {
            "id": SUBSCRIBE_ID,
            "method": "userDataStream.subscribe.signature",
            "params": params,
        }
        return json.dumps(message)

    def subscribed(self, payload: bytes) -> bool | None:
        try:
            said = json_object(payload)
        except UNREADABLE:
            return None
        return said.get("status") == 200 if said.get("id") == SUBSCRIBE_ID else None

    def metered(self, headers: Mapping[str, str]) -> Metered:
        return Metered(_whole(headers, "x-mbx-used-weight-1m"), _whole(headers, "retry-after"))


def _whole(headers: Mapping[str, str], name: str) -> int | None:
    said = headers.get(name, "")
    return int(said) if _NUMBER(said) else None


def symbol_of(instrument: str) -> str:
    """`BTCUSDT` of `BTCUSDT.BINANCE`."""
    return instrument.partition(".")[0]


def _query(parameters: Parameters) -> str:
    assert _PLAIN("".join(map("".join, parameters))), "needs escaping"
    return "&".join(map("=".join, parameters))
