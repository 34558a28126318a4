"""Order events from what went over the wire.

1. Every way an order can go, as the events' names in order.
2. Duplicates by identity and late repeats add nothing.
3. Any order of the venue's reports ends in the same state, with each fill once.
4. Doubt: found, absent after two rounds, never absent once it had an id.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.exact import ZERO
from pipelines.gateway import saved
from pipelines.gateway.caps import check
from pipelines.gateway.fold import OrderFold
from pipelines.gateway.reports import (
    DoubtReport,
    FillReport,
    OrderReport,
    PageReport,
    RefusalReport,
    Report,
    Standing,
)
from pipelines.gateway.resolution import ROUND
from schemas.events import (
    CancelApproved,
    OrderFilled,
    OrderResolved,
    VenueRequestFailed,
    VenueStreamClosed,
    VenueStreamOpened,
)
from tests.pipelines.gateway.orders import (
    ACCOUNT,
    BTC,
    QUOTE,
    SECOND_NS,
    PlainReader,
    approved,
    caps,
    frame,
    response,
    sent,
)
from tests.pipelines.orders.events import event as order_event
from tests.pipelines.reconciliation.rig import terms


def stands(standing: Standing, cum: str = "0", name: str = "C1") -> OrderReport:
    return OrderReport(name, f"V-{name}", standing, Decimal(cum))


def trade(number: int, qty: str, name: str | None = "C1", order_id: str = "V-C1") -> FillReport:
    return FillReport(
        name, BTC, order_id, f"T{number}", "BUY", Decimal(100), Decimal(qty), ZERO, "BNB", "TAKER"
    )


REFUSAL = RefusalReport("BALANCE_INSUFFICIENT", "-2010", "insufficient balance")
UNKNOWN_ORDER = RefusalReport("ORDER_UNKNOWN", "-2011", "Unknown order sent.")


def failure(arrived: bool, reason: Any = "CONNECTION_LOST", ts_ns: int = 1) -> Any:
    name = "g1/SUBMIT-C1-1"
    return VenueRequestFailed(ACCOUNT, "BINANCE", name, "C1", reason, arrived, "", ts_ns)


class Story:
    """One order from its approval; `tell` gives the names of the events."""

    def __init__(self) -> None:
        self.fold = OrderFold(PlainReader())
        self.fold.apply(approved())
        self.submit = sent("C1")
        self.events = self.fold.apply(self.submit)

    def tell(self, *inputs: Any) -> str:
        new = [event for given_ in inputs for event in self.fold.apply(given_)]
        self.events += new
        return " ".join(type(event).__name__.removeprefix("Order") for event in new)

    @property
    def state(self) -> str:
        return self.fold.book.entries["C1"].order.state


def answered(*reports: Report) -> Any:
    return response(sent("C1"), list(reports))


CANCEL = sent("C1", "CANCEL")
STORIES = [
    pytest.param([answered(stands("OPEN"))], "Accepted", "ACCEPTED", id="accepted"),
    pytest.param([answered(REFUSAL)], "Rejected", "REJECTED", id="rejected"),
    pytest.param(
        [answered(stands("FILLED", "1"), trade(1, "0.4"), trade(2, "0.6"))],
        "Accepted Filled Filled",
        "FILLED",
        id="filled at once",
    ),
    pytest.param(
        [answered(stands("OPEN")), frame([stands("OPEN")])], "Accepted", "ACCEPTED", id="told twice"
    ),
    pytest.param(
        [frame([trade(1, "1"), stands("FILLED", "1")]), answered(stands("OPEN"))],
        "Filled",
        "FILLED",
        id="fill before acknowledgement",
    ),
    pytest.param(
        [answered(stands("OPEN")), CANCEL, response(CANCEL, [stands("CANCELED")])],
        "Accepted PendingCancel Canceled",
        "CANCELED",
        id="canceled",
    ),
    pytest.param(
        [answered(stands("OPEN")), frame([stands("CANCELED", "0.5")]), frame([trade(1, "0.5")])],
        "Accepted Canceled Filled",
        "CANCELED",
        id="fill told after the end",
    ),
    pytest.param(
        [answered(stands("OPEN")), CANCEL, response(CANCEL, [UNKNOWN_ORDER])],
        "Accepted PendingCancel CancelRejected OutcomeUnknown",
        "OUTCOME_UNKNOWN",
        id="cancel of what is gone",
    ),
    pytest.param([answered(stands("EXPIRED"))], "Expired", "EXPIRED", id="expired"),
    pytest.param([failure(arrived=True)], "OutcomeUnknown", "OUTCOME_UNKNOWN", id="lost"),
    pytest.param(
        [failure(False, "SEND_TOO_LATE")], "DecisionExpired", "DROPPED", id="dropped before sending"
    ),
    pytest.param(
        [CANCEL, failure(False, "SEND_TOO_LATE"), response(CANCEL, [UNKNOWN_ORDER])],
        "PendingCancel DecisionExpired CancelRejected",
        "DROPPED",
        id="a cancel overtakes what is never sent",
    ),
    pytest.param(
        [CANCEL, response(CANCEL, [UNKNOWN_ORDER]), failure(False, "STATE_HALTED")],
        "PendingCancel CancelRejected OutcomeUnknown DecisionExpired",
        "DROPPED",
        id="in doubt, then never sent",
    ),
    pytest.param(
        [answered(DoubtReport("503"))], "OutcomeUnknown", "OUTCOME_UNKNOWN", id="venue ill"
    ),
    pytest.param(
        [answered(stands("OPEN")), frame([trade(1, "1.1")])],
        "Accepted TransitionRefused",
        "ACCEPTED",
        id="more than ordered",
    ),
    pytest.param([frame([stands("OPEN", name="X9")])], "", "SUBMITTING", id="foreign"),
]


@pytest.mark.parametrize(("inputs", "names", "state"), STORIES)
def test_an_orders_ways(inputs: list[Any], names: str, state: str) -> None:
    story = Story()
    assert story.tell(*inputs) == names
    assert story.state == state


CLOSED = VenueStreamClosed(ACCOUNT, "BINANCE", "conn", "CONNECTION_LOST", "", 10)
OPENED = VenueStreamOpened(ACCOUNT, "BINANCE", "conn-2", 20)


@pytest.mark.parametrize(
    ("reports", "names", "state"),
    [
        ([stands("OPEN")], "Accepted OutcomeUnknown", "OUTCOME_UNKNOWN"),
        ([stands("OPEN"), trade(1, "0.4"), stands("OPEN", "0.4")],
         "Accepted Filled OutcomeUnknown", "OUTCOME_UNKNOWN"),
        ([stands("OPEN"), trade(1, "1"), stands("FILLED", "1")], "Accepted Filled", "FILLED"),
        ([REFUSAL], "Rejected", "REJECTED"),
    ],
)  # fmt: skip
def test_the_answer_to_a_new_order_is_older_than_a_doubt(
    reports: list[Report], names: str, state: str
) -> None:
    """It was open when it was taken; what the lost stream would have told came after that."""
    story = Story()
    assert story.tell(CLOSED, OPENED) == "OutcomeUnknown"
    assert story.tell(answered(*reports)) == names
    assert story.state == state
    assert bool(story.fold.inquiries) == (state == "OUTCOME_UNKNOWN")


@pytest.mark.parametrize("kind", ["OPEN_ORDERS", "CLOSED_ORDERS"])
@pytest.mark.parametrize("about", ["C1", None])
def test_a_list_asked_for_before_a_doubt_does_not_end_it(kind: str, about: str | None) -> None:
    story, question = Story(), sent("C1", kind)._replace(cl_ord_id=about)
    story.tell(answered(stands("OPEN")), question, CLOSED)
    assert story.tell(OPENED) == "OutcomeUnknown"
    assert story.tell(response(question, [stands("OPEN")], 30)) == ""
    assert story.state == "OUTCOME_UNKNOWN"
    assert ask(story, kind, 2, [stands("OPEN")], 40) == "Resolved"
    assert story.events[-1].request_ids == (f"g1/{kind}-C1-2",)
    assert story.state == "ACCEPTED"


def test_a_list_asked_for_before_a_doubt_does_not_count_for_absence() -> None:
    story, question = Story(), sent("C1", "OPEN_ORDERS")
    story.tell(failure(arrived=True), question, CLOSED)
    assert story.tell(OPENED) == "OutcomeUnknown"
    assert story.tell(response(question, [], 30)) == ""
    [inquiry] = story.fold.inquiries.values()
    assert (inquiry.asked, inquiry.request_ids) == (0, ())
    assert rounds(story, SECOND_NS, 2) == ""
    assert rounds(story, 5 * SECOND_NS, 3) == "Resolved"
    assert story.state == "ABSENT"


def test_an_order_in_doubt_of_an_older_snapshot_is_still_read() -> None:
    """Its inquiry does not say what was asked before it."""
    story = Story()
    story.tell(sent("C1", "OPEN_ORDERS"), failure(arrived=True))
    found = saved.values(story.fold)
    assert found["inquiries"][0].pop() == ["g1/OPEN_ORDERS-C1-1"]
    [inquiry] = saved.restored(found, saved.VERSION, PlainReader()).inquiries.values()
    assert inquiry == story.fold.inquiries["C1"]._replace(before=frozenset())


def test_a_fill_counts_once_however_often_and_by_whatever_path_it_is_told() -> None:
    story = Story()
    story.tell(answered(stands("OPEN", "0.4"), trade(1, "0.4")))
    assert story.tell(frame([trade(1, "0.4")]), frame([trade(1, "0.4", None)])) == ""
    assert story.tell(frame([trade(2, "0.4")])) == "Filled"
    assert story.fold.book.position(BTC) == Decimal("0.8")


def test_a_fee_in_the_base_asset_is_not_held_and_cannot_be_sold() -> None:
    story = Story()
    story.tell(order_event("LimitsChanged", instruments=(terms(BTC, "BTC"),)))
    fees = zip((1, 2, 3), ("0.001", "0.5", "0.001"), ("BTC", "USDT", "BTC"), strict=True)
    for number, fee, asset in fees:
        fill = trade(number, "0.3")._replace(commission=Decimal(fee), comm_currency=asset)
        story.tell(frame([fill]), frame([fill]))
    sale = approved("C2", side="SELL", order_qty=Decimal("0.898"))
    assert story.fold.book.usage(sale, 0).exposure_qty == sale.order_qty
    assert check(sale, story.fold.book.usage(sale, 0), QUOTE, caps()) is None
    more = sale._replace(order_qty=Decimal("0.899"))
    found = check(more, story.fold.book.usage(more, 0), QUOTE, caps())
    assert found is not None
    assert found.reason == "CAP_POSITION"


REPORTS: list[Report] = [
    stands("OPEN"),
    trade(1, "0.3"),
    trade(2, "0.2"),
    stands("CANCELED", "0.5"),
]


@given(st.lists(st.sampled_from(range(4)), max_size=8), st.permutations(range(4)))
def test_reports_in_any_order_and_number_end_alike(some: list[int], all_: list[int]) -> None:
    story = Story()
    for which in [*some, *all_]:
        story.tell(frame([REPORTS[which]]))
    order = story.fold.book.entries["C1"].order
    assert (order.state, order.cum_qty, order.reserved_qty) == ("CANCELED", Decimal("0.5"), ZERO)
    fills = [e.trade_id for e in story.events if isinstance(e, OrderFilled)]
    assert sorted(fills) == ["T1", "T2"]
    assert story.fold.book.position(BTC) == Decimal("0.5")
    assert not story.fold.book.live


def ask(story: Story, kind: str, number: int, reports: list[Report], ts_ns: int) -> str:
    request = sent("C1", kind, number)
    return story.tell(request, response(request, reports, ts_ns))


def rounds(story: Story, start_ns: int, number: int, **answers: list[Report]) -> str:
    told = [
        ask(story, kind, number, answers.get(kind, []), start_ns)
        for kind in ("OPEN_ORDERS", "CLOSED_ORDERS", "TRADES")
    ]
    return " ".join(filter(None, told))


def test_an_order_nobody_has_is_absent_after_two_rounds() -> None:
    story = Story()
    story.tell(failure(arrived=True))
    assert rounds(story, SECOND_NS, 1) == ""
    assert rounds(story, 5 * SECOND_NS, 2) == "Resolved"
    resolved = story.events[-1]
    assert isinstance(resolved, OrderResolved)
    assert resolved.resolution == "ABSENT"
    assert len(resolved.request_ids) == 6
    assert story.fold.inquiries == {}
    assert not story.fold.book.live


def test_full_answers_are_followed_to_their_end_before_an_order_is_absent() -> None:
    story, others = Story(), [stands("FILLED", "0.1", f"X{n}") for n in range(6)]
    story.tell(failure(arrived=True))
    for number, start in enumerate((SECOND_NS, 5 * SECOND_NS)):
        assert ask(story, "OPEN_ORDERS", number, [], start) == ""
        for page in range(3):
            rows = others[2 * page : 2 * page + 2]
            told: list[Report] = [*rows, PageReport(rows[-1].order_id)]
            assert ask(story, "CLOSED_ORDERS", 10 * number + page, told, start) == ""
            [inquiry] = story.fold.inquiries.values()
            assert (ROUND[inquiry.asked], inquiry.after) == ("CLOSED_ORDERS", rows[-1].order_id)
        assert ask(story, "CLOSED_ORDERS", 10 * number + 3, [others[-1]], start) == ""
        assert story.state == "OUTCOME_UNKNOWN"
        strange: list[Report] = [trade(n, "0.1", None, f"V-X{n}") for n in range(6)]
        assert ask(story, "TRADES", 10 * number, [*strange, PageReport("T5")], start) == ""
        ended = ask(story, "TRADES", 10 * number + 1, [strange[-1]], start)
        assert ended == ("Resolved" if number else "")
    assert story.state == "ABSENT"
    resolved = story.events[-1]
    assert isinstance(resolved, OrderResolved)
    assert len(resolved.request_ids) == 2 * (1 + 4 + 2)


def test_a_venue_that_repeats_a_full_answer_is_not_asked_on_and_on() -> None:
    story = Story()
    story.tell(failure(arrived=True))
    page: list[Report] = [stands("FILLED", "1", "X"), PageReport("V-X")]
    ask(story, "OPEN_ORDERS", 1, [], SECOND_NS)
    for number in (1, 2):
        assert ask(story, "CLOSED_ORDERS", number, page, SECOND_NS) == ""
    [inquiry] = story.fold.inquiries.values()
    assert (inquiry.asked, inquiry.after, inquiry.request_ids) == (0, None, ())
    assert inquiry.not_before_ns > SECOND_NS, "its round begins anew, later"


def test_an_order_on_a_later_page_is_found() -> None:
    story = Story()
    story.tell(failure(arrived=True))
    ask(story, "OPEN_ORDERS", 1, [], SECOND_NS)
    ask(story, "CLOSED_ORDERS", 1, [stands("FILLED", "1", "X"), PageReport("V-X")], SECOND_NS)
    assert ask(story, "CLOSED_ORDERS", 2, [stands("CANCELED")], SECOND_NS) == "Resolved"
    assert story.state == "CANCELED"


def test_an_order_found_is_resolved_and_its_fills_are_missed() -> None:
    story = Story()
    story.tell(failure(arrived=True))
    assert ask(story, "OPEN_ORDERS", 1, [stands("OPEN", "0.25")], 2) == "Resolved"
    assert story.state == "ACCEPTED"
    assert story.fold.book.entries["C1"].fills_missing
    assert ask(story, "TRADES", 1, [trade(1, "0.25", None)], 3) == "Filled"
    assert not story.fold.book.entries["C1"].fills_missing


def test_an_order_the_venue_once_had_is_never_absent() -> None:
    story = Story()
    story.tell(answered(stands("OPEN")), VenueStreamOpened(ACCOUNT, "BINANCE", "b", 2))
    assert story.state == "OUTCOME_UNKNOWN"
    for number in range(1, 5):
        assert rounds(story, number * 5 * SECOND_NS, number) == ""
    assert story.state == "OUTCOME_UNKNOWN"


def test_a_trade_that_could_be_its_own_keeps_it_from_being_absent() -> None:
    story = Story()
    story.tell(failure(arrived=True))
    for number in range(1, 5):
        strange = trade(7, "0.1", None, order_id="V-strange")
        assert rounds(story, number * 5 * SECOND_NS, number, TRADES=[strange]) == ""
    assert story.state == "OUTCOME_UNKNOWN"


STRANGE = trade(7, "0.1", None, order_id="V-X9")


@pytest.mark.parametrize(
    "answers",
    [
        pytest.param({"TRADES": [STRANGE._replace(last_px=Decimal(101))]}, id="above its limit"),
        pytest.param({"TRADES": [STRANGE._replace(last_qty=Decimal("1.1"))]}, id="too much"),
        pytest.param({"TRADES": [STRANGE._replace(side="SELL")]}, id="other side"),
        pytest.param(
            {"CLOSED_ORDERS": [stands("FILLED", "0.1", "X9")], "TRADES": [STRANGE]},
            id="of an order that the venue lists under another name",
        ),
        pytest.param(
            {"OPEN_ORDERS": [stands("OPEN", "0.1", "X9")], "TRADES": [STRANGE]},
            id="of an order that stands under another name",
        ),
    ],
)
def test_a_strangers_trade_keeps_no_order_in_doubt(answers: dict[str, list[Report]]) -> None:
    story = Story()
    story.tell(failure(arrived=True))
    assert rounds(story, SECOND_NS, 1, **answers) == ""
    assert rounds(story, 5 * SECOND_NS, 2, **answers) == "Resolved"
    assert story.state == "ABSENT"


def test_an_approval_said_twice_is_one_order() -> None:
    story = Story()
    assert story.tell(approved()) == ""
    assert not story.fold.book.approve(approved())


def test_the_first_reason_for_a_cancel_stays() -> None:
    fold = OrderFold(PlainReader())
    fold.apply(approved())
    for reason in ("PRICE_MOVED", "STATE_HALTED"):
        fold.apply(
            CancelApproved(
                ACCOUNT, "s", "BINANCE", BTC, "C1", reason, "c", "d", None, 1
            )
        )  # fmt: skip
    assert fold.book.entries["C1"].cancel == "PRICE_MOVED"


@given(st.lists(st.sampled_from(range(len(STORIES))), max_size=6))
def test_a_restart_from_order_events_gives_the_same_book(which: list[int]) -> None:
    story = Story()
    for number in which:
        story.tell(*STORIES[number].values[0])  # type: ignore[misc]
    again = OrderFold(PlainReader())
    again.apply(approved())
    for event in story.events:
        again.evolve(event)
    mine, theirs = story.fold.book.entries["C1"], again.book.entries["C1"]
    assert theirs.order == mine.order
    assert again.book.position(BTC) == story.fold.book.position(BTC)
    assert {*again.book.live} == {*story.fold.book.live}
