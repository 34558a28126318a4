"""Public methods: time, rules, and the market as it is displayed."""

from __future__ import annotations

import json
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Final

from connectors.simulated.calls import Call, Desk, Method, symbol_of
from connectors.simulated.errors import Refusal, illegal
from connectors.simulated.parameters import Parameters
from connectors.simulated.render import MS, Json
from connectors.simulated.rules import instrument_form
from pipelines.exact import ZERO
from pipelines.matching.amounts import text
from pipelines.matching.depth import Levels

LEVELS: Final = 100
LEVELS_MAX: Final = 5_000


async def ping(desk: Desk, call: Call) -> Json:
    """GET ping."""
    return {}


async def time(desk: Desk, call: Call) -> Json:
    """GET time."""
    return {"serverTime": desk.venue.now_ns() // MS}


async def exchange_info(desk: Desk, call: Call) -> Json:
    """GET exchangeInfo, of one symbol, some, or all."""
    books = desk.venue.exchange.books
    symbols = _symbols(desk, call.parameters) or list(books)
    call.parameters.all_read("permissions", "showPermissionSets", "symbolStatus")
    return {
        "timezone": "UTC",
        "serverTime": desk.venue.now_ns() // MS,
        "rateLimits": desk.limits.all(),
        "exchangeFilters": [],
        "symbols": [instrument_form(books[one].instrument) for one in symbols],
    }


async def depth(desk: Desk, call: Call) -> Json:
    """GET depth: as displayed, without simulated orders and with what they took."""
    book = desk.venue.exchange.books[symbol_of(desk, call.parameters)]
    limit = call.parameters.integer("limit") or LEVELS
    call.parameters.all_read("symbolStatus")
    limit = min(limit, LEVELS_MAX)
    sides = book.depth.sides
    return {
        "lastUpdateId": max(0, book.depth.sequence),
        "bids": _levels(sides["BUY"], limit),
        "asks": _levels(sides["SELL"], limit),
    }


async def book_ticker(desk: Desk, call: Call) -> Json | list[Json]:
    """GET ticker/bookTicker."""
    return _each(desk, call, lambda symbol: _quote(desk, symbol))


async def price(desk: Desk, call: Call) -> Json | list[Json]:
    """GET ticker/price: of the last trade."""
    books = desk.venue.exchange.books
    return _each(
        desk,
        call,
        lambda symbol: {"symbol": symbol, "price": text(books[symbol].depth.last_px or ZERO)},
    )


def _each(desk: Desk, call: Call, form: Any) -> Json | list[Json]:
    symbols = _symbols(desk, call.parameters)
    call.parameters.all_read("symbolStatus")
    if symbols and "symbol" in call.parameters.sent:
        found: Json = form(symbols[0])
        return found
    return [form(symbol) for symbol in symbols or desk.venue.exchange.books]


def _quote(desk: Desk, symbol: str) -> Json:
    sides = desk.venue.exchange.books[symbol].depth.sides
    bid, ask = sides["BUY"], sides["SELL"]
    bid_px, ask_px = bid.best() or ZERO, ask.best() or ZERO
    return {
        "symbol": symbol,
        "bidPrice": text(bid_px),
        "bidQty": text(bid.shown(bid_px)),
        "askPrice": text(ask_px),
        "askQty": text(ask.shown(ask_px)),
    }


def _levels(levels: Levels, limit: int) -> list[list[str]]:
    prices: Iterable[Decimal] = levels.prices()
    return [[text(px), text(levels.shown(px))] for px, _ in zip(prices, range(limit), strict=False)]


def _symbols(desk: Desk, sent: Parameters) -> list[str]:
    """What `symbol` or `symbols` name. Raises -1100, -1121."""
    if sent.text("symbol"):
        return [symbol_of(desk, sent)]
    several = sent.text("symbols")
    if several is None:
        return []
    try:
        names = json.loads(several)
    except ValueError:
        names = None
    if not isinstance(names, list):
        raise illegal("symbols", '^\\["[A-Z0-9]{1,20}"(,"[A-Z0-9]{1,20}")*\\]$')
    if not all(isinstance(one, str) and one in desk.venue.exchange.books for one in names):
        raise Refusal(-1121, "Invalid symbol.")
    return names


def _depth_weight(sent: Parameters) -> int:
    limit = sent.integer("limit") or LEVELS
    return next(
        (weight for most, weight in ((100, 5), (500, 25), (1000, 50)) if limit <= most), 250
    )


def _ticker_weight(sent: Parameters) -> int:
    return 2 if sent.text("symbol") else 4


METHODS: Final = (
    Method("GET", "/api/v3/ping", ping, socket="ping"),
    Method("GET", "/api/v3/time", time, socket="time"),
    Method("GET", "/api/v3/exchangeInfo", exchange_info, 20, socket="exchangeInfo"),
    Method("GET", "/api/v3/depth", depth, _depth_weight, socket="depth"),
    Method("GET", "/api/v3/ticker/bookTicker", book_ticker, _ticker_weight, socket="ticker.book"),
    Method("GET", "/api/v3/ticker/price", price, _ticker_weight, socket="ticker.price"),
)
