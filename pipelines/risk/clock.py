"""What the clock says: the time, which it may be set back to, and what ends with a day."""

from __future__ import annotations

from collections import deque

from pipelines.risk.checks import CLOCK_AGE_MAX_NS
from pipelines.risk.state import DAY_NS, Level, RiskState
from schemas.events import ClockTick


def tick(state: RiskState, event: ClockTick) -> None:
    """Time goes on, and days end. It goes back only where the clock was set back."""
    ahead_ns = state.now_ns - event.ts_ns
    if ahead_ns > CLOCK_AGE_MAX_NS:
        _set_back(state, event.ts_ns, ahead_ns)
    state.now_ns = max(state.now_ns, event.ts_ns)
    state.clock_ns = max(state.clock_ns, event.ts_ns)
    day = event.ts_ns // DAY_NS
    if day > state.day:
        if state.day >= 0:
            for level in state.levels.values():
                _begin_day(level)
            _forget(state, day - 1)
        state.day = day


def _set_back(state: RiskState, now_ns: int, by_ns: int) -> None:
    """What has to be fresh keeps its age; what a window holds ahead of now counts as of now. A day
    that has begun does not begin again.
    """
    state.now_ns = state.clock_ns = now_ns
    state.day = min(state.day, now_ns // DAY_NS + 1)
    for mark in state.marks.values():
        mark.ts_recv_ns -= by_ns
    state.ready = {account: at_ns - by_ns for account, at_ns in state.ready.items()}
    for times in (
        *(level.approved_ns for level in state.levels.values()),
        *(cell.executions_ns for cell in state.cells.values()),
    ):
        _hold_back(times, now_ns)
    state.recent = deque((min(at_ns, now_ns), request) for at_ns, request in state.recent)
    state.recent_ns = {request: at_ns for at_ns, request in state.recent}


def _hold_back(times: deque[int], now_ns: int) -> None:
    for place, at_ns in enumerate(times):
        times[place] = min(at_ns, now_ns)


def _begin_day(level: Level) -> None:
    level.day_pnl = level.pnl
    level.refloor()


def _forget(state: RiskState, before_day: int) -> None:
    """Orders that ended, and foreign fills, of days before the given one."""
    ended = [
        name
        for name, working in state.orders.items()
        if working.ended_day is not None and working.ended_day < before_day
    ]
    for name in ended:
        del state.orders[name]
    for identity in [i for i, day in state.foreign.items() if day < before_day]:
        del state.foreign[identity]
