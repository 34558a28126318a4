"""Matching in the words of the domain: a line is an input, `->` what must come of it.

    book 99x2 98x5 | 101x3 102x4      a depth snapshot: bids, asks
    depth 99x0 | 103x1                a depth message
    quote 99x2 | 101x3
    assume 99x2 | 101x3               a touch that nobody displayed
    print SELL 1.5 @ 99               a public trade; SELL: the seller took
    A BUY 1 @ 99 [IOC|FOK|POST] [STP] -> 1 rests behind 2
    A BUY 4 | A BUY quote 400         a market order by base or quote quantity
    cancel 1                          -> 1 CANCELED

An order's number is its id. Outcomes, by comma: `1 rests behind 2` (or `?`), `1 maker 0.5 @ 99`,
`1 taker ...`, `1 STATUS`, a refusal's reason, or nothing.
"""

from __future__ import annotations

from decimal import Decimal

from pipelines.exact import ZERO
from pipelines.matching.exchange import assume, hear, step
from pipelines.matching.model import (
    CancelOrder,
    Event,
    Fees,
    Instrument,
    OrderAdded,
    OrderEnded,
    OrderRefused,
    OrderTraded,
    PlaceOrder,
    Transfer,
)
from pipelines.matching.state import Exchange, Market
from schemas.events import BookChanged, QuoteChanged, Side, TradePrinted

BTCUSDT = Instrument(
    "BTCUSDT", "BTC", "USDT", Decimal("0.5"), Decimal("0.1"), notional_min=Decimal(10)
)
FEES = Fees(Decimal("0.001"), Decimal("0.002"))
NAME = ("BINANCE", "BTCUSDT.BINANCE")


def rich(*accounts: str, instrument: Instrument = BTCUSDT, fees: Fees = FEES) -> Exchange:
    """An exchange at which every account has plenty."""
    exchange = Exchange([instrument], fees)
    for account in accounts:
        for asset in (instrument.base, instrument.quote):
            step(exchange, Transfer(account, asset, Decimal(1_000_000)), 0)
    return exchange


class Script:
    """Plays lines on an exchange; `play` gives what came of each."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange, self.now_ns, self.sequence = exchange, 0, 0
        self.events: list[Event] = []

    def play(self, line: str) -> str:
        self.now_ns += 1
        words = line.split()
        try:
            if words[0] == "assume":
                quote = self.market(["quote", *words[1:]])
                assert isinstance(quote, QuoteChanged)
                assume(self.exchange, quote, "BTCUSDT")
                return ""
            if words[0] in ("book", "depth", "quote", "print"):
                found = hear(self.exchange, self.market(words), "BTCUSDT", self.now_ns)
            elif words[0] == "cancel":
                owner = self.exchange.orders[int(words[1])].account
                found = step(self.exchange, CancelOrder(owner, int(words[1])), self.now_ns)
            else:
                found = step(self.exchange, self.order(words), self.now_ns)
        except OrderRefused as refused:
            return refused.reason
        self.events += found
        return ", ".join(filter(None, map(self.say, found)))

    def market(self, words: list[str]) -> Market:
        self.sequence += 1
        if words[0] == "print":
            side: Side = "BUY" if words[1] == "BUY" else "SELL"
            px, qty = Decimal(words[4]), Decimal(words[2])
            return TradePrinted(*NAME, str(self.sequence), side, px, qty, None, 0, "A")
        cut = words.index("|")
        bids, asks = _levels(words[1:cut]), _levels(words[cut + 1 :])
        if words[0] == "quote":
            (bid,), (ask,) = zip(*bids, strict=True), zip(*asks, strict=True)
            return QuoteChanged(*NAME, self.sequence, *bid, *ask, None, 0, "A")
        whole, number = words[0] == "book", self.sequence
        return BookChanged(*NAME, whole, number, number, None, *bids, *asks, None, 0, "A")

    def order(self, words: list[str]) -> PlaceOrder:
        account, side, *rest = words
        quote = Decimal(rest.pop(1)) if rest[0] == "quote" else ZERO
        qty = ZERO if rest.pop(0) == "quote" else Decimal(words[2])
        price = Decimal(rest[1]) if rest[:1] == ["@"] else ZERO
        kind = ("LIMIT_MAKER" if "POST" in rest else "LIMIT") if price else "MARKET"
        tif = next((one for one in ("IOC", "FOK") if one in rest), "GTC")
        stp = next((one for one in rest if one.startswith(("EXPIRE", "NONE"))), "EXPIRE_MAKER")
        return PlaceOrder(
            account,
            "BTCUSDT",
            f"c{self.exchange.next_order_id}",
            "BUY" if side == "BUY" else "SELL",
            kind,  # type: ignore[arg-type]
            tif,  # type: ignore[arg-type]
            price,
            qty,
            quote,
            stp,  # type: ignore[arg-type]
        )

    def say(self, event: Event) -> str:
        if isinstance(event, OrderTraded):
            role = "maker" if event.maker else "taker"
            return f"{event.order_id} {role} {event.last_qty:f} @ {event.last_px:f}"
        if isinstance(event, OrderEnded):
            return f"{event.order_id} {event.status}"
        if isinstance(event, OrderAdded):
            now = self.exchange.orders[event.order.order_id]
            ahead = "?" if now.ahead_qty is None else f"{now.ahead_qty:f}"
            return f"{now.order_id} rests behind {ahead}" if now.working else ""
        return ""


def _levels(words: list[str]) -> tuple[tuple[Decimal, ...], tuple[Decimal, ...]]:
    pairs = [word.split("x") for word in words]
    return tuple(Decimal(px) for px, _ in pairs), tuple(Decimal(qty) for _, qty in pairs)
