"""Execution over all lines: inputs and new targets to order requests, event by event.

Market data moves the touch only; a request follows a new target, a clock tick or an event about the
line's own order. `decide` and `evolve` are the specification, `step` does both at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from pipelines.execution import flatten
from pipelines.execution.follow import adjusted, follow_order
from pipelines.execution.line import Line, Root, Touch
from pipelines.execution.policy import Wanted, wanted
from pipelines.execution.requests import (
    REQUESTS,
    Asker,
    Why,
    cancel_requested,
    clipped,
    order_requested,
    parent_for,
    with_cancel,
    with_order,
    with_target,
)
from pipelines.execution.settings import Execution
from pipelines.execution.state import ExecutionState, Key
from pipelines.ids import OutputIds, cl_ord_id, position_id
from pipelines.logic import Input, InputTopic, Output
from schemas.events import (
    CancelRequested,
    ClockTick,
    LogCreated,
    OrderFilled,
    OrderRequested,
    PositionAdjusted,
    QuoteChanged,
    TargetChanged,
    TradePrinted,
    TradingFlattened,
    TradingResumed,
)

INPUTS: Final = tuple(
    InputTopic(topic, broadcast=True)
    for topic in ("ops.control.v1", "risk.decision.v1", "oms.order-event.v1", "recon.position.v1")
)
"""Read whole by every shard: they are keyed by account, lines by instrument."""

ABOUT_ORDERS: Final = frozenset({"risk.decision.v1", "oms.order-event.v1"})
BOOKED: Final = "recon.position.v1"


class Executor:
    """Execution of the strategies that have settings for it; `versions` by strategy."""

    def __init__(
        self, pipeline: str, executions: Mapping[str, Execution], versions: Mapping[str, str]
    ) -> None:
        self._pipeline, self._executions = pipeline, dict(executions)
        self._versions = dict(versions)
        listed = ((name, execution.instruments) for name, execution in executions.items())
        self._terms = {(name, each.instrument): each for name, all_ in listed for each in all_}
        self._followed = frozenset(instrument for _, instrument in self._terms)

    @property
    def traded(self) -> dict[Key, str]:
        """The account of each strategy and instrument with settings."""
        return {key: self._executions[key[0]].account for key in self._terms}

    def decide(self, state: ExecutionState, item: Input, targets: Sequence[Output]) -> list[Output]:
        """What an input leads to, with the targets that it led to. Does not change `state`."""
        return self.step(state.copy(), item, targets)

    def step(self, state: ExecutionState, item: Input, targets: Sequence[Output]) -> list[Output]:
        """The same; changes `state`."""
        if not targets and self._passes(item.event):
            return []
        due = self.follow(state, item)
        if not targets and not due:
            return []
        ids = OutputIds(self._pipeline, item.position)
        whys = {_key(t.event): Why(_root(t.event), ids.next(t.topic, t.key)) for t in targets}
        outputs = [*self._clipped(targets, whys)]
        for target in targets:
            self.evolve(state, target)
            due.append(_key(target.event))
        for key in dict.fromkeys(due):
            output = self._asks(state, key, item, whys.get(key), ids)
            if output is not None:
                self.evolve(state, output)
                outputs.append(output)
        return outputs

    def _passes(self, event: Any) -> bool:
        """Whether an event concerns nothing here: most of the market data."""
        if isinstance(event, QuoteChanged):
            return event.instrument not in self._followed
        return isinstance(event, TradePrinted)

    # ---- state -----------------------------------------------------------------------------------

    def follow(self, state: ExecutionState, item: Input) -> list[Key]:
        """The state after an input; gives the lines that may ask for something now."""
        event = item.event
        if isinstance(event, QuoteChanged):
            if event.instrument in self._followed:
                state.touches[event.instrument] = _touch(item, event)
        elif item.position.topic in ABOUT_ORDERS or _books(item):
            return self._follow_order(state, item)
        elif isinstance(event, ClockTick):
            return sorted(state.lines)
        elif isinstance(event, LogCreated):
            state.log_id = state.log_id or event.log_id
        elif isinstance(event, PositionAdjusted):
            return self._adjust(state, event)
        elif isinstance(event, TradingFlattened | TradingResumed):
            return flatten.follow(state, item)
        return []

    def evolve(self, state: ExecutionState, output: Output) -> None:
        """The state after one of the pipeline's own outputs."""
        event = output.event
        if not isinstance(event, TargetChanged | OrderRequested | CancelRequested):
            return
        key = _key(event)
        if key in self._terms:
            line = state.lines.get(key) or self._begun(state, key)
            state.lines[key] = _after(line, output)

    def _begun(self, state: ExecutionState, key: Key) -> Line:
        return flatten.begun(state, Line(self._executions[key[0]].account), key)

    def _follow_order(self, state: ExecutionState, item: Input) -> list[Key]:
        event = item.event
        if not hasattr(event, "cl_ord_id"):
            return []
        key = _key(event)
        line, terms = state.lines.get(key), self._terms.get(key)
        if line is None or terms is None or event.account != self._executions[key[0]].account:
            return []
        execution = self._executions[key[0]]
        state.lines[key] = follow_order(line, event, item.timestamp_ms, execution, terms)
        return [key]

    def _adjust(self, state: ExecutionState, event: PositionAdjusted) -> list[Key]:
        key = _key(event)
        if key not in self._terms or event.account != self._executions[key[0]].account:
            return []
        state.lines[key] = adjusted(state.lines.get(key) or self._begun(state, key), event)
        return [key]

    # ---- decisions -------------------------------------------------------------------------------

    def _clipped(self, targets: Sequence[Output], whys: Mapping[Key, Why]) -> Iterable[Output]:
        for target in targets:
            key = _key(target.event)
            if key in self._terms and target.event.target_qty < 0:
                account = self._executions[key[0]].account
                yield clipped(target, account, whys[key].causation_id)

    def _asks(
        self, state: ExecutionState, key: Key, item: Input, why: Why | None, ids: OutputIds
    ) -> Output | None:
        """The line's request, if there is one. Without the log's id there is no order."""
        line, terms = state.lines.get(key), self._terms.get(key)
        if line is None or terms is None:
            return None
        execution, touch = self._executions[key[0]], state.touches.get(key[1])
        ask = wanted(line, touch, item.timestamp_ms, execution, terms)
        if ask is None or not state.log_id or (ask == "MARKET_STALE" and _is_late(item, touch)):
            return None
        asker = Asker(execution.account, key[0], self._versions[key[0]], key[1])
        request_id, parent_id = ids.next(REQUESTS, asker.account), position_id(item.position)
        if not isinstance(ask, Wanted):
            assert line.working is not None
            said = why or Why(line.working.root, parent_id)
            return cancel_requested(item, asker, line.working, ask, said)
        assert touch is not None
        name = cl_ord_id(state.log_id, asker.account, request_id, *key)
        said, parent = why or Why(touch.root, parent_id), parent_for(line, ask)
        passive = execution.post_only and line.flat is None
        return order_requested(item, asker, name, parent, ask, passive, said)


def _is_late(item: Input, touch: Touch | None) -> bool:
    """Whether it is older than the touch because it came late: a tick alone says that the clock was
    set back.
    """
    ahead = touch is not None and touch.timestamp_ms > item.timestamp_ms
    return ahead and not isinstance(item.event, ClockTick)


def _key(event: Any) -> Key:
    return event.strategy, event.instrument


def _books(item: Input) -> bool:
    """Whether reconciliation books a fill that the stream never told."""
    return item.position.topic == BOOKED and isinstance(item.event, OrderFilled)


def _root(event: TargetChanged) -> Root:
    return Root(event.correlation_id, event.ts_event_ns, event.ts_recv_ns)


def _touch(item: Input, event: QuoteChanged) -> Touch:
    root = Root(position_id(item.position), event.ts_event_ns, event.ts_recv_ns)
    return Touch(event.bid_px, event.ask_px, root, item.timestamp_ms)


def _after(line: Line, output: Output) -> Line:
    event = output.event
    if isinstance(event, TargetChanged):
        return with_target(line, output)
    if isinstance(event, OrderRequested):
        return with_order(line, event, output.timestamp_ms)
    return with_cancel(line, event, output.timestamp_ms)
