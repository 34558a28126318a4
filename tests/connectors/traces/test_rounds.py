"""Which rounds of a watched account are shown: those that something came of, and a share."""

from __future__ import annotations

from typing import Any

from connectors.orderport.interface import Request
from connectors.traces.ids import ids_of, round_ids
from connectors.traces.rounds import RoundSpans
from connectors.traces.spans import Span
from schemas.events import (
    AccountTrade,
    BreakCleared,
    BreakFound,
    OrderFilled,
    PositionChanged,
    TradesObserved,
)
from tests.connectors.metrics.made import made

ASK = Request("GET", "/api/v3/account", ())
TRADES = Request("GET", "/api/v3/myTrades", ())
FILL = made(OrderFilled, cl_ord_id="A", order_id="1", trade_id="2", reconciled=True)


class Watched:
    """Two rounds of an account, `w/1` and `w/2`, and what was shown of them."""

    def __init__(self, share: float = 0.0) -> None:
        self.shown: list[Span] = []
        self.spans = RoundSpans("desk", self.shown.append, share)
        for name in ("w/1", "w/2"):
            self.spans.asked(name, ASK, 10, 20)
            self.spans.asked(name, ASK, 30, 40)
            self.spans.over(name, 50, balances=2, orders=1)

    def list_trades(self, *trades: Any) -> None:
        self.spans.asked("w/2", TRADES, 60, 70)
        seen = made(TradesObserved, snapshot_id="w/2", trades=trades, ts_recv_ns=70)
        self.spans.listed("w/2", seen)

    def names(self) -> list[str]:
        return [span.name for span in self.shown]


QUESTIONS = ["GET /api/v3/account", "GET /api/v3/account"]
LISTED = [*QUESTIONS, "round", "GET /api/v3/myTrades"]


def test_a_round_that_finds_nothing_is_not_shown() -> None:
    watched = Watched()
    watched.spans.heard(made(PositionChanged), 80)
    watched.spans.heard(made(BreakFound, snapshot_id="another/1"), 80)
    watched.spans.heard(made(BreakFound), 80)
    assert watched.shown == []
    assert Watched(share=1.0).names() == 2 * [*QUESTIONS, "round"]


def test_a_round_is_a_tree_of_its_questions() -> None:
    watched = Watched()
    watched.list_trades()
    assert watched.names() == LISTED
    *asked, above, listed = watched.shown
    assert above.ids == round_ids("desk", "w/2")
    assert (above.start_ns, above.end_ns, above.facts["tape.orders"]) == (10, 50, 1)
    below = [*asked, listed]
    assert all(one.client and one.ids.parent == above.ids.span for one in below)
    assert len({one.ids.span for one in watched.shown}) == 4


def test_a_break_shows_the_round_it_was_found_in_once() -> None:
    watched = Watched()
    for kind in (BreakFound, BreakCleared):
        watched.spans.heard(made(kind, snapshot_id="w/1"), 80)
    assert watched.names() == [*QUESTIONS, "round"]
    assert {span.ids.trace for span in watched.shown} == {round_ids("desk", "w/1").trace}


def test_a_missing_fill_is_linked_to_where_its_order_was() -> None:
    watched = Watched()
    watched.list_trades(made(AccountTrade, order_id="1", trade_id="2"))
    watched.spans.heard(FILL._replace(reconciled=False), 80)
    watched.spans.heard(FILL._replace(trade_id="3"), 80)
    assert watched.names() == LISTED
    for _ in range(2):
        watched.spans.heard(FILL, 90)
    assert watched.names() == [*LISTED, "found"]
    found = watched.shown[-1]
    assert (found.start_ns, found.end_ns) == (70, 90)
    assert found.ids.parent == round_ids("desk", "w/2").span
    assert found.links == (ids_of(FILL),)


def test_missing_fills_of_one_id_are_each_in_their_instrument() -> None:
    watched = Watched()
    fills = [FILL._replace(instrument=name) for name in ("BTCUSDT.BINANCE", "ETHUSDT.BINANCE")]
    watched.list_trades(
        *(made(AccountTrade, instrument=f.instrument, order_id="1", trade_id="2") for f in fills)
    )
    for fill in fills:
        watched.spans.heard(fill, 90)
    assert watched.names() == [*LISTED, "found", "found"]
    assert watched.shown[-2].ids.span != watched.shown[-1].ids.span


def test_a_venue_that_does_not_answer_is_shown_with_the_round_that_follows() -> None:
    watched = Watched()
    watched.spans.asked("w/3", ASK, 100, 110, failed=True)
    watched.spans.asked("w/3", ASK, 120, 130)
    watched.spans.over("w/3", 140, 0, 0)
    assert watched.names() == [*QUESTIONS, "round"]
    assert [span.failed for span in watched.shown] == [True, False, False]
    assert watched.shown[-1].start_ns == 100


def test_without_an_endpoint_nothing_is_shown() -> None:
    RoundSpans("desk").asked("w/1", ASK, 1, 2, failed=True)
