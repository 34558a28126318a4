"""Which trades are listed: none while the log explains the balances; a break's until cleared."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from pipelines.watch.wanted import Listing, Wanted
from tests.pipelines.orders.events import event
from tests.pipelines.reconciliation.rig import ACCOUNT, BTC, terms

ETH = "ETHUSDT.BINANCE"
D = Decimal


def quiet() -> Wanted:
    """Two instruments that were looked at once, and a first round."""
    wanted = Wanted(ACCOUNT)
    wanted.hear(event("LimitsChanged", instruments=(terms(BTC, "BTC"), terms(ETH, "ETH"))))
    assert done(wanted) == [Listing(BTC), Listing(ETH)], "a start is a gap"
    assert look(wanted) == []
    return wanted


def done(wanted: Wanted) -> list[Listing]:
    """What is listed in this round."""
    found = wanted.listings()
    for listing in found:
        wanted.listed(listing)
    assert wanted.listings() == [], "once in a round"
    return found


def look(wanted: Wanted, btc: str = "1", usdt: str = "1000", **other: str) -> list[Listing]:
    totals = {"BTC": D(btc), "USDT": D(usdt), **{name: D(qty) for name, qty in other.items()}}
    wanted.look(totals)
    return done(wanted)


def fill(wanted: Wanted, qty: str, **more: Any) -> None:
    wanted.hear(event("OrderFilled", last_qty=D(qty), last_px=D(100), **more))


def test_balances_that_follow_the_log_cost_nothing() -> None:
    wanted = quiet()
    fill(wanted, "0.5", commission=D("0.1"), comm_currency="USDT")
    assert look(wanted, "1.5", "949.9") == []
    wanted.hear(event("TransferAnnounced", asset="ETH", qty=D(3)))
    assert look(wanted, "1.5", "949.9", ETH="3") == []
    adjusted = event("PositionAdjusted", adjustment_id="a", instrument=BTC, qty=D(1), price=None)
    wanted.hear(adjusted)
    assert look(wanted, "2.5", "949.9", ETH="3") == []


@pytest.mark.parametrize(
    ("btc", "usdt", "listed"),
    [
        pytest.param("1.1", "989", [Listing(BTC)], id="a trade that nobody told"),
        pytest.param("1", "999", [Listing(BTC), Listing(ETH)], id="a fee, by all that pay in it"),
    ],
)
def test_a_balance_that_moved_by_itself_is_looked_into_once(
    btc: str, usdt: str, listed: list[Listing]
) -> None:
    wanted = quiet()
    assert look(wanted, btc, usdt) == listed
    assert look(wanted, btc, usdt) == []


def test_a_fill_on_the_log_and_not_at_the_venue_is_a_difference_too() -> None:
    wanted = quiet()
    fill(wanted, "0.5")
    assert look(wanted) == [Listing(BTC)]


@pytest.mark.parametrize(
    ("fields", "listed"),
    [
        pytest.param(
            {"kind": "FILL_MISSING", "instrument": BTC, "order_id": "7"},
            [Listing(BTC, "7")],
            id="of an order",
        ),
        pytest.param({"kind": "ORDER_UNKNOWN", "instrument": BTC}, [Listing(BTC)], id="unnamed"),
        pytest.param(
            {"kind": "POSITION_DRIFT", "instrument": BTC, "asset": "BTC"},
            [Listing(BTC)],
            id="drift",
        ),
        pytest.param(
            {"kind": "BALANCE_DRIFT", "asset": "USDT"}, [Listing(BTC), Listing(ETH)], id="balance"
        ),
        pytest.param({"kind": "SNAPSHOT_STALE"}, [], id="of no trade"),
    ],
)
def test_a_break_is_listed_in_every_round_until_it_is_cleared(
    fields: dict[str, Any], listed: list[Listing]
) -> None:
    wanted = quiet()
    about = {"instrument": None, "asset": None, "order_id": None, "break_id": "b", **fields}
    wanted.hear(event("BreakFound", **about))
    assert done(wanted) == listed, "at once"
    for _ in range(3):
        assert look(wanted) == listed
    wanted.hear(event("BreakCleared", **about))
    assert look(wanted) == []


def test_who_waited_longest_comes_first() -> None:
    wanted = quiet()
    for order in ("1", "2"):
        fields = {"instrument": BTC, "order_id": order, "break_id": order, "kind": "FILL_FOREIGN"}
        wanted.hear(event("BreakFound", asset=None, **fields))
    wanted.listed(Listing(BTC, "1"))  # the limit left no room for the other
    wanted.look({"BTC": D(1), "USDT": D(1000)})
    assert [one.order_id for one in wanted.listings()] == ["2", "1"]


def test_an_instrument_is_read_on_from_where_it_was_and_anew_for_a_drift() -> None:
    wanted = quiet()
    wanted.read_to(Listing(BTC), "41")
    wanted.read_to(Listing(BTC, "7"), "3")
    assert wanted.first(Listing(BTC)) == "41"
    assert wanted.first(Listing(BTC, "7")) is None
    drift = {"kind": "POSITION_DRIFT", "instrument": BTC, "asset": "BTC", "order_id": None}
    wanted.hear(event("BreakFound", **drift))
    assert wanted.first(Listing(BTC)) is None


def test_other_accounts_are_others() -> None:
    wanted = quiet()
    fill(wanted, "0.5", account="other")
    wanted.hear(event("BreakFound", account="other", instrument=BTC, kind="POSITION_DRIFT"))
    assert look(wanted) == []


def test_what_traded_before_the_first_balances_were_announced_is_in_them() -> None:
    wanted = Wanted(ACCOUNT)
    wanted.hear(event("LogCreated", ts_ns=5))
    assert wanted.begun_ns == 5
    wanted.hear(event("TransferAnnounced", transfer_id="a", ts_ns=9))
    wanted.hear(event("TransferAnnounced", transfer_id="b", ts_ns=20))
    assert wanted.begun_ns == 9
