"""What holds for every sequence of requests and market events.

1. A world of three accounts is drawn: orders of all kinds, cancels, depth, quotes and prints.
2. It is played; after each line the exchange is compared with what its events alone say.
3. The same lines give the same events in a second exchange; the events alone restore the first.
"""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.matching.latency import Latency
from pipelines.matching.model import Event, OrderAdded, OrderEnded, OrderTraded, Transferred
from pipelines.matching.state import Exchange, evolve, reopen
from tests.pipelines.matching.script import BTCUSDT, FEES, Script, rich

START = Decimal(1_000_000)
ACCOUNTS = st.sampled_from("AAB")
SIDES = st.sampled_from(["BUY", "SELL"])
QTY = st.integers(1, 60).map(lambda tenths: Decimal(tenths) / 10)
PX = st.integers(190, 210).map(lambda halves: Decimal(halves) / 2)
KINDS = st.sampled_from(["", "", "IOC", "FOK", "POST", "EXPIRE_TAKER", "EXPIRE_BOTH", "NONE"])


def _levels(sign: int) -> st.SearchStrategy[str]:
    prices = st.integers(0, 10).map(lambda at: Decimal(200 + sign * (1 + at)) / 2)
    level = st.builds(lambda px, qty: f"{px}x{qty}", prices, st.one_of(QTY, st.just(Decimal(0))))
    return st.lists(level, min_size=1, max_size=6).map(" ".join)


LINES = st.one_of(
    st.builds(lambda a, s, q, p, k: f"{a} {s} {q} @ {p} {k}", ACCOUNTS, SIDES, QTY, PX, KINDS),
    st.builds(lambda a, s, q: f"{a} {s} {q}", ACCOUNTS, SIDES, QTY),
    st.builds(lambda a, s, q: f"{a} {s} quote {q * 50}", ACCOUNTS, SIDES, QTY),
    st.integers(1, 12).map(lambda number: f"cancel {number}"),
    st.builds(lambda s, q, p: f"print {s} {q} @ {p}", SIDES, QTY, PX),
    st.builds(lambda b, a: f"depth {b} | {a}", _levels(-1), _levels(1)),
    st.builds(lambda b, a: f"book {b} | {a}", _levels(-1), _levels(1)),
    st.builds(lambda q, r: f"quote 99.5x{q} | 100.5x{r}", QTY, QTY),
)


def play(lines: list[str]) -> Script:
    script = Script(rich("A", "B"))
    for line in lines:
        words = line.split()
        if words[0] != "cancel" or int(words[1]) in script.exchange.orders:
            script.play(line)
    return script


@given(st.lists(LINES, max_size=40))
def test_money_and_quantities_are_conserved(lines: list[str]) -> None:
    script = play(lines)
    filled, owed = (
        defaultdict[int, Decimal](Decimal),
        defaultdict[tuple[str, str], Decimal](Decimal),
    )
    for event in script.events:
        if isinstance(event, OrderTraded):
            _book(event, script.exchange, filled, owed)
    for order in script.exchange.orders.values():
        assert order.cum_qty == filled[order.order_id] <= order.order_qty
        assert order.open == order.working
        assert (order.status == "FILLED") == (order.cum_qty == order.order_qty > 0)
    for account in "AB":
        for asset in ("BTC", "USDT"):
            balance = script.exchange.balances[account][asset]
            assert balance.free + balance.locked == START + owed[account, asset]
            assert balance.free >= 0
            assert balance.locked == _reserved(script.exchange, account, asset)


def _book(
    event: OrderTraded,
    exchange: Exchange,
    filled: dict[int, Decimal],
    owed: dict[tuple[str, str], Decimal],
) -> None:
    order = exchange.orders[event.order_id]
    sign = 1 if order.side == "BUY" else -1
    limit = order.price or event.last_px
    assert (limit - event.last_px) * sign >= 0, "worse than its limit"
    filled[event.order_id] += event.last_qty
    owed[order.account, "BTC"] += sign * event.last_qty
    owed[order.account, "USDT"] -= sign * event.last_qty * event.last_px
    owed[order.account, event.commission_asset] -= event.commission


def _reserved(exchange: Exchange, account: str, asset: str) -> Decimal:
    side = "BUY" if asset == "USDT" else "SELL"
    mine = [one for one in exchange.open_orders(account) if one.side == side]
    return sum(((one.leaves_qty * (one.price if side == "BUY" else 1)) for one in mine), Decimal(0))


@given(st.lists(LINES, max_size=40))
def test_no_market_volume_trades_twice(lines: list[str]) -> None:
    """A print gives at most its volume; depth, at most what is displayed and not taken."""
    script = Script(rich("A", "B"))
    for line in lines:
        words, before = line.split(), len(script.events)
        if words[0] == "cancel":
            continue
        book = script.exchange.books["BTCUSDT"].depth
        left = {side: sum(map(levels.left, levels.prices())) for side, levels in book.sides.items()}
        script.play(line)
        new = [one for one in script.events[before:] if isinstance(one, OrderTraded)]
        if words[0] == "print":
            assert sum(one.last_qty for one in new) <= Decimal(words[2])
        taken = sum(one.last_qty for one in new if one.from_depth)
        assert taken <= left["SELL" if words[1] == "BUY" else "BUY"]


@given(st.lists(LINES, max_size=40))
def test_same_inputs_same_outputs_and_the_events_restore_it(lines: list[str]) -> None:
    script = play(lines)
    assert _bytes(play(lines).events) == _bytes(script.events)
    funds: list[Event] = [
        Transferred(account, asset, START, 0) for account in "AB" for asset in ("BTC", "USDT")
    ]
    events = msgspec.json.decode(
        _bytes([*funds, *script.events]),
        type=list[OrderAdded | OrderTraded | OrderEnded | Transferred],
    )
    again = Exchange([BTCUSDT], FEES)
    for event in events:
        evolve(again, event)
    reopen(again)
    assert _state(again) == _state(script.exchange)


def _bytes(events: list[Event]) -> bytes:
    return msgspec.json.encode(events)


def _state(exchange: Exchange) -> tuple[object, ...]:
    orders = [msgspec.structs.replace(order, ahead_qty=None) for order in exchange.orders.values()]
    held = {
        (account, asset): (balance.free, balance.locked)
        for account, assets in exchange.balances.items()
        for asset, balance in assets.items()
        if balance.free or balance.locked
    }
    resting = {
        side: [one.order_id for one in queue]
        for side, queue in exchange.books["BTCUSDT"].queues.items()
    }
    return orders, held, resting, exchange.next_order_id, exchange.books["BTCUSDT"].next_trade_id


@pytest.mark.parametrize("leg", ["order", "cancel", "report"])
def test_latency_is_a_function_of_seed_leg_and_number(leg: str) -> None:
    latency = Latency(order_ns=5, cancel_ns=5, report_ns=5, jitter_ns=1000, seed=7)
    drawn = [latency.delay_ns(leg, number) for number in range(50)]  # type: ignore[arg-type]
    assert drawn == [latency.delay_ns(leg, number) for number in range(50)]  # type: ignore[arg-type]
    assert all(5 <= one < 1005 for one in drawn)
    assert len(set(drawn)) > 25
    other = latency._replace(seed=8)
    assert drawn != [other.delay_ns(leg, number) for number in range(50)]  # type: ignore[arg-type]
