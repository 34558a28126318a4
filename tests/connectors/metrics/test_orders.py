"""Figures of an order, from its request to its fill, and of what is refused on the way."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from connectors.gateway.figures import slippage
from connectors.metrics.kinds import REGISTRY
from connectors.metrics.orders import SENT_MAX, Figures, Sent, begin
from schemas.events import (
    DeadLettered,
    FeedGapped,
    OrderAccepted,
    OrderDenied,
    OrderFilled,
    OrderRejected,
    OrderSubmitting,
    TargetChanged,
    VenueRequestFailed,
    VenueRequestSent,
    VenueResponseReceived,
)
from tests.connectors.metrics.made import made

MS = 1_000_000
UNKNOWN = "trading_order_outcomes_unknown_total"
ABOUT = {"account": "m-1", "cl_ord_id": "c1", "instrument": "BTCUSDT.BINANCE"}


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def event(kind: Any, **fields: Any) -> Any:
    return made(kind, **{k: v for k, v in {**ABOUT, **fields}.items() if k in kind._fields})


SENT = event(VenueRequestSent, method="POST", ts_ns=1_000 * MS)
SUBMITTING = event(OrderSubmitting, side="BUY", ts_recv_ns=970 * MS)


def test_an_order_is_timed_from_its_tick_to_its_fill() -> None:
    figures = Figures()
    figures.count([SENT, SUBMITTING, event(OrderAccepted, ts_recv_ns=1_020 * MS)])
    filled = {"side": "BUY", "last_liquidity": "TAKER", "ts_recv_ns": 1_400 * MS}
    figures.count([event(OrderFilled, **filled)])
    assert (
        value("trading_orders_total", account="m-1", instrument=ABOUT["instrument"], side="BUY")
        == 1
    )
    assert value("trading_tick_to_order_seconds_sum", account="m-1") == pytest.approx(0.03)
    assert value("trading_accept_latency_seconds_sum", account="m-1") == pytest.approx(0.02)
    taker = {"account": "m-1", "liquidity": "TAKER"}
    assert value("trading_fill_latency_seconds_sum", **taker) == pytest.approx(0.4)
    assert value("trading_fill_latency_seconds_bucket", **taker, le="0.2") == 0
    assert value("trading_fill_latency_seconds_bucket", **taker, le="0.5") == 1


def test_an_order_of_a_process_before_counts_without_a_time() -> None:
    fill = event(OrderFilled, account="m-2", side="SELL", last_liquidity="MAKER")
    Figures().count([fill])
    labels = {"account": "m-2", "instrument": ABOUT["instrument"], "side": "SELL"}
    assert value("trading_fills_total", **labels, liquidity="MAKER") == 1
    assert value("trading_fill_latency_seconds_count", account="m-2", liquidity="MAKER") == 0


@pytest.mark.parametrize(
    ("told", "name", "labels"),
    [
        pytest.param(
            event(OrderDenied, strategy="m-3", reason="MARK_STALE"),
            "trading_order_denials_total",
            {"strategy": "m-3", "reason": "MARK_STALE"},
            id="denied",
        ),
        pytest.param(
            event(OrderRejected, reason="PRICE_FILTER"),
            "trading_order_rejections_total",
            {"account": "m-1", "reason": "PRICE_FILTER"},
            id="rejected",
        ),
        pytest.param(
            made(FeedGapped, venue="M", line="A"),
            "trading_feed_gaps_total",
            {"venue": "M", "line": "A"},
            id="gap",
        ),
        pytest.param(
            made(DeadLettered, pipeline="market", topic="md.raw.v1", reason="TOO_LARGE"),
            "tape_dead_letters_total",
            {"pipeline": "market", "topic": "md.raw.v1", "reason": "TOO_LARGE"},
            id="dead letter",
        ),
        pytest.param(
            event(VenueResponseReceived, status=429),
            "trading_venue_requests_total",
            {"account": "m-1", "outcome": "4xx"},
            id="answer",
        ),
        pytest.param(
            event(VenueRequestFailed),
            "trading_venue_requests_total",
            {"account": "m-1", "outcome": "FAILED"},
            id="no answer",
        ),
    ],
)
def test_what_an_event_counts(told: Any, name: str, labels: dict[str, str]) -> None:
    before = value(name, **labels)
    Figures().count([told, object()])
    assert value(name, **labels) == before + 1


def test_what_an_account_may_count_is_there_from_zero_on() -> None:
    """Prometheus sees no increase in a series that is born at 1."""
    begin("m-10", [ABOUT["instrument"]])
    known = {"account": "m-10"}
    for action in ("SUBMIT", "CANCEL"):
        assert REGISTRY.get_sample_value(UNKNOWN, {**known, "action": action}) == 0
    for outcome in ("2xx", "4xx", "5xx", "FAILED"):
        name = "trading_venue_requests_total"
        assert REGISTRY.get_sample_value(name, {**known, "outcome": outcome}) == 0
    for side, liquidity in (("BUY", "TAKER"), ("SELL", "MAKER"), ("SELL", "UNKNOWN")):
        filled = {**known, "instrument": ABOUT["instrument"], "side": side, "liquidity": liquidity}
        assert REGISTRY.get_sample_value("trading_fills_total", filled) == 0


def test_only_the_newest_sendings_are_remembered() -> None:
    sent = Sent()
    for number in range(SENT_MAX + 1):
        sent.note(str(number), number)
    assert (sent.at_ns("0"), sent.at_ns("1")) == (None, 1)


def test_the_newest_wanted_position_and_fill_price() -> None:
    instrument = ABOUT["instrument"]
    for qty, price in (("0", "100.25"), ("0.5", "101")):
        Figures().count(
            [
                event(TargetChanged, strategy="m-9", target_qty=Decimal(qty)),
                event(OrderFilled, account="m-9", side="BUY", last_px=Decimal(price)),
            ]
        )
    assert value("trading_target_quantity", strategy="m-9", instrument=instrument) == 0.5
    about = {"account": "m-9", "instrument": instrument, "side": "BUY"}
    assert value("trading_fill_price_quote", **about) == 101


@pytest.mark.parametrize(
    ("side", "price", "ratio"),
    [
        pytest.param("BUY", "100.1", 0.001, id="bought too high"),
        pytest.param("BUY", "99.9", -0.001, id="bought lower"),
        pytest.param("SELL", "99.9", 0.001, id="sold too low"),
        pytest.param("SELL", "100", 0, id="at the mark"),
    ],
)
def test_slippage_is_what_was_worse_than_the_mark(side: str, price: str, ratio: float) -> None:
    fill = event(OrderFilled, side=side, last_px=Decimal(price))
    assert slippage(fill, Decimal(100)) == pytest.approx(ratio)
