"""No sequence of approvals can exceed a limit.

1. Two strategies ask for orders of any size; the venue accepts, fills (also twice), cancels, loses
   and finds them again; marks move; people reduce and resume; risk restarts.
2. A model keeps every approved order and counts from the beginning, in the plainest way, what could
   be held, owed and open if everything that may still fill did.
3. After every step the model's worst case lies within each limit, for the desk and each strategy.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal, localcontext
from typing import Any, NamedTuple

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

from pipelines.exact import EXACTLY
from schemas.events import Limit, LimitsChanged, OrderApproved, OrderRequested
from tests.pipelines.orders.events import event
from tests.pipelines.risk.rig import INSTRUMENT, Desk, limits_of, request

ZERO = Decimal(0)
STRATEGIES = ("ema", "s2")
WIDE = {
    "POSITION_QTY_MAX": "1000",
    "EXPOSURE_GROSS_MAX": "100000",
    "ORDERS_OPEN_MAX": "30",
    "ORDERS_PER_SECOND_MAX": "30",
    "ORDERS_PER_MINUTE_MAX": "90",
    "ORDER_NOTIONAL_MAX": "2500",
}


class Profile(NamedTuple):
    """Which limits are tight: one at a time, so that none hides behind another."""

    desk: dict[str, str]
    each: dict[str, str]
    cash: str = "100000"


PROFILES = (
    Profile({"POSITION_QTY_MAX": "50"}, {"POSITION_QTY_MAX": "30"}),
    Profile({"EXPOSURE_GROSS_MAX": "5000"}, {"EXPOSURE_GROSS_MAX": "3500"}),
    Profile({"ORDERS_OPEN_MAX": "6"}, {"ORDERS_OPEN_MAX": "4"}),
    Profile({"ORDERS_PER_SECOND_MAX": "5"}, {"ORDERS_PER_SECOND_MAX": "4"}),
    Profile({"ORDERS_PER_MINUTE_MAX": "7"}, {"ORDERS_PER_MINUTE_MAX": "5"}),
    Profile({}, {}, cash="3000"),
)
RATES = ("ORDERS_PER_SECOND_MAX", 1_000), ("ORDERS_PER_MINUTE_MAX", 60_000)


@dataclass
class Known:
    """An approved order as the model sees it; `final` once it ended."""

    order: OrderRequested
    px: Decimal
    final: Decimal | None = None
    fills: dict[str, tuple[Decimal, Decimal]] = field(default_factory=dict)

    @property
    def filled(self) -> Decimal:
        return sum((qty for qty, _ in self.fills.values()), ZERO)

    @property
    def open_qty(self) -> Decimal:
        return (self.order.order_qty if self.final is None else self.final) - self.filled

    @property
    def is_buy(self) -> bool:
        return self.order.side == "BUY"

    def of(self, strategy: str | None) -> bool:
        return strategy in (None, self.order.strategy)


class LimitsHold(RuleBasedStateMachine):
    live: Any = Bundle("live")
    ended: Any = Bundle("ended")

    def __init__(self) -> None:
        super().__init__()
        self.known: list[Known] = []
        self.approved_ms: list[tuple[int, str]] = []
        self.mark = Decimal(100)

    @initialize(profile=st.sampled_from(PROFILES))
    def begin(self, profile: Profile) -> None:
        self.of_desk, self.of_each = {**WIDE, **profile.desk}, {**WIDE, **profile.each}
        self.desk = Desk(**self.of_desk).begin()
        self.desk.put("ops.control.v1", self.limits(2))
        self.cash = Decimal(profile.cash)
        self.desk.play(f"cash:{self.cash - 20_000}")

    def limits(self, version: int) -> LimitsChanged:
        whole = limits_of(self.desk.limits, version)
        own: list[Limit] = []
        for strategy in STRATEGIES:
            own += limits_of(self.of_each, scope=(None, strategy)).limits
        return whole._replace(limits=(*whole.limits, *own))

    @property
    def levels(self) -> list[tuple[str | None, dict[str, str]]]:
        return [(None, self.of_desk), *((strategy, self.of_each) for strategy in STRATEGIES)]

    # ---- what happens ----------------------------------------------------------------------------

    @rule(
        target=live,
        strategy=st.sampled_from(STRATEGIES),
        side=st.sampled_from(["BUY", "SELL"]),
        qty=st.sampled_from(["1", "5.5", "12", "20", "24.5"]),
        offset=st.none() | st.sampled_from(["-1", "-0.5", "0", "0.5", "1"]),
    )
    def ask(self, strategy: str, side: str, qty: str, offset: str | None) -> Known | None:
        price = None if offset is None else str(self.mark + Decimal(offset))
        order = request(f"o{len(self.desk.inputs)}", side, qty, price)._replace(strategy=strategy)
        answer = self.desk.ask(order)
        if not isinstance(answer, OrderApproved):
            return None
        known = Known(order, order.price or self.mark * Decimal("1.01"))
        self.known.append(known)
        self.approved_ms.append((self.desk.now_ms, strategy))
        self.exposure_holds()
        assert known.px * order.order_qty <= Decimal(WIDE["ORDER_NOTIONAL_MAX"])
        return known

    def send(self, kind: str, known: Known, **given: Any) -> None:
        order = known.order
        told = {"strategy": order.strategy, "side": order.side, "cl_ord_id": order.cl_ord_id}
        item = event(kind, order_id=order.cl_ord_id, **told, **given)
        self.desk.put("oms.order-event.v1", item)

    @rule(known=live)
    def accept(self, known: Known | None) -> None:
        if known:
            self.send("OrderSubmitting", known)
            self.send("OrderAccepted", known)

    @rule(known=st.one_of(live, ended), part=st.sampled_from(["1", "0.5", "0.25"]))
    def fill(self, known: Known | None, part: str) -> None:
        """At the limit or better; every third fill is told twice."""
        if not known or not known.open_qty:
            return
        self.send("OrderSubmitting", known)
        qty, px = known.open_qty * Decimal(part), known.px if known.is_buy else self.mark
        name = f"x{len(self.desk.inputs)}"
        known.fills[name] = (qty, px)
        for _ in range(1 + (len(known.fills) % 3 == 0)):
            self.send("OrderFilled", known, last_qty=qty, last_px=px, trade_id=name)

    @rule(known=live)
    def doubt(self, known: Known | None) -> None:
        if known:
            self.send("OrderSubmitting", known)
            self.send("OrderOutcomeUnknown", known)

    @rule(target=ended, known=consumes(live), how=st.sampled_from(["cancel", "late", "absent"]))
    def end(self, known: Known | None, how: str) -> Known | None:
        """Canceled; canceled with a fill that comes later; or never there, as queries show."""
        if not known or known.final is not None or not known.open_qty:
            return known
        self.send("OrderSubmitting", known)
        late = known.open_qty / 2 if how == "late" else ZERO
        known.final = known.filled + late
        if how == "absent" and not known.fills:
            self.send("OrderOutcomeUnknown", known)
            self.send("OrderResolved", known, resolution="ABSENT", cum_qty=ZERO)
        else:
            self.send("OrderCanceled", known, cum_qty=known.final)
        return known

    @rule(px=st.sampled_from(["96", "99", "100", "101.5", "104"]))
    def move(self, px: str) -> None:
        self.mark = Decimal(px)
        self.desk.play(f"mark:{px}")

    @rule(seconds=st.sampled_from(["0.2", "1", "1.5"]))
    def wait(self, seconds: str) -> None:
        self.desk.play(f"+{seconds}s mark:{self.mark}")

    @rule()
    def restart(self) -> None:
        """From its own snapshot."""
        logic = self.desk.logic
        self.desk.state = logic.load(logic.dump(self.desk.state), 1)

    @rule()
    def reduce_and_resume(self) -> None:
        self.desk.play("reduce resume")

    # ---- what must hold --------------------------------------------------------------------------

    @invariant()
    def positions_and_counts_hold(self) -> None:
        for strategy, limits in self.levels:
            own = [known for known in self.known if known.of(strategy)]
            held = sum((k.filled if k.is_buy else -k.filled for k in own), ZERO)
            buys = sum((k.open_qty for k in own if k.is_buy), ZERO)
            assert held + buys <= Decimal(limits["POSITION_QTY_MAX"])
            assert sum(1 for k in own if k.open_qty) <= int(limits["ORDERS_OPEN_MAX"])
            times = [at for at, name in self.approved_ms if strategy in (None, name)]
            for kind, window_ms in RATES:
                pairs = zip(times, times[int(limits[kind]) :], strict=False)
                assert all(late - early >= window_ms for early, late in pairs)

    @invariant()
    def nothing_is_sold_that_is_not_held(self) -> None:
        for strategy in STRATEGIES:
            own = [known for known in self.known if known.of(strategy)]
            held = sum((k.filled if k.is_buy else -k.filled for k in own), ZERO)
            assert held - sum((k.open_qty for k in own if not k.is_buy), ZERO) >= ZERO

    @invariant()
    def money_suffices(self) -> None:
        paid = sum(
            ((q * px if k.is_buy else -q * px) for k in self.known for q, px in k.fills.values()),
            ZERO,
        )
        owed = sum((k.open_qty * k.px for k in self.known if k.is_buy), ZERO)
        assert self.cash - paid - owed >= ZERO

    @invariant()
    def the_sums_are_those_of_the_model(self) -> None:
        with localcontext(EXACTLY):
            for strategy in STRATEGIES:
                own = [k for k in self.known if k.of(strategy)]
                cell = self.desk.state.cells.get(("sim-1", strategy, INSTRUMENT))
                held = sum((k.filled if k.is_buy else -k.filled for k in own), ZERO)
                buys = sum((k.open_qty for k in own if k.is_buy), ZERO)
                assert (held, buys) == ((cell.position, cell.open_buy) if cell else (ZERO, ZERO))

    def exposure_holds(self) -> None:
        """At the moment of an approval; the market may raise it afterwards."""
        for strategy, limits in self.levels:
            own = [known for known in self.known if known.of(strategy)]
            held = sum((k.filled if k.is_buy else -k.filled for k in own), ZERO)
            owed = sum((k.open_qty * k.px for k in own if k.is_buy), ZERO)
            if self.known[-1].is_buy and self.known[-1].of(strategy):
                assert held * self.mark + owed <= Decimal(limits["EXPOSURE_GROSS_MAX"])


TestLimitsHold = LimitsHold.TestCase
TestLimitsHold.settings = settings(max_examples=250, stateful_step_count=40, deadline=None)
