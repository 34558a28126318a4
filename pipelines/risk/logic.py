"""The risk pipeline: order requests to approvals and denials, one shard per desk.

One shard, so that limits hold over the whole desk. An undecodable record halts: on the trading path
nothing is left out but by a person's word. State follows inputs and own outputs; an approval counts
from the very next request on.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import localcontext
from typing import Any, Final

from pipelines.dead_letters import refuse_unreadable
from pipelines.exact import EXACTLY
from pipelines.logic import Batch, Input, InputTopic, Output
from pipelines.risk import clock, control, ledger, positions, saved
from pipelines.risk.checks import judge
from pipelines.risk.decisions import (
    DECISIONS,
    approved,
    cancel_asked,
    cancel_passed,
    denied,
)
from pipelines.risk.denial import Denial
from pipelines.risk.state import RiskState, cell_of
from schemas.events import (
    CancelRequested,
    ClockTick,
    GatewayReady,
    LimitsChanged,
    MarkPublished,
    OrderApproved,
    OrderFilled,
    OrderRequested,
    PositionAdjusted,
    TradingResumed,
    TransferAnnounced,
)

NS_PER_MS: Final = 1_000_000
ORDER_EVENTS: Final = "oms.order-event.v1"
BOOKED: Final = "recon.position.v1"  # fills that the venue lists and no order event told


class RiskLogic:
    """See `pipelines.logic.Logic`. Control comes before requests of the same millisecond. What
    changes holdings is urgent: in one epoch with an older request it would come behind it.
    """

    name = "risk"
    inputs = (
        InputTopic("ops.control.v1", broadcast=True),
        InputTopic("recon.control.v1"),
        InputTopic(ORDER_EVENTS),
        InputTopic(BOOKED),
        InputTopic("md.mark.v1", broadcast=True, urgent=False),
        InputTopic("ops.clock.v1", broadcast=True, urgent=False),
        InputTopic("oms.order-request.v1"),
    )
    outputs = (DECISIONS,)
    state_version = saved.VERSION

    def initial(self) -> RiskState:
        return RiskState()

    def decide(self, state: RiskState, item: Input) -> list[Output]:
        with localcontext(EXACTLY):
            return _decide(state, item)

    def evolve(self, state: RiskState, fact: Input | Output) -> RiskState:
        with localcontext(EXACTLY):
            _evolve_input(state, fact) if isinstance(fact, Input) else _evolve_output(state, fact)
        return state

    def step(self, state: RiskState, batch: Batch) -> tuple[RiskState, list[Output]]:
        refuse_unreadable(batch.errors)
        outputs: list[Output] = []
        with localcontext(EXACTLY):
            for item in batch.rows():
                event = item.event
                if event.__class__ is OrderRequested:  # by far the most: no list for each
                    outputs.append(_answer_at_once(state, item, event))
                else:
                    outputs += _follow(state, item)
        return state, outputs

    def follow(self, state: RiskState, item: Input) -> list[Output]:
        """`step` for one record; changes `state`."""
        with localcontext(EXACTLY):
            return _follow(state, item)

    def dump(self, state: RiskState) -> bytes:
        with localcontext(EXACTLY):
            return saved.dump(state)

    def load(self, body: bytes, version: int) -> RiskState:
        with localcontext(EXACTLY):
            return saved.load(body, version)


def _follow(state: RiskState, item: Input) -> list[Output]:
    event = item.event
    if event.__class__ is OrderRequested:
        return [_answer_at_once(state, item, event)]
    decided = _decide(state, item)
    _evolve_input(state, item)
    return decided


def _decide(state: RiskState, item: Input) -> list[Output]:
    event = item.event
    if isinstance(event, OrderRequested):
        return [_answer(state, item, event, _now_ns(state, item))]
    if isinstance(event, CancelRequested):
        return [cancel_passed(item, event)]
    if item.position.topic in CONTROL:
        found = control.cancelled_by(state, event)
        return [cancel_asked(item, *cancelled) for cancelled in found]
    return []


CONTROL: Final = ("ops.control.v1", "recon.control.v1")


def _answer(state: RiskState, item: Input, request: OrderRequested, now_ns: int) -> Output:
    asked, tick = request[:15], request[17:]
    cell = cell_of(state, asked[0], asked[1], asked[4])
    found = judge(state, cell, asked, tick[3], now_ns)
    if isinstance(found, Denial):
        return denied(item, asked, tick, cell, state, found)
    return approved(item, asked, tick, cell, state, found[2])


def _answer_at_once(state: RiskState, item: Input, request: OrderRequested) -> Output:
    """`_answer` and what follows from it, with nothing looked up or reckoned twice."""
    state.now_ns = now_ns = _now_ns(state, item)
    asked, tick = request[:15], request[17:]
    key = (asked[0], asked[1], asked[4])
    cell = state.cells.get(key) or cell_of(state, *key)
    found = judge(state, cell, asked, tick[3], now_ns)
    if isinstance(found, Denial):
        output = denied(item, asked, tick, cell, state, found)
        _evolve_output(state, output)
        return output
    output = approved(item, asked, tick, cell, state, found[2])
    ledger.admit(state, cell, asked, found, tick[0])
    return output


def _now_ns(state: RiskState, item: Input) -> int:
    """Log time: it goes back with the clock alone."""
    at_ns = item.timestamp_ms * NS_PER_MS
    return at_ns if at_ns > state.now_ns else state.now_ns


def _evolve_input(state: RiskState, item: Input) -> None:
    state.now_ns = _now_ns(state, item)
    event = item.event
    follow = FOLLOWED.get(event.__class__)
    if follow is not None:
        follow(state, event)
    elif item.position.topic == ORDER_EVENTS or event.__class__ is OrderFilled:
        ledger.follow_order(state, event)
    elif (latched := control.LATCHES.get(event.__class__)) is not None:
        control.latch(state, (event.account, event.strategy, event.instrument), latched)


def _ready(state: RiskState, event: GatewayReady) -> None:
    state.ready[event.account] = state.now_ns


FOLLOWED: Final[dict[type[Any], Callable[[RiskState, Any], None]]] = {
    ClockTick: clock.tick,
    GatewayReady: _ready,
    LimitsChanged: control.change_limits,
    MarkPublished: positions.follow_mark,
    PositionAdjusted: positions.adjust,
    TradingResumed: control.resume,
    TransferAnnounced: positions.transfer,
}


def _evolve_output(state: RiskState, output: Output) -> None:
    event = output.event
    if event.__class__ is OrderApproved:
        ledger.approve(state, event)
    elif (scope := control.own_pause(event)) is not None:
        control.latch(state, scope, "PAUSED")
