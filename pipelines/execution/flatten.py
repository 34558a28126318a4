"""Closing positions because the desk says so: within a scope every line is led to zero, whatever is
wanted of it, until exactly that scope is resumed. Then the wanted positions hold again.
"""

from __future__ import annotations

from pipelines.exact import ZERO
from pipelines.execution.line import Line, Target
from pipelines.execution.state import ExecutionState, Key
from pipelines.gateway.scopes import Scope, within
from pipelines.ids import position_id
from pipelines.logic import Input
from schemas.events import TradingFlattened, TradingResumed


def follow(state: ExecutionState, item: Input) -> list[Key]:
    """The state after the desk's word; gives the lines it concerns. Who flattens or resumes waits
    for nothing: refusals of before are forgotten.
    """
    event: TradingFlattened | TradingResumed = item.event
    scope: Scope = (event.account, event.strategy, event.instrument)
    if isinstance(event, TradingFlattened):
        state.flattened.setdefault(scope, position_id(item.position))
    else:
        state.flattened.pop(scope, None)
    concerned = [key for key in sorted(state.lines) if _covers(scope, state.lines[key], key)]
    for key in concerned:
        line = state.lines[key]
        flat = begun(state, line, key).flat
        # The one it is on keeps its count of parents.
        state.lines[key] = line._replace(flat=(line.flat or flat) if flat else None, pause=None)
    return concerned


def begun(state: ExecutionState, line: Line, key: Key) -> Line:
    """The line with a target of zero where its positions are closed, without one elsewhere."""
    names = [name for scope, name in state.flattened.items() if _covers(scope, line, key)]
    if not names:
        return line._replace(flat=None)
    return line._replace(flat=Target(ZERO, f"{key[0]}/{key[1]}/{min(names)}"))


def _covers(scope: Scope, line: Line, key: Key) -> bool:
    return within(scope, (line.account, *key))
