"""The judge of the demo and of the chaos rounds: sums from events; the schedule of the faults."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any

import pytest

from connectors.simulated.journal import MemoryJournal
from connectors.simulated.server import INSTRUMENTS
from connectors.simulated.venue import Venue
from ops.cli.demo import line_of
from ops.demo.books import Books, fills_of, profit, settled, still_open, transfers
from ops.demo.faults import FOREIGN, LEAVES, PLAN, Schedule
from ops.demo.trading import compared
from ops.demo.verdicts import missed
from pipelines.matching.model import Transfer
from pipelines.matching.state import Exchange
from tests.pipelines.orders.events import event

TERMS = {one.symbol: one for one in INSTRUMENTS}
MARKS = {"BTCUSDT.BINANCE": Decimal(110), "ETHUSDT.BINANCE": Decimal(10)}


def fill(trade_id: str, side: str, qty: str, px: str, fee: str, asset: str, **more: Any) -> Any:
    amounts = {"last_qty": Decimal(qty), "last_px": Decimal(px), "commission": Decimal(fee)}
    given = {"trade_id": trade_id, "side": side, "comm_currency": asset, **amounts, **more}
    return event("OrderFilled", **given)


def moved(name: str, asset: str, qty: str) -> Any:
    return event("TransferAnnounced", transfer_id=name, asset=asset, qty=Decimal(qty))


def books(events: list[Any]) -> Books:
    opening, fills = transfers(events), fills_of(events)
    balances = settled(opening, fills, TERMS)
    none: Counter[str] = Counter()
    return Books(0, {}, 0, none, none, fills, opening, balances, none, still_open(events))


def test_a_fill_counts_once_whoever_tells_it() -> None:
    told = fill("1", "BUY", "1", "100", "0", "BTC")
    booked = told._replace(reconciled=True)
    other = fill("1", "BUY", "1", "100", "0", "BTC", order_id="8")
    assert len(fills_of([told, booked, told])) == 1
    assert len(fills_of([told, other])) == 2


def test_balances_and_profit_are_exact_with_fees_of_either_asset() -> None:
    found = books(
        [
            moved("a", "USDT", "1000"),
            moved("a", "USDT", "1000"),
            moved("b", "BTC", "1"),
            fill("1", "BUY", "0.3", "100.01", "0.0003", "BTC"),
            fill("2", "SELL", "0.1", "120.07", "0.012007", "USDT"),
        ]
    )
    assert found.opening == {"USDT": Decimal(1000), "BTC": Decimal(1)}
    assert found.balances["BTC"] == Decimal("1.1997")
    assert found.balances["USDT"] == Decimal("981.991993")
    assert profit(found, MARKS, INSTRUMENTS, "BINANCE") == Decimal("3.958993")


def test_breaks_stay_open_until_they_are_cleared() -> None:
    found = event("BreakFound", break_id="b", kind="FILL_MISSING")
    assert still_open([found]) == {"b": "FILL_MISSING"}
    assert still_open([found, event("BreakCleared", break_id="b")]) == {}


@pytest.mark.parametrize(
    ("more", "equal"),
    [pytest.param("0", True, id="equal"), pytest.param("0.0000000001", False, id="last digit")],
)
def test_one_unit_of_the_last_digit_is_a_difference(more: str, equal: bool) -> None:
    there = Venue(Exchange(INSTRUMENTS), MemoryJournal(), lambda: 0)
    there.take(Transfer("sim-1", "BTC", Decimal(1)))
    found = books([moved("a", "BTC", "1"), moved("b", "BTC", more)])
    shown = compared(found, there, "sim-1")
    assert (shown["BTC"]["log"] == shown["BTC"]["venue"]) is equal


class Noted:
    """An operator and a stranger who write down what they are asked for."""

    def __init__(self, market: bool = True) -> None:
        self.did: list[str] = []
        self.market = market

    def arm(self, body: dict[str, Any]) -> None:
        self.did.append(body["kind"])

    def place(self) -> bool:
        if self.market:
            self.did.append(FOREIGN)
        return self.market

    def cancel(self) -> None:
        self.did.append(LEAVES)


def test_every_fault_comes_once_at_its_share_of_the_slice() -> None:
    noted: Any = Noted()
    schedule = Schedule(noted, noted)
    for hundredth in range(101):
        schedule.step(hundredth / 100)
        assert noted.did == [one.kind for one in PLAN if one.share <= hundredth / 100]
    assert len(noted.did) == 7
    assert len({*noted.did} - {LEAVES}) == 6


def test_a_stranger_waits_for_a_market() -> None:
    noted: Any = Noted(market=False)
    schedule = Schedule(noted, noted)
    schedule.step(1)
    assert not {FOREIGN, LEAVES} & {*noted.did}
    noted.market = True
    schedule.step(1)
    assert noted.did[-2:] == [FOREIGN, LEAVES]


@pytest.mark.parametrize("kind", sorted({one.kind for one in PLAN} - {LEAVES}))
def test_a_fault_that_never_struck_is_named(kind: str) -> None:
    struck = dict.fromkeys((one.kind for one in PLAN), 1)
    assert missed(struck) == []
    assert missed({**struck, kind: 0}) == [kind]
    line = line_of([kind], {"approved": 1, "requested": 7})
    assert f"never struck: {kind}; 1 of 7 orders were approved" in line
