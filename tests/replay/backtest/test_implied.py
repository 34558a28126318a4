"""What trades alone imply: the touch, print by print, as a table; marks as often as live."""

from __future__ import annotations

from decimal import Decimal

import pytest

from ops.processes.backtesting import Assumed, setting_of
from ops.settings import ROOT, load_file
from pipelines.batches import batch_of
from pipelines.logic import Input, Position
from replay.backtest.desk import Desk
from replay.backtest.feed import Feed, ranges
from replay.backtest.implied import MARK_MS, Implied, implied_by
from replay.backtest.records import Records
from schemas.events import MarkPublished, QuoteChanged, Side, TradePrinted
from tests.replay.backtest.market import BEGIN_MS, CLOCK, CODEC, captured, log_of

NAME = "BTCUSDT.BINANCE"
KEPT = ("md.trade.v1", CLOCK)


def trade(side: Side, px: str, qty: str = "1", at_ms: int = 0, name: str = NAME) -> Input:
    exact = (Decimal(px), Decimal(qty))
    event = TradePrinted("BINANCE", name, "1", side, *exact, None, at_ms * 1_000_000, "imported")
    return Input(Position("md.trade.v1", 0, 7), at_ms, name.encode(), event)


def touch(*prints: tuple[Side, str, str]) -> str:
    """The touch after the last of them."""
    implied = Implied({NAME: Decimal("0.5")})
    said = [implied.after(trade(*one)) for one in prints][-1]
    if not said:
        return "none"
    quote = said[0].event
    assert isinstance(quote, QuoteChanged)
    return f"{quote.bid_qty} at {quote.bid_px}, {quote.ask_qty} at {quote.ask_px}"


@pytest.mark.parametrize(
    ("prints", "wanted"),
    [
        ([("BUY", "100", "1")], "none"),
        ([("BUY", "100", "1"), ("BUY", "101", "1")], "none"),
        ([("BUY", "100", "1"), ("SELL", "99", "2")], "2 at 99, 1 at 100"),
        ([("SELL", "99", "2"), ("BUY", "100", "1"), ("BUY", "103", "4")], "2 at 99, 4 at 103"),
        ([("BUY", "100", "1"), ("SELL", "99", "2"), ("SELL", "100", "3")], "3 at 100, 1 at 100.5"),
        ([("BUY", "100", "1"), ("SELL", "99", "2"), ("BUY", "98", "3")], "2 at 97.5, 3 at 98"),
        ([("UNKNOWN", "99", "2"), ("UNKNOWN", "100", "1")], "2 at 99, 1 at 100"),
        ([("UNKNOWN", "99", "2"), ("UNKNOWN", "98", "1")], "none"),
    ],
)
def test_the_touch(prints: list[tuple[Side, str, str]], wanted: str) -> None:
    assert touch(*prints) == wanted


def test_marks_are_as_far_apart_as_the_markets() -> None:
    implied, marks = Implied({NAME: Decimal("0.5")}), []
    implied.after(trade("BUY", "100"))
    for at_ms in range(0, 3 * MARK_MS, MARK_MS // 4):
        said = implied.after(trade("SELL", "99", at_ms=at_ms))
        marks += [(at_ms, one.event) for one in said if isinstance(one.event, MarkPublished)]
        assert {one.position.offset for one in said} == {7}, "the trade's own place"
    assert [at_ms for at_ms, _ in marks] == [0, MARK_MS, 2 * MARK_MS]
    assert {mark.mark_px for _, mark in marks} == {Decimal("99.5")}


def test_other_instruments_imply_nothing() -> None:
    implied = Implied({NAME: Decimal("0.5")})
    for side in ("BUY", "SELL"):
        assert implied.after(trade(side, "100", name="X.Y")) == []


def quote(at_ms: int, name: str = NAME) -> Input:
    sides = (Decimal(99), Decimal(1), Decimal(100), Decimal(2))
    event = QuoteChanged("BINANCE", name, 1, *sides, None, at_ms * 1_000_000, "imported")
    return Input(Position("md.quote.v1", 0, 8), at_ms, name.encode(), event)


def test_quotes_are_marked_as_the_market_marks_them() -> None:
    implied = Implied({})
    said = [implied.after(quote(at_ms)) for at_ms in range(0, 2 * MARK_MS, MARK_MS // 4)]
    assert [len(one) for one in said] == [1, 0, 0, 0, 1, 0, 0, 0]
    mark = said[0][0].event
    assert isinstance(mark, MarkPublished)
    assert (mark.mark_px, said[0][0].position.offset) == (Decimal("99.5"), 8)


@pytest.mark.parametrize("known", [True, False], ids=["known beforehand", "seen once"])
def test_where_quotes_are_trades_imply_nothing(known: bool) -> None:
    implied = Implied({NAME: Decimal("0.5"), "X.Y": Decimal(1)}, [NAME] if known else [])
    if not known:
        implied.after(quote(0))
    for side in ("BUY", "SELL"):
        assert implied.after(trade(side, "100")) == []
    implied.after(trade("BUY", "100", name="X.Y"))
    assert implied.after(trade("SELL", "99", name="X.Y")), "another instrument's do"


def test_an_order_at_an_implied_touch_waits_for_a_print_through_its_price() -> None:
    """What else was there nobody knows."""
    log, desk = log_of(one for one in captured(20.0) if one.topic in KEPT), made()
    feed, waited = Feed(log, CODEC, ranges(log)), 0
    for row in (row for batch in feed.batches() for row in batch.rows()):
        desk.follow(batch_of([row]))
        for queue in desk.venue.books[NAME].queues.values():
            assert not any(order.ahead_qty for order in queue)
            waited += any(order.ahead_qty is None for order in queue)
    feed.close()
    assert waited


def made() -> Desk:
    setting = setting_of(load_file(ROOT / "ops/desk/example/tape.toml"), Assumed())
    desk = Desk(setting, Records(), lambda _: None, implied_by(setting.limits, ()))
    desk.open(BEGIN_MS)
    return desk
