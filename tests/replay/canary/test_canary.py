"""Two versions over the same recorded epochs: what differs is counted, classified and judged."""

from __future__ import annotations

from collections.abc import Generator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connectors.log.memory import MemoryLog
from pipelines.execution.requests import REQUESTS, TARGETS
from pipelines.logic import Input, Output, Position
from replay.canary.align import Kind, NotTheSame, changes, kind_of
from replay.canary.decisions import CannotDecide, Decision, Turn, turns
from replay.canary.marks import Marks
from replay.canary.measures import Measures
from replay.canary.policy import BadPolicy, NotMeasured, Policy, breaches, load_policy
from replay.canary.report import markdown
from replay.canary.run import Comparison, compare
from replay.rerun import NothingRecorded
from replay.times import Span
from schemas.events import ClockTick, OrderRequested, QuoteChanged, TargetChanged, TradePrinted
from tests.connectors.epochs import toy

START_MS, RECORDS = 1_000_000, 60


@pytest.fixture(scope="module")
def log() -> MemoryLog:
    found = MemoryLog(toy.TOPICS)
    for half in range(2):
        for number in range(half * RECORDS // 2, (half + 1) * RECORDS // 2):
            toy.trade(found, number, START_MS + number)
        toy.live(found, small())
    return found


def small() -> Any:
    return toy.shard(records_max=10, snapshot_bytes_min=8_000, snapshot_factor=1)


def side(log: MemoryLog, own: bool, salt: str = "", **more: Any) -> Generator[Turn, None, None]:
    span = more.pop("span", Span())
    return turns(log, toy.CODEC, small(), toy.ToyLogic(salt, **more), span, own)


@pytest.mark.parametrize("own", [False, True])
def test_the_same_version_decides_the_same(log: MemoryLog, own: bool) -> None:
    found = compare(side(log, own), side(log, own), side(log, own))
    assert (found.decisions, found.changes, found.noise) == (RECORDS, 0, 0)
    assert list(breaches(Policy(), found)) == []


def test_every_decision_of_another_version_is_told(log: MemoryLog) -> None:
    found = compare(side(log, False), side(log, False), side(log, False, "x"))
    assert found.counts == {Kind.SIZE: RECORDS}
    assert found.noise == 0
    [broken] = breaches(Policy(), found)
    assert broken.startswith("60 of 60 decisions changed")


def test_state_follows_what_happened_or_the_version_itself(log: MemoryLog) -> None:
    carried, own = (list(side(log, each, "x")) for each in (False, True))
    first, second = ([d for turn in each for d in turn.decisions] for each in (carried, own))
    assert first[0] == second[0]
    assert first[-1] != second[-1]


def test_noise_is_beyond_every_policy(log: MemoryLog) -> None:
    found = compare(side(log, True), side(log, True, "noise"), side(log, True))
    assert found.noise == RECORDS
    assert list(breaches(Policy(max_changed_share=None), found)) == [
        "the baseline differs from itself in 60 decisions"
    ]


def test_a_span_is_compared_alone(log: MemoryLog) -> None:
    late = list(side(log, True, span=Span(START_MS + 50, None)))
    everything = list(side(log, True))
    same = everything[-len(late) :]
    assert [t.decisions for t in late] == [t.decisions for t in same]
    assert len(late) < len(everything)
    with pytest.raises(NothingRecorded):
        list(side(log, True, span=Span(None, 5)))


def test_a_version_that_fails_is_named_with_its_epoch(log: MemoryLog) -> None:
    with pytest.raises(CannotDecide, match=r"fails in epoch 1 of toy-0: ZeroDivisionError: poison"):
        list(side(log, False, poison="15"))


def test_other_epochs_are_not_compared(log: MemoryLog) -> None:
    first, second, *_ = side(log, True)
    with pytest.raises(NotTheSame, match="not the same input"):
        list(changes(first, second))
    with pytest.raises(NotTheSame, match="more epochs"):
        compare([first], [first], [])


TARGET = {"event": "TargetChanged", "strategy_version": "1", "target_qty": "1", "reference_px": "9"}

SHORT = TARGET | {"target_qty": "-1"}
APPROVED = {"event": "OrderApproved", "side": "BUY", "order_qty": "2", "price": "5"} | {
    "reserved_notional": "10",
    "mark_px": "5",
    "mark_ts_recv_ns": 1,
}


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        pytest.param(TARGET, TARGET, None, id="the same"),
        pytest.param(TARGET, TARGET | {"strategy_version": "2"}, None, id="who decided"),
        pytest.param(None, TARGET, Kind.ADDED, id="added"),
        pytest.param(TARGET, None, Kind.REMOVED, id="removed"),
        pytest.param(
            TARGET, TARGET | {"target_qty": "2", "reference_px": "8"}, Kind.SIZE, id="size"
        ),
        pytest.param(TARGET, TARGET | {"reference_px": "8"}, Kind.PRICE, id="price"),
        pytest.param({"side": "BUY"}, {"side": "SELL"}, Kind.SIDE, id="side"),
        pytest.param(TARGET, SHORT, Kind.SIDE, id="long becomes short"),
        pytest.param(SHORT, TARGET | {"target_qty": "0.5"}, Kind.SIDE, id="short becomes long"),
        pytest.param(TARGET, TARGET | {"target_qty": "0"}, Kind.SIZE, id="long becomes flat"),
        pytest.param(TARGET | {"target_qty": "0"}, SHORT, Kind.SIZE, id="flat becomes short"),
        pytest.param(
            TARGET | {"reason": "A"}, SHORT | {"reason": "B"}, Kind.REASON, id="reason before side"
        ),
        pytest.param(
            APPROVED,
            APPROVED | {"price": "6", "reserved_notional": "12"},
            Kind.PRICE,
            id="price, and what is reserved with it",
        ),
        pytest.param(
            APPROVED,
            APPROVED | {"mark_px": "6", "mark_ts_recv_ns": 2, "reserved_notional": "12"},
            Kind.PRICE,
            id="mark, and what is reserved with it",
        ),
        pytest.param(
            APPROVED,
            APPROVED | {"order_qty": "3", "reserved_notional": "15", "mark_px": "6"},
            Kind.SIZE,
            id="quantity, and what is reserved with it",
        ),
        pytest.param(
            APPROVED, APPROVED | {"reserved_notional": "12"}, Kind.SIZE, id="reserved alone"
        ),
        pytest.param({"reason": "A"}, {"reason": "B"}, Kind.REASON, id="reason"),
        pytest.param({"event": "A", "price": 1}, {"event": "B"}, Kind.REASON, id="another event"),
        pytest.param({"post_only": True}, {"post_only": False}, Kind.OTHER, id="something else"),
    ],
)
def test_kinds_of_differences(before: Any, after: Any, kind: Kind | None) -> None:
    assert kind_of(before, after) == kind


def turn(*events: dict[str, Any]) -> Turn:
    decisions = [Decision("t/0/1", "topic", "k", n, event) for n, event in enumerate(events)]
    return Turn(0, "v", 0, 5, len(events), 100, decisions)


def order(side: str, qty: str, price: str | None, mark: str | None) -> dict[str, Any]:
    who = {"event": "OrderRequested", "strategy": "s", "instrument": "i", "side": side}
    return {**who, "order_qty": qty, "price": price, "mark_px": mark}


def target(qty: str, price: str | None) -> dict[str, Any]:
    return {**TARGET, "strategy": "s", "instrument": "i", "target_qty": qty, "reference_px": price}


def test_measures_by_hand() -> None:
    found = Measures()
    orders = [order("BUY", "2", "101", "100"), order("SELL", "1", None, "110")]
    found.add(turn(*orders, order("BUY", "1", None, None), {"event": "OrderDenied"}))
    found.add(turn(target("3", "10"), target("-1", "20"), target("5", None)))
    assert (found.orders, found.denials, found.decisions) == (3, 1, 7)
    assert found.ordered.turnover == Decimal(2 * 101 + 110)
    assert found.ordered.exposure_max == Decimal(2 * 101)
    assert found.slippage == Decimal(2)
    assert found.slippage_bps == Decimal("64.5161")  # 2 of 310, in ten thousandths
    assert found.targeted.turnover == Decimal(3 * 10 + 4 * 20)
    assert found.targeted.exposure_max == Decimal(30)


def test_a_request_is_measured_by_the_mark_of_its_time() -> None:
    found, asked = Measures(), turn(order("BUY", "2", "101", None), order("SELL", "1", "98", None))
    marked = [d._replace(mark_px="100") for d in asked.decisions]
    found.add(asked._replace(decisions=marked))
    assert (found.slippage, found.marked) == (Decimal(2 + 2), Decimal(300))


def test_marks_are_the_newest_quotes_before_each_request() -> None:
    request = request_for("X")
    outputs = [
        Output(at(n), n, "oms.order-request.v1", "a", request._replace(instrument=instrument))
        for n, instrument in ((1, "X"), (3, "X"), (3, "Y"), (6, "X"))
    ]
    marks = Marks()
    rows = [quote(2, "X", "1", "3"), quote(4, "X", "8", "9"), quote(5, "X", "4", "5")]
    assert marks.of([clock(1), rows[0], clock(3), *rows[1:]], outputs[:3]) == {
        (at(3), REQUESTS, "X"): Decimal(2)
    }
    assert marks.of([clock(6)], outputs[3:]) == {(at(6), REQUESTS, "X"): Decimal("4.5")}


def test_a_target_of_a_tick_is_measured_by_the_newest_price_of_its_time() -> None:
    values: dict[str, Any] = dict.fromkeys(TargetChanged._fields)
    wanted = TargetChanged(**(values | {"instrument": "X"}))
    outputs = [Output(at(n), n, TARGETS, "X", wanted) for n in (1, 3, 5)]
    named = Output(at(3), 3, TARGETS, "Y", wanted._replace(reference_px=Decimal(7)))
    asked = Output(at(5), 5, REQUESTS, "a", request_for("X"))
    rows = [clock(1), quote(2, "X", "1", "3"), clock(3), trade(4, "X", "9"), clock(5)]
    assert Marks().of(rows, [*outputs, named, asked]) == {
        (at(3), TARGETS, "X"): Decimal(2),
        (at(5), TARGETS, "X"): Decimal(9),
        (at(5), REQUESTS, "X"): Decimal(2),
    }


def at(offset: int) -> Position:
    return Position("t", 0, offset)


def clock(offset: int) -> Input:
    return Input(at(offset), offset, b"", ClockTick(offset))


def quote(offset: int, instrument: str, bid: str, ask: str) -> Input:
    one = Decimal(1)
    event = QuoteChanged("V", instrument, None, Decimal(bid), one, Decimal(ask), one, None, 1, "A")
    return Input(at(offset), offset, b"", event)


def trade(offset: int, instrument: str, px: str) -> Input:
    one = Decimal(1)
    event = TradePrinted("V", instrument, "1", "BUY", Decimal(px), one, None, 1, "A")
    return Input(at(offset), offset, b"", event)


def request_for(instrument: str) -> OrderRequested:
    values: dict[str, Any] = dict.fromkeys(OrderRequested._fields)
    return OrderRequested(**(values | {"instrument": instrument}))


def judged(policy: Policy, before: Turn, after: Turn) -> list[str]:
    found = Comparison()
    found.add(before, before, after)
    return list(breaches(policy, found))


MORE = order("BUY", "3", "101", "100")
WORSE = order("BUY", "2", "102", "100")
NEW = target("1", "5")


@pytest.mark.parametrize(
    ("policy", "after", "said"),
    [
        pytest.param({"max_changed_share": "0.5"}, MORE, "1 of 1", id="share"),
        pytest.param({"max_exposure_ratio": "1.2"}, MORE, "of orders is 1.5", id="exposure"),
        pytest.param({"max_turnover_ratio": "1.4"}, MORE, "of orders is 1.5", id="turnover"),
        pytest.param({"max_exposure_ratio": "9"}, NEW, "targets is infinitely", id="from nothing"),
        pytest.param({"max_new_denials": 0}, {"event": "OrderDenied"}, "1 new", id="denials"),
        pytest.param({"max_slippage_bps": "50"}, WORSE, "100 bps more", id="slippage"),
    ],
)
def test_limits_of_a_policy(policy: dict[str, Any], after: dict[str, Any], said: str) -> None:
    before = turn(order("BUY", "2", "101", "100"))
    limits = Policy(**({"max_changed_share": None} | policy))
    assert judged(limits, before, before) == []
    [broken] = judged(limits, before, turn(after))
    assert said in broken


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param([order("BUY", "2", "101", None)], [order("BUY", "2", "101", "100")], id="one"),
        pytest.param([order("BUY", "2", "101", None)], [order("BUY", "2", "99", None)], id="both"),
        pytest.param([NEW], [NEW], id="no order"),
    ],
)
def test_a_limit_on_what_no_order_shows_is_refused(before: Any, after: Any) -> None:
    limits = Policy(max_changed_share=None, max_slippage_bps=Decimal(1))
    with pytest.raises(NotMeasured, match=r"^max_slippage_bps: no order could be measured"):
        judged(limits, turn(*before), turn(*after))
    assert judged(Policy(max_changed_share=None), turn(*before), turn(*after)) == []


@pytest.mark.parametrize("limit", ["max_exposure_ratio", "max_turnover_ratio"])
def test_targets_of_ticks_are_limited_too(limit: str) -> None:
    limits = limited(limit)
    before, after = (at_mark(turn(target(qty, None)), "5") for qty in ("1", "1000"))
    assert judged(limits, before, before) == []
    [broken] = judged(limits, before, after)
    assert "of targets is 1000 times" in broken


def limited(limit: str) -> Policy:
    values: dict[str, Any] = {"max_changed_share": None, limit: "2"}
    return Policy(**values)


def at_mark(decided: Turn, mark: str) -> Turn:
    return decided._replace(decisions=[d._replace(mark_px=mark) for d in decided.decisions])


@pytest.mark.parametrize("limit", ["max_exposure_ratio", "max_turnover_ratio"])
@pytest.mark.parametrize(
    ("event", "name"), [(target("1", None), "targets"), (order("BUY", "1", None, None), "orders")]
)
def test_a_limit_on_what_has_no_price_is_refused(limit: str, event: Any, name: str) -> None:
    limits = limited(limit)
    one, none = turn(event), turn(event)._replace(decisions=[])
    for before, after in ((none, one), (one, none)):
        with pytest.raises(NotMeasured, match=rf"^{limit}: no price is known of 1 of the {name}"):
            judged(limits, before, after)
    assert judged(Policy(max_changed_share=None), none, one) == []


def test_where_one_side_asks_for_nothing_the_other_is_judged() -> None:
    limits = Policy(max_changed_share=None, max_slippage_bps=Decimal(1))
    before, after = turn(NEW), turn(NEW, order("BUY", "2", "101", "100"))
    [broken] = judged(limits, before._replace(records=2), after)
    assert "100 bps more" in broken
    assert judged(limits, turn(), turn()) == []


def test_what_was_not_measured_is_no_zero() -> None:
    found = Comparison()
    found.add(*(turn(order("BUY", "2", "101", mark)) for mark in (None, None, "100")))
    assert "| beyond the mark, bps | - | 100 |" in markdown("toy", found, [])
    assert found.as_json()["baseline"]["slippage_bps"] is None


def test_latency_is_a_ratio_of_processor_time() -> None:
    before = turn(TARGET | {"reference_px": None})
    limits = Policy(max_latency_ratio=Decimal(2))
    assert judged(limits, before, before._replace(cpu_ns=200)) == []
    [broken] = judged(limits, before, before._replace(cpu_ns=201))
    assert "201 ns" in broken


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("max_changed_shares: 1", "Extra inputs", id="unknown limit"),
        pytest.param("max_changed_share: 2", "less than or equal to 1", id="not a share"),
        pytest.param("- 1", "not a YAML file of limits", id="a list"),
        pytest.param("a: [", "not a YAML file of limits: .* line 1", id="no YAML"),
        pytest.param("a: 1\na: 2", "not a YAML file of limits: a again in line 2", id="twice"),
    ],
)
def test_bad_policies(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(text)
    with pytest.raises(BadPolicy, match=said):
        load_policy(file)


def test_a_policy_limits_only_what_it_names(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text("max_slippage_bps: 0.1\n")
    assert load_policy(file) == Policy(max_changed_share=None, max_slippage_bps=Decimal("0.1"))
    with pytest.raises(BadPolicy, match="No such file"):
        load_policy(tmp_path / "none")


def test_the_report_tells_verdict_counts_and_examples(log: MemoryLog) -> None:
    found = compare(side(log, True), side(log, True), side(log, True, "x"))
    text = markdown("toy", found, list(breaches(Policy(), found)))
    assert "**FAIL** · " in text
    assert "| size | 60 |" in text
    assert "... and 40 more" in text
    assert "target_qty " in text
    same = compare(side(log, True), side(log, True), side(log, True))
    assert "**PASS** · " in markdown("toy", same, [])
