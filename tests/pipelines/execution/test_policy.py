"""What execution asks for, case by case; every input also goes through the row twin.

1. order: side, price at the touch, child size, lots, causes, ids
2. cancel: target changed, timed out away from the touch, stale market; then the rest, never amended
3. refusals pause; doubt and missing fills keep the quantity reserved; a fill counts once
4. long only, settings that are wrong, states of other versions
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from pipelines.execution.executor import Executor
from pipelines.execution.settings import BadExecution, execution_of
from pipelines.logic import StateVersionError
from pipelines.strategy.logic import StrategyLogic
from pipelines.strategy.signal import LoadedSignal
from schemas.events import CancelRequested, OrderRequested, TargetChanged, TargetClipped
from tests.pipelines.batches import local_codec
from tests.pipelines.execution.rig import BTC, OPTIONS, STRATEGY, Rig, Told, logic, options
from tests.pipelines.orders.events import event


def started(**changed: Any) -> Rig:
    return Rig(options(**changed)).start()


def only(found: list[Any], kind: type[Any]) -> Any:
    """The one event of a kind among those found."""
    [one] = [item for item in found if isinstance(item, kind)]
    return one


def requested(found: list[Any]) -> OrderRequested:
    request: OrderRequested = only(found, OrderRequested)
    return request


def test_an_order_at_the_near_touch_with_its_causes() -> None:
    rig = started()
    changed, request = rig.want("1.5")
    assert isinstance(changed, TargetChanged)
    assert (request.side, request.ord_type, request.time_in_force) == ("BUY", "LIMIT", "GTC")
    assert (request.price, request.order_qty) == (Decimal("99.5"), Decimal("1.5"))
    assert (request.account, request.venue, request.instrument) == ("sim-1", "BINANCE", BTC)
    assert request.strategy_version == changed.strategy_version
    assert request.correlation_id == "md.trade.v1/0/0"
    assert request.causation_id == f"strategy/md.trade.v1/0/0/signal.target.v1/{BTC}/0"
    assert request.ts_recv_ns == rig.now_ms * 10**6
    local_codec().encode(request)


@pytest.mark.parametrize(
    ("touch", "side", "px"),
    [
        pytest.param("near", "BUY", "99.5", id="join the bid"),
        pytest.param("far", "BUY", "100.5", id="take the ask"),
        pytest.param("near", "SELL", "100.5", id="join the ask"),
        pytest.param("far", "SELL", "99.5", id="take the bid"),
    ],
)
def test_the_touch(touch: str, side: str, px: str) -> None:
    rig = started(touch=touch)
    request = requested(rig.want("1"))
    if side == "SELL":
        rig.accept(request)
        rig.fill(request, "1")
        request = requested(rig.want("0"))
    assert (request.side, request.price) == (side, Decimal(px))


def test_a_price_between_ticks_becomes_the_tick_that_costs_no_more() -> None:
    rig = started()
    rig.quote("99.7", "100.2")
    bought = requested(rig.want("1"))
    assert bought.price == Decimal("99.5")
    rig.accept(bought)
    rig.fill(bought, "1")
    assert requested(rig.want("0")).price == Decimal("100.5")


def test_children_of_one_parent_fill_it_exactly() -> None:
    rig = started()
    sizes, asked = [], rig.want("5.05")
    while asked:
        request = requested(asked)
        sizes.append((request.order_qty, request.child, request.parent_qty))
        parent = request.parent_id
        rig.accept(request)
        asked = rig.fill(request, request.order_qty)
        assert all(each.parent_id == parent for each in asked)
    whole = Decimal(5)
    assert sizes == [(Decimal(2), 0, whole), (Decimal(2), 1, whole), (Decimal(1), 2, whole)]
    assert rig.line.position == 5


def test_nothing_is_asked_for_below_a_lot_or_the_smallest_order() -> None:
    assert not [e for e in started().want("0.09") if isinstance(e, OrderRequested)]
    rig = started(notional_min="100")
    assert not [e for e in rig.want("1") if isinstance(e, OrderRequested)]
    assert requested(rig.want("1.1"))


def test_nothing_is_asked_for_without_a_fresh_touch() -> None:
    rig = started()
    rig.now_ms += 2_001
    assert [type(found) for found in rig.want("1")] == [TargetChanged]
    rig.quote()
    request = requested(rig.tick())
    assert request.correlation_id == "md.quote.v1/0/1"
    assert request.causation_id == "ops.clock.v1/0/0"


def test_nothing_is_asked_for_before_the_log_has_its_id() -> None:
    rig = Rig()
    rig.quote()
    assert [type(found) for found in rig.want("1")] == [TargetChanged]


def test_ids_differ_by_log_and_account_alone() -> None:
    first = requested(started().want("1")).cl_ord_id
    assert requested(started().want("1")).cl_ord_id == first
    other = Rig()
    other.feed(event("LogCreated", log_id="other"))
    other.quote()
    ids = {first, requested(other.want("1")).cl_ord_id}
    ids.add(requested(started(account="sim-2").want("1")).cl_ord_id)
    assert len(ids) == 3
    assert all(len(each) <= 36 and each.isalnum() and each.isupper() for each in ids)


# ---- cancels -------------------------------------------------------------------------------------


def test_a_smaller_target_cancels_then_asks_for_the_rest() -> None:
    rig = started()
    request = requested(rig.want("2"))
    rig.accept(request)
    rig.fill(request, "0.5")
    cancel = only(rig.want("1"), CancelRequested)
    assert (cancel.cl_ord_id, cancel.reason) == (request.cl_ord_id, "TARGET_CHANGED")
    assert rig.tell("OrderPendingCancel", request) == []
    rest = requested(rig.tell("OrderCanceled", request, cum_qty=Decimal("0.5"), reason="UNKNOWN"))
    assert rest.order_qty == Decimal("0.5")
    assert rest.parent_id != request.parent_id


def test_a_larger_target_leaves_the_order_and_asks_for_the_rest_later() -> None:
    rig = started()
    request = requested(rig.want("1"))
    rig.accept(request)
    assert [type(found) for found in rig.want("2")] == [TargetChanged]
    assert requested(rig.fill(request, "1")).order_qty == 1


def test_an_order_away_from_the_touch_times_out_and_is_priced_again() -> None:
    rig = started()
    request = requested(rig.want("1"))
    rig.accept(request)
    rig.now_ms += 5_000
    rig.quote()
    assert rig.tick(0) == []  # still at the touch: its place in the queue is worth keeping
    rig.quote("101", "102")
    cancel = only(rig.tick(0), CancelRequested)
    assert cancel.reason == "ORDER_TIMED_OUT"
    assert cancel.correlation_id == request.correlation_id
    again = requested(rig.tell("OrderCanceled", request, reason="ORDER_TIMED_OUT"))
    assert again.price == 101
    assert again.parent_id == request.parent_id
    assert again.child == 1


def test_an_order_in_a_stale_market_is_canceled() -> None:
    rig = started()
    rig.accept(requested(rig.want("1")))
    assert rig.tick(2_000) == []
    assert only(rig.tick(1), CancelRequested).reason == "MARKET_STALE"


def test_a_cancel_is_asked_for_once_and_again_only_after_a_while() -> None:
    rig = started()
    request = requested(rig.want("2"))
    rig.accept(request)
    assert only(rig.want("1"), CancelRequested)
    assert rig.tell("OrderCancelRejected", request) == []
    assert rig.tick(4_999) == []
    assert only(rig.tick(1), CancelRequested).reason == "TARGET_CHANGED"


def test_an_order_not_yet_submitted_is_canceled_once_it_is() -> None:
    rig = started()
    request = requested(rig.want("2"))
    assert [type(found) for found in rig.want("1")] == [TargetChanged]
    rig.tell("OrderApproved", request)
    assert only(rig.tell("OrderSubmitting", request), CancelRequested)


# ---- refusals, doubt, fills ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind", ["OrderDenied", "OrderRejected", "DecisionExpired", "OrderExpired"]
)
def test_a_refusal_is_not_repeated_at_once_and_pauses_grow(kind: str) -> None:
    rig = started()
    request, waits = requested(rig.want("1")), []
    for _ in range(3):
        if kind != "OrderDenied":
            rig.tell("OrderSubmitting", request)
        assert rig.tell(kind, request) == []
        start, found = rig.now_ms, list[Any]()
        while not found:
            rig.now_ms += 500
            rig.quote()
            found = rig.tick(0)
        waits.append(rig.now_ms - start)
        request = requested(found)
    assert waits == [1_000, 2_000, 4_000]


def test_a_pause_holds_for_its_side_alone() -> None:
    rig = started()
    request = requested(rig.want("1"))
    rig.accept(request)
    rig.fill(request, "1")
    rig.tell("OrderDenied", requested(rig.want("2")))
    assert requested(rig.want("0")).side == "SELL"


def test_an_order_in_doubt_stays_reserved_until_it_is_resolved() -> None:
    rig = started()
    request = requested(rig.want("2"))
    rig.tell("OrderSubmitting", request)
    assert rig.tell("OrderOutcomeUnknown", request) == []
    assert rig.tick() == []
    assert [type(found) for found in rig.want("1")] == [TargetChanged]
    rig.quote()
    assert rig.tell("OrderResolved", request, resolution="FILLED", cum_qty=Decimal(2)) == []
    sale = requested(rig.fill(request, "2"))
    assert (sale.side, sale.order_qty) == ("SELL", Decimal(1))


def test_the_rest_waits_for_the_fills_that_the_end_names() -> None:
    rig = started()
    request = requested(rig.want("2"))
    rig.accept(request)
    assert only(rig.want("1"), CancelRequested)
    assert rig.tell("OrderCanceled", request, cum_qty=Decimal("0.5")) == []
    assert requested(rig.fill(request, "0.5")).order_qty == Decimal("0.5")


def test_a_fill_counts_once_also_after_the_end_and_when_reconciliation_books_it() -> None:
    rig = started()
    request = requested(rig.want("2"))
    rig.accept(request)
    rig.fill(request, "1", "1")
    rig.fill(request, "1", "1")
    assert rig.line.position == 1
    rig.fill(request, "1", "2")
    rig.fill(request, "1", "2")
    rig.fill(request, "1", "2", topic="recon.position.v1", reconciled=True)
    assert rig.line.position == 2
    rig.fill(request, "0.5", "3", topic="recon.position.v1", reconciled=True)
    assert rig.line.position == Decimal("2.5")
    rig.fill(request, "0.5", "3")
    assert rig.line.position == Decimal("2.5")


def test_a_fill_that_the_orders_state_does_not_allow_still_moves_the_position() -> None:
    rig = started()
    request = requested(rig.want("2"))
    rig.accept(request)
    rig.fill(request, "3")
    assert rig.line.position == 3


def test_a_fee_in_the_base_asset_is_taken_off_and_bought_again() -> None:
    rig = started()
    request = requested(rig.want("2"))
    rig.accept(request)
    fee: dict[str, Any] = {"commission": Decimal("0.2"), "comm_currency": "BTC"}
    again = requested(rig.fill(request, "2", **fee))
    assert again.order_qty == Decimal("0.2")
    assert again.parent_id != request.parent_id, "the first parent is full"


def test_a_correction_by_hand_counts_once() -> None:
    rig = started()
    request = requested(rig.want("2"))
    rig.tell("OrderDenied", request)
    fields = {"adjustment_id": "a", "strategy": STRATEGY, "qty": Decimal("1.5"), "price": None}
    for _ in range(2):
        rig.feed(event("PositionAdjusted", **fields))
    assert rig.line.position == Decimal("1.5")


def test_a_target_below_zero_is_clipped_with_an_event() -> None:
    rig = started()
    changed, clip = rig.want("-1")
    assert (changed.target_qty, clip.target_qty, clip.clipped_qty) == (-1, -1, 0)
    assert clip.causation_id == f"strategy/md.trade.v1/0/0/signal.target.v1/{BTC}/0"
    local_codec().encode(clip)
    assert isinstance(clip, TargetClipped)


# ---- settings and states -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        pytest.param({"lot_size": "0"}, "lot_size must be above 0", id="no lot"),
        pytest.param({"child_qty_max": "0.15"}, "multiple of lot_size", id="odd child"),
        pytest.param({"tick_size": "1e-11"}, "tick_size", id="too fine"),
        pytest.param({"touch": "middle"}, "touch", id="unknown touch"),
        pytest.param({"post_only": True, "touch": "far"}, "post_only", id="contradiction"),
        pytest.param({"account": ""}, "account", id="no account"),
        pytest.param({"backoff_ms": 0}, "times", id="no time"),
        pytest.param({"size": 1}, "size", id="unknown field"),
    ],
)
def test_wrong_settings_are_one_line(changed: dict[str, Any], says: str) -> None:
    with pytest.raises(BadExecution, match=says) as raised:
        options(**changed)
    assert "\n" not in str(raised.value)


def test_an_instrument_given_twice_is_refused() -> None:
    with pytest.raises(BadExecution, match="given twice"):
        execution_of("s", {**OPTIONS, "instruments": OPTIONS["instruments"] * 2})


@pytest.mark.parametrize("followed", ["ETHUSDT.BINANCE", "BTCUSDT"])
def test_what_trades_must_be_followed(followed: str) -> None:
    """Else nothing would ever move its position."""
    loaded = LoadedSignal(STRATEGY, Told(), b"\1" * 32, frozenset([followed]))
    executor = Executor("strategy", {STRATEGY: options()}, {STRATEGY: "v"})
    says = "signal told: execution: BTCUSDT.BINANCE is none of the instruments that it follows"
    with pytest.raises(BadExecution, match=says):
        StrategyLogic([loaded], executor=executor)
    both = frozenset([followed, "BTCUSDT.BINANCE"])
    StrategyLogic([loaded._replace(instruments=both)], executor=executor)


def test_a_position_is_never_left_behind() -> None:
    rig = started()
    request = requested(rig.want("1"))
    bare = StrategyLogic([LoadedSignal(STRATEGY, Told(), b"\1" * 32)])
    with pytest.raises(StateVersionError, match="order or a position of told"):
        bare.load(rig.logic.dump(rig.state), 2)
    with pytest.raises(StateVersionError, match="on account sim-1"):
        logic(options(account="sim-2")).load(rig.logic.dump(rig.state), 2)
    rig.tell("OrderDenied", request)
    assert bare.load(rig.logic.dump(rig.state), 2).execution is None


def test_a_state_without_execution_gets_it_with_the_targets_known() -> None:
    bare = StrategyLogic([LoadedSignal(STRATEGY, Told(), b"\1" * 32)])
    rig = Rig()
    rig.logic = bare
    rig.state, rig.twin = bare.initial(), bare.initial()
    rig.want("1")
    loaded = logic().load(bare.dump(rig.state), 1)
    rig.logic, rig.state = logic(), loaded
    rig.twin = logic().load(bare.dump(rig.twin), 1)
    rig.start()
    assert requested(rig.tick()).order_qty == 1
