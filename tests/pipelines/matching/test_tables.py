"""Matching worked by hand: every line's outcome was written down from the rules, not from a run."""

from __future__ import annotations

from decimal import Decimal

import pytest

from pipelines.matching.amounts import text
from pipelines.matching.exchange import step
from pipelines.matching.model import OrderRefused, PlaceOrder, Transfer
from pipelines.matching.state import Exchange
from tests.pipelines.matching.script import BTCUSDT, Script, rich

MARKET = "book 99x2 98x5 | 101x3 102x4"

TABLES = {
    "a passive order waits for the volume ahead of it": """
        A BUY 1 @ 99          -> 1 rests behind 2
        print SELL 1.5 @ 99   ->
        print BUY 9 @ 99      ->
        print SELL 1 @ 99     -> 1 maker 0.5 @ 99
        print SELL 0.2 @ 98   -> 1 maker 0.2 @ 99
        print SELL 9 @ 98     -> 1 maker 0.3 @ 99
        print SELL 9 @ 98     ->
    """,
    "volume that is taken off the book does not move it up": """
        A BUY 1 @ 99          -> 1 rests behind 2
        depth 99x0.5 |        ->
        print SELL 1.5 @ 99   ->
        print SELL 1 @ 99     -> 1 maker 0.5 @ 99
    """,
    "a print through it, whoever took, fills it up to the print's volume": """
        A SELL 2 @ 102        -> 1 rests behind 4
        print BUY 0.5 @ 102.5 -> 1 maker 0.5 @ 102
        print SELL 1 @ 103    -> 1 maker 1.0 @ 102
        print BUY 0.5 @ 102   -> 1 maker 0.5 @ 102
    """,
    "a print's volume is handed out once, by price, then time": """
        A BUY 1 @ 98          -> 1 rests behind 5
        B BUY 1 @ 99          -> 2 rests behind 2
        C BUY 1 @ 100         -> 3 rests behind 0
        D BUY 1 @ 100         -> 4 rests behind 0
        print SELL 3.5 @ 99   -> 3 maker 1 @ 100, 4 maker 1 @ 100
        print SELL 1 @ 99     -> 2 maker 0.5 @ 99
        print SELL 9 @ 98     -> 2 maker 0.5 @ 99, 1 maker 1 @ 98
    """,
    "inside the quote nothing is ahead": """
        quote 99x2 | 101x3    ->
        A BUY 1 @ 100         -> 1 rests behind 0
    """,
    "behind the last snapshot a place is not known, and only a print through it fills": """
        A BUY 1 @ 97          -> 1 rests behind ?
        print SELL 9 @ 97     ->
        print SELL 0.5 @ 96.5 -> 1 maker 0.5 @ 97
        depth 99x1 |          ->
        print SELL 9 @ 97     -> 1 maker 0.5 @ 97
        A SELL 1 @ 103        -> 2 rests behind ?
        book 99x1 | 101x3     ->
        A SELL 1 @ 102        -> 3 rests behind ?
        depth | 103x2         ->
        print BUY 3 @ 103     -> 3 maker 1 @ 102
        print BUY 1 @ 103     -> 2 maker 1 @ 103
    """,
    "a level that depth names is known, until a snapshot that ends before it": """
        depth 96x3 |          ->
        A BUY 1 @ 96          -> 1 rests behind 3
        A BUY 1 @ 97          -> 2 rests behind ?
        book 99x2 | 101x3     ->
        A BUY 1 @ 96          -> 3 rests behind ?
    """,
    "how far the best price went is known, by depth or by quotes": """
        depth 99x0 98x0 96x1 | 103x1 101x0 102x0 ->
        depth 98x2 | 101x1    ->
        A BUY 1 @ 97          -> 1 rests behind 0
        A BUY 1 @ 95          -> 2 rests behind ?
        quote 94x1 | 105x1    ->
        quote 98x1 | 101x1    ->
        A BUY 1 @ 95.5        -> 3 rests behind 0
        A SELL 1 @ 104        -> 4 rests behind 0
        A SELL 1 @ 106        -> 5 rests behind ?
    """,
    "the displayed depth is walked and stays consumed": """
        A BUY 4               -> 1 taker 3 @ 101, 1 taker 1 @ 102
        A BUY 4 @ 102 IOC     -> 2 taker 3 @ 102, 2 EXPIRED
        A BUY 1               -> 3 EXPIRED
        depth | 102x4         ->
        A BUY 1               -> 4 taker 1 @ 102
        quote 99x2 | 101x0.5  ->
        A BUY 1               -> 5 taker 0.5 @ 101, 5 taker 0.5 @ 102
    """,
    "a quote that repeats a side is no news of it": """
        quote 99x2 | 101x3    ->
        A BUY 3               -> 1 taker 3 @ 101
        quote 99x1 | 101x3    ->
        A BUY 1               -> 2 taker 1 @ 102
    """,
    "a limit order takes what its limit allows and rests with what is left": """
        A BUY 5 @ 101         -> 1 rests behind 0, 1 taker 3 @ 101
        print SELL 0.5 @ 101  -> 1 maker 0.5 @ 101
        cancel 1              -> 1 CANCELED
        cancel 1              -> UNKNOWN_ORDER
    """,
    "fill or kill": """
        A BUY 8 @ 102 FOK     -> 1 EXPIRED
        A BUY 7 @ 102 FOK     -> 2 taker 3 @ 101, 2 taker 4 @ 102
    """,
    "post-only": """
        A BUY 1 @ 101 POST    -> WOULD_TAKE
        A BUY 1 @ 100.5 POST  -> 1 rests behind 0
        B SELL 1 @ 100.5 POST -> WOULD_TAKE
    """,
    "a market order by quote quantity buys whole lots": """
        A BUY quote 420       -> 1 taker 3 @ 101, 1 taker 1.1 @ 102
        A SELL quote 100      -> 2 taker 1.0 @ 99
    """,
    "a market order by quote quantity that finds too little expires": """
        A BUY quote 1000      -> 1 taker 3 @ 101, 1 taker 4 @ 102, 1 EXPIRED
        A SELL quote 1000     -> 2 taker 2 @ 99, 2 taker 5 @ 98, 2 EXPIRED
        A SELL quote 1000     -> 3 EXPIRED
    """,
    "accounts meet each other: the resting order after what is ahead of it": """
        A SELL 1 @ 101        -> 1 rests behind 3
        B SELL 1 @ 100        -> 2 rests behind 0
        C BUY 1.5 @ 101       -> 2 maker 1 @ 100, 3 taker 1 @ 100, 3 taker 0.5 @ 101
        C BUY 3 @ 101         -> 4 taker 2.5 @ 101, 1 maker 0.5 @ 101, 4 taker 0.5 @ 101
    """,
    "consumed volume moves the orders behind it up": """
        A SELL 1 @ 101        -> 1 rests behind 3
        B BUY 2 @ 101 IOC     -> 2 taker 2 @ 101
        print BUY 1.5 @ 101   -> 1 maker 0.5 @ 101
    """,
    "self-trade prevention: the maker expires, and the taker goes on": """
        A SELL 1 @ 100        -> 1 rests behind 0
        A BUY 1 @ 101         -> 1 EXPIRED_IN_MATCH, 2 taker 1 @ 101
    """,
    "self-trade prevention: the taker expires": """
        A SELL 1 @ 100        -> 1 rests behind 0
        A BUY 1 @ 101 EXPIRE_TAKER -> 2 EXPIRED_IN_MATCH
    """,
    "self-trade prevention: both expire": """
        A SELL 1 @ 101        -> 1 rests behind 3
        A BUY 4 @ 101 EXPIRE_BOTH -> 2 taker 3 @ 101, 1 EXPIRED_IN_MATCH, 2 EXPIRED_IN_MATCH
    """,
    "self-trade allowed": """
        A SELL 1 @ 100        -> 1 rests behind 0
        A BUY 1 @ 100 NONE    -> 1 maker 1 @ 100, 2 taker 1 @ 100
    """,
    "filters": """
        A BUY 1 @ 99.3        -> PRICE_FILTER
        A BUY 0.15 @ 99       -> LOT_SIZE
        A BUY 0.1 @ 99        -> NOTIONAL
        A BUY 0.1             -> NOTIONAL
        A BUY 200             -> MARKET_LOT_SIZE
        A BUY 1 @ 600         -> PERCENT_PRICE_BY_SIDE
        A SELL 1 @ 10         -> PERCENT_PRICE_BY_SIDE
        P BUY 1 @ 99          -> INSUFFICIENT_BALANCE
        P SELL 1              -> INSUFFICIENT_BALANCE
    """,
    "a quote takes what was better off the book": """
        quote 99x2 | 101x3    ->
        quote 98x5 | 102x1    ->
        A BUY 2 @ 102 IOC     -> 1 taker 1 @ 102, 1 EXPIRED
        A SELL 1 @ 99 IOC     -> 2 EXPIRED
    """,
}


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES.keys())
def test_worked_by_hand(table: str) -> None:
    script = Script(rich("A", "B", "C", "D"))
    assert script.play(MARKET) == ""
    for number, line in enumerate(table.strip().splitlines(), start=1):
        done, _, expected = line.partition("->")
        got = script.play(done.strip())
        assert _same(got, expected.strip()), f"line {number}: {line.strip()}, came {got}"


def _same(got: str, expected: str) -> bool:
    return [*map(_value, got.split())] == [*map(_value, expected.split())]


def _value(word: str) -> str | Decimal:
    return Decimal(word.rstrip(",")) if word[0].isdigit() else word


def test_before_a_snapshot_a_place_behind_the_quote_is_unknown() -> None:
    script = Script(rich("A"))
    script.play("quote 99x2 | 101x3")
    assert script.play("A BUY 1 @ 98") == "1 rests behind ?"
    assert script.play("print SELL 100 @ 98") == ""
    script.play("book 99x2 98x5 | 101x3")
    assert script.exchange.orders[1].ahead_qty == 5
    assert script.play("print SELL 5.1 @ 98") == "1 maker 0.1 @ 98"


def test_at_an_assumed_touch_a_place_is_unknown() -> None:
    script = Script(rich("A"))
    script.play("assume 99x2 | 101x3")
    assert script.play("A BUY 1 @ 99") == "1 rests behind ?"
    assert script.play("A BUY 1 @ 100") == "2 rests behind ?"
    script.play("assume 99x1 | 101x3")
    assert script.play("print SELL 9 @ 100") == ""
    assert script.play("print SELL 1 @ 99") == "2 maker 1.0 @ 100"
    assert script.play("A BUY 1 @ 101 IOC") == "3 taker 1 @ 101"
    script.play("quote 99x1 | 101x3")
    assert script.exchange.orders[1].ahead_qty == 1


def test_open_orders_are_counted_for_each_symbol() -> None:
    one = BTCUSDT._replace(open_orders_max=2)
    exchange = Exchange([one, one._replace(symbol="ETHUSDT", base="ETH")])
    step(exchange, Transfer("A", "USDT", Decimal(1_000)), 0)

    def place(symbol: str, number: int) -> None:
        px, qty = Decimal(99), Decimal(1)
        order = PlaceOrder("A", symbol, f"c{number}", "BUY", "LIMIT", "GTC", px, qty)
        step(exchange, order, 0)

    for number, symbol in enumerate(["BTCUSDT", "BTCUSDT", "ETHUSDT", "ETHUSDT"]):
        place(symbol, number)
    for symbol in ("BTCUSDT", "ETHUSDT"):
        with pytest.raises(OrderRefused, match="MAX_NUM_ORDERS"):
            place(symbol, 4)


def test_fees_are_cut_from_what_is_received() -> None:
    script = Script(rich("A"))
    script.play(MARKET)
    script.play("A BUY 1.1 @ 101 IOC")
    script.play("A SELL 1 @ 101")
    script.play("print BUY 9 @ 102")
    base, quote = (script.exchange.balances["A"][asset] for asset in ("BTC", "USDT"))
    # 1.1 bought as taker at 0.2 %; 1 sold as maker at 0.1 %
    assert text(base.free) == "1000000.09780000"
    assert text(quote.free) == "999989.79900000"
    assert not base.locked
    assert not quote.locked


def test_a_better_price_gives_the_rest_of_the_reservation_back() -> None:
    script = Script(rich("A"))
    script.play(MARKET)
    script.play("A BUY 5 @ 110")  # all that is asked for below 110 costs 3 * 101 + 2 * 102
    quote = script.exchange.balances["A"]["USDT"]
    assert quote.free == 1_000_000 - 507
    assert not quote.locked


def test_older_depth_says_nothing_about_a_newer_quote() -> None:
    script = Script(rich("A"))
    script.play(MARKET)
    script.sequence = 10
    script.play("quote 98x5 | 100x1")
    script.sequence = 5
    script.play("depth 99x7 97x1 | 99.5x8 103x2")
    assert script.play("A BUY 2 @ 100 IOC") == "1 taker 1.0 @ 100, 1 EXPIRED"
    assert script.play("A SELL 7 @ 97 IOC") == "2 taker 5.0 @ 98, 2 taker 1.0 @ 97, 2 EXPIRED"


def test_a_quote_older_than_the_depth_is_passed_over() -> None:
    script = Script(rich("A"))
    script.sequence = 10
    script.play(MARKET)
    script.sequence = 5
    script.play("quote 98x5 | 100x1")
    assert script.play("A BUY 1 @ 101 IOC") == "1 taker 1 @ 101"
