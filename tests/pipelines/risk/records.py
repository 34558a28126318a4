"""Random records for risk: what two accounts, two strategies and the desk may write."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from pipelines.logic import Input, Position
from schemas.events import (
    ClockTick,
    MarkPublished,
    PositionAdjusted,
    TradingHalted,
    TradingReduced,
    TradingResumed,
    TransferAnnounced,
)
from tests.pipelines.orders.events import KINDS, event
from tests.pipelines.risk.rig import INSTRUMENT, LIMITS, OTHER, START_MS, VENUE, limits_of, request

ACCOUNTS, STRATEGIES = ("sim-1", "sim-2"), ("ema", "s2")
TOPICS = {
    "control": "ops.control.v1",
    "recon": "recon.control.v1",
    "event": "oms.order-event.v1",
    "mark": "md.mark.v1",
    "clock": "ops.clock.v1",
    "request": "oms.order-request.v1",
}
TIGHT = {
    **LIMITS,
    "ORDERS_OPEN_MAX": "2",
    "ORDERS_PER_SECOND_MAX": "5",
    "EXPOSURE_GROSS_MAX": "3000",
    "DUPLICATE_WINDOW_MS": "2",
    "LOSS_DRAWDOWN_MAX": "50",
}
CONTROLLED = ("OPERATOR", "ada", "why", None, 7)
quantities = st.sampled_from(["0.5", "1", "2.25", "7", "30"])
prices = st.sampled_from(["99", "99.5", "100", "100.5", "101", "103"])
names = st.integers(0, 9).map(str)
accounts, strategies = st.sampled_from(ACCOUNTS), st.sampled_from(STRATEGIES)
assets = st.sampled_from(["USDT", "BTC", "BNB"])
scopes = st.tuples(
    st.none() | accounts, st.none() | strategies, st.sampled_from([None, INSTRUMENT])
)


@st.composite
def requests(draw: st.DrawFn) -> tuple[str, Any]:
    account, strategy = draw(accounts), draw(strategies)
    side, price = draw(st.sampled_from(["BUY", "SELL"])), draw(st.none() | prices)
    made = request(f"{account}.{draw(names)}", side, draw(quantities), price)
    return "request", made._replace(account=account, strategy=strategy)


@st.composite
def order_events(draw: st.DrawFn) -> tuple[str, Any]:
    account = draw(accounts)
    made = event(
        draw(st.sampled_from([*KINDS, "OrderFilled", "OrderFilled", "GatewayReady"])),
        account=account,
        strategy=draw(strategies),
        cl_ord_id=f"{account}.{draw(names)}",
        side=draw(st.sampled_from(["BUY", "SELL"])),
        last_qty=Decimal(draw(quantities)),
        last_px=Decimal(draw(prices)),
        cum_qty=Decimal(draw(st.sampled_from(["0", "1", "7"]))),
        trade_id=draw(names),
        comm_currency=draw(assets),
        commission=Decimal(draw(st.sampled_from(["0", "0.001", "-0.002"]))),
        resolution=draw(st.sampled_from(["OPEN", "ABSENT", "CANCELED"])),
    )
    return "event", made


@st.composite
def cancels(draw: st.DrawFn) -> tuple[str, Any]:
    account = draw(accounts)
    order = f"{account}.{draw(names)}"
    made = event("CancelRequested", account=account, strategy=draw(strategies), cl_ord_id=order)
    return "request", made


@st.composite
def marks(draw: st.DrawFn) -> tuple[str, Any]:
    px, name = Decimal(draw(prices)), draw(st.sampled_from([INSTRUMENT, OTHER]))
    return "mark", MarkPublished(VENUE, name, px, px, px, None, 0)


@st.composite
def controls(draw: st.DrawFn) -> tuple[str, Any]:
    scope: Any = draw(scopes)
    why: Any = CONTROLLED
    kind = draw(st.integers(0, 4))
    if kind == 0:
        why = (draw(st.booleans()), *why)
        return "control", TradingHalted(*scope, *why)
    if kind == 1:
        return "control", TradingReduced(*scope, *why)
    if kind == 2:
        return "control", limits_of(TIGHT, draw(st.integers(2, 4)))
    return "control", TradingResumed(*scope, *why)


@st.composite
def corrections(draw: st.DrawFn) -> tuple[str, Any]:
    account, qty, told = draw(accounts), Decimal(draw(quantities)), ("ada", "", "", 0)
    if draw(st.booleans()):
        money = Decimal(draw(st.sampled_from(["1000", "-200"])))
        return "control", TransferAnnounced(draw(names), account, VENUE, "USDT", money, *told)
    price = draw(st.none() | prices.map(Decimal))
    place = (account, draw(strategies), VENUE, INSTRUMENT)
    return "control", PositionAdjusted(f"a{draw(names)}", *place, qty, price, *told)


ticks = st.just(("clock", None))
body = st.lists(
    st.one_of(
        requests(),
        requests(),
        requests(),
        order_events(),
        marks(),
        ticks,
        cancels(),
        controls(),
        corrections(),
    ),
    max_size=60,
)
STEPS_MS = [*[1] * 20, 0, 0, 300, 2_000, 40_000_000]
steps_ms = st.lists(st.sampled_from(STEPS_MS), min_size=80, max_size=80)


def beginning() -> list[tuple[str, Any]]:
    """A desk that may trade on both accounts."""
    money = Decimal(5000)
    return [
        ("control", limits_of(TIGHT)),
        *(("event", event("GatewayReady", account=account)) for account in ACCOUNTS),
        *(
            ("control", TransferAnnounced(f"b{a}", a, VENUE, "USDT", money, "", "", "", 0))
            for a in ACCOUNTS
        ),
        ("clock", None),
        ("mark", MarkPublished(VENUE, INSTRUMENT, *(Decimal(100),) * 3, None, 0)),
    ]


def timed(kind: str, item: Any, now_ns: int) -> Any:
    if kind == "clock":
        return ClockTick(now_ns)
    return item._replace(ts_recv_ns=now_ns) if kind == "mark" else item


def placed(items: list[tuple[str, Any]], steps: list[int]) -> list[Input]:
    """The records in order of log time; those of an account lie in a partition of its own."""
    now_ms, ends, inputs = START_MS, dict[tuple[str, int], int](), list[Input]()
    for (kind, given), step in zip(items, steps, strict=False):
        now_ms += step
        item = timed(kind, given, now_ms * 1_000_000)
        topic, account = TOPICS[kind], getattr(item, "account", None)
        partition = ACCOUNTS.index(account) if kind in ("event", "request") else 0
        offset = ends.get((topic, partition), 0)
        ends[topic, partition] = offset + 1
        key = str(account or "").encode()
        inputs.append(Input(Position(topic, partition, offset), now_ms, key, item))
    return inputs


histories = st.builds(lambda items, steps: placed(beginning() + items, steps), body, steps_ms)
