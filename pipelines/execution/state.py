"""The state of execution: a value with one canonical form."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from pipelines.exact import ZERO
from pipelines.execution.line import Done, Line, Parent, Pause, Root, Target, Touch, Working
from pipelines.gateway.scopes import Scope
from pipelines.orders.order import Order
from pipelines.saving import as_json

Key = tuple[str, str]  # strategy, instrument


@dataclass
class ExecutionState:
    """`log_id`: of the log's first control record, empty before it. `touches` by instrument.
    `flattened`: scopes whose positions the desk closes, with the record that says so.
    """

    log_id: str = ""
    touches: dict[str, Touch] = field(default_factory=dict)
    lines: dict[Key, Line] = field(default_factory=dict)
    flattened: dict[Scope, str] = field(default_factory=dict)

    def copy(self) -> ExecutionState:
        """Another state with the same values."""
        tables = dict(self.touches), dict(self.lines), dict(self.flattened)
        return ExecutionState(self.log_id, *tables)


def to_json(state: ExecutionState) -> dict[str, Any]:
    """JSON-ready; equal states give equal values."""
    lines: dict[str, dict[str, Any]] = {}
    for strategy, instrument in sorted(state.lines):
        line = state.lines[strategy, instrument]
        lines.setdefault(strategy, {})[instrument] = _line_json(line)
    touches = {name: as_json(touch) for name, touch in sorted(state.touches.items())}
    flattened = [[*scope, name] for scope, name in state.flattened.items()]
    flattened.sort(key=lambda row: [part or "" for part in row])
    return {"log_id": state.log_id, "lines": lines, "touches": touches, "flattened": flattened}


def from_json(body: dict[str, Any]) -> ExecutionState:
    """The state again, also from before positions could be closed."""
    lines = {
        (strategy, instrument): _line(value)
        for strategy, instruments in body["lines"].items()
        for instrument, value in instruments.items()
    }
    touches = {name: _touch(*value) for name, value in body["touches"].items()}
    flattened = {tuple(scope): name for *scope, name in body.get("flattened", ())}
    return ExecutionState(body["log_id"], touches, lines, flattened)


def _line_json(line: Line) -> dict[str, Any]:
    return {name: as_json(value) for name, value in line._asdict().items()}


def _line(value: dict[str, Any]) -> Line:
    return Line(
        value["account"],
        Decimal(value["position"]),
        _opt(value["target"], _target),
        _opt(value["working"], _working),
        _opt(value["parent"], _parent),
        _opt(value["pause"], Pause),
        tuple(
            (name, Done(ended_ms, _trades(trades))) for name, (ended_ms, trades) in value["done"]
        ),
        frozenset(value["adjustments"]),
        _opt(value.get("flat"), _target),
    )


def _opt(value: list[Any] | None, make: Any) -> Any:
    return None if value is None else make(*value)


def _touch(bid_px: str, ask_px: str, root: list[Any], timestamp_ms: int) -> Touch:
    return Touch(Decimal(bid_px), Decimal(ask_px), Root(*root), timestamp_ms)


def _target(qty: str, target_id: str, parents: int) -> Target:
    return Target(Decimal(qty), target_id, parents)


def _parent(parent_id: str, qty: str, side: Any, filled_qty: str, children: int) -> Parent:
    return Parent(parent_id, Decimal(qty), side, Decimal(filled_qty), children)


def _working(name: str, order: list[Any], side: Any, price: str, *rest: Any) -> Working:
    requested_ms, parent_id, root, cancel_ms = rest
    made = _order(*order)
    return Working(
        name, made, side, Decimal(price), requested_ms, parent_id, Root(*root), cancel_ms
    )


def _order(qty: str, state: Any, cum: str, final: str | None, trades: list[list[str]]) -> Order:
    final_qty = None if final is None else Decimal(final)
    return Order(Decimal(qty), state, Decimal(cum), final_qty, _trades(trades))


def _trades(trades: list[list[str]]) -> frozenset[tuple[str, str]]:
    return frozenset((order_id, trade_id) for order_id, trade_id in trades)


def idle(line: Line) -> bool:
    """Whether leaving the line behind would lose nothing."""
    return line.working is None and line.position == ZERO
