"""Binance Spot's answers and private frames to reports. Never raises: what cannot be read is a
`DoubtReport`, because bytes of a trading answer that nobody understands prove nothing.

Sources: the venue's pages "Error codes", "Trading endpoints" and "User data streams".
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

import msgspec

from connectors.orderport.binance_spot.account import ROWS_MAX, rows, time_ns
from connectors.orderport.interface import UNREADABLE
from pipelines.gateway.reports import (
    DoubtReport,
    FillReport,
    Kind,
    OrderReport,
    PageReport,
    RefusalReport,
    Report,
    Standing,
)
from schemas.events import OrderExpiry, RejectReason, Side
from schemas.numbers import exact

_SIDES: Final[dict[str, Side]] = {"BUY": "BUY", "SELL": "SELL"}
_STANDINGS: Final[dict[str, Standing]] = {
    "NEW": "OPEN",
    "PENDING_NEW": "OPEN",
    "PARTIALLY_FILLED": "OPEN",
    "PENDING_CANCEL": "OPEN",
    "FILLED": "FILLED",
    "CANCELED": "CANCELED",
    "REJECTED": "REJECTED",
    "EXPIRED": "EXPIRED",
    "EXPIRED_IN_MATCH": "EXPIRED",
}
_UNSURE: Final = {-1000, -1001, -1006, -1007, -1008, -1016}
_CODES: Final[dict[int, RejectReason]] = {
    -1003: "RATE_LIMITED",
    -1015: "RATE_LIMITED",
    -1021: "TIMESTAMP_OUTSIDE_WINDOW",
    -1022: "SIGNATURE_INVALID",
    -1002: "KEY_REFUSED",
    -2014: "KEY_REFUSED",
    -2015: "KEY_REFUSED",
    -2011: "ORDER_UNKNOWN",
    -2013: "ORDER_UNKNOWN",
    -1121: "INSTRUMENT_CLOSED",
}
_TEXTS: Final[tuple[tuple[str, RejectReason], ...]] = (
    ("Duplicate order", "ORDER_DUPLICATE"),
    ("insufficient balance", "BALANCE_INSUFFICIENT"),
    ("immediately match", "POST_ONLY_CROSSED"),
    ("PRICE_FILTER", "PRICE_FILTER"),
    ("PERCENT_PRICE", "PRICE_FILTER"),
    ("LOT_SIZE", "QTY_FILTER"),
    ("NOTIONAL", "NOTIONAL_FILTER"),
    ("MAX_NUM_ORDERS", "RATE_LIMITED"),
    ("Market is closed", "INSTRUMENT_CLOSED"),
)
_decode = msgspec.json.Decoder(float_hook=str).decode
_BROKEN: Final = (*UNREADABLE, AttributeError)


def read_response(venue: str, kind: Kind, status: int, body: bytes) -> list[Report]:
    """See `Reader`."""
    try:
        said = _decode(body)
        if status >= 400:
            return [_error(status, said)]
        if kind == "TRADES":
            return [*(_trade(venue, row) for row in rows(said)), *_page(said, "id")]
        if kind == "CLOSED_ORDERS":
            return [*map(_listed, rows(said)), *_page(said, "orderId")]
        if kind == "OPEN_ORDERS":
            return [*map(_listed, rows(said))]
        return _answer(venue, kind, said)
    except _BROKEN as error:
        return [DoubtReport(f"{status}: {type(error).__name__}", readable=False)]


def read_frame(venue: str, payload: bytes) -> list[Report]:
    """See `Reader`."""
    try:
        event = _decode(payload).get("event")
        if not isinstance(event, dict) or event.get("e") != "executionReport":
            return []
        return _execution(venue, event)
    except _BROKEN:
        return []  # the frame is on the log; reconciliation finds what it would have told


def _error(status: int, said: dict[str, Any]) -> Report:
    """5xx and some codes say that nobody knows; everything else is a refusal."""
    code, text = int(said["code"]), str(said["msg"])
    if status >= 500 or code in _UNSURE:
        return DoubtReport(f"{status} {code} {text}")
    if status == 418:
        return RefusalReport("ACCOUNT_BANNED", str(code), text)
    return RefusalReport(_CODES.get(code) or _by_text(text), str(code), text)


def _by_text(text: str) -> RejectReason:
    """-2010 and -1013 stand for many reasons, told apart by their words."""
    for part, reason in _TEXTS:
        if part in text:
            return reason
    return "VENUE_OTHER"


def _page(said: list[dict[str, Any]], id_: str) -> list[Report]:
    """No more rows than these go into an answer, oldest first."""
    return [PageReport(_id(said[-1][id_]))] if len(said) >= ROWS_MAX else []


def _answer(venue: str, kind: Kind, said: dict[str, Any]) -> list[Report]:
    """To a new order or a cancel. The fills of a new order stand in it; it was open before them."""
    name = said["origClientOrderId"] if kind == "CANCEL" else said["clientOrderId"]
    now = _order(said, name)
    fills: list[Report] = [_fill(venue, said, name, one) for one in rows(said.get("fills", []))]
    if not fills:
        return [now]
    return [now._replace(standing="OPEN", cum_qty=Decimal(0)), *fills, now]


def _listed(said: dict[str, Any]) -> OrderReport:
    return _order(said, said["clientOrderId"])


def _order(said: dict[str, Any], name: str) -> OrderReport:
    stamps = [said[key] for key in ("transactTime", "updateTime") if said.get(key) is not None]
    return OrderReport(
        _text(name),
        _id(said["orderId"]),
        _STANDINGS[said["status"]],
        exact(said["executedQty"]),
        time_ns(stamps[0]) if stamps else None,
        _expiry(said["status"]),
    )


def _expiry(status: str) -> OrderExpiry:
    return "SELF_MATCH" if status == "EXPIRED_IN_MATCH" else "VENUE_DECIDED"


def _fill(venue: str, order: dict[str, Any], name: str, said: dict[str, Any]) -> FillReport:
    """In the answer to a new order: it took what it was filled with."""
    return FillReport(
        name,
        _instrument(venue, order["symbol"]),
        _id(order["orderId"]),
        _id(said["tradeId"]),
        _SIDES[order["side"]],
        exact(said["price"]),
        exact(said["qty"]),
        exact(said["commission"]),
        _text(said["commissionAsset"]),
        "TAKER",
        time_ns(order["transactTime"]),
    )


def _trade(venue: str, said: dict[str, Any]) -> FillReport:
    return FillReport(
        None,
        _instrument(venue, said["symbol"]),
        _id(said["orderId"]),
        _id(said["id"]),
        "BUY" if said["isBuyer"] else "SELL",
        exact(said["price"]),
        exact(said["qty"]),
        exact(said["commission"]),
        _text(said["commissionAsset"]),
        "MAKER" if said["isMaker"] else "TAKER",
        time_ns(said["time"]),
    )


def _execution(venue: str, event: dict[str, Any]) -> list[Report]:
    """`c` is the cancel's own id where the order was canceled, and `C` the order's."""
    name = _text(event["C"] or event["c"])
    now = OrderReport(
        name,
        _id(event["i"]),
        _STANDINGS[event["X"]],
        exact(event["z"]),
        time_ns(event["T"]),
        _expiry(event["X"]),
    )
    if event["x"] != "TRADE":
        return [now]
    fill = FillReport(
        name,
        _instrument(venue, event["s"]),
        _id(event["i"]),
        _id(event["t"]),
        _SIDES[event["S"]],
        exact(event["L"]),
        exact(event["l"]),
        exact(event["n"]),
        _text(event["N"] or ""),
        "MAKER" if event["m"] else "TAKER",
        time_ns(event["T"]),
    )
    return [fill, now]


def _instrument(venue: str, symbol: Any) -> str:
    """Raises `TypeError`."""
    return f"{_text(symbol)}.{venue}"


def _text(said: Any) -> str:
    """Raises `TypeError`."""
    if not isinstance(said, str):
        raise TypeError("no text")
    return said


def _id(said: Any) -> str:
    """A number at this venue. Raises `TypeError`."""
    return str(said) if type(said) is int else _text(said)
