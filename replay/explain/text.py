"""An explained order as JSON and as a tree for a person. Times are exact: milliseconds with the
microseconds behind the point, from whole nanoseconds.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from replay.compare import named_json
from replay.explain.steps import Explained, Step
from schemas.json_form import to_json

VERSION_LETTERS: Final = 12
_MS: Final = 1_000_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SHOWN: Final = {
    "TradePrinted": "{last_qty} @ {last_px}",
    "QuoteChanged": "{bid_px} / {ask_px}",
    "TargetChanged": "{previous_target_qty} -> {target_qty}",
    "OrderRequested": "{side} {order_qty} @ {price}, slice {child}",
    "OrderApproved": "mark {mark_px}",
    "OrderDenied": "{reason}",
    "OrderSubmitting": "{side} {order_qty} @ {price}",
    "OrderAccepted": "venue's order {order_id}",
    "OrderFilled": "{last_qty} @ {last_px}, {cum_qty} in all, fee {commission} {comm_currency}",
    "PositionChanged": "{previous_position_qty} -> {position_qty}",
    "OrderResolved": "{resolution}",
}
_REASON: Final = "{reason}"


def as_json(explained: Explained) -> dict[str, Any]:
    """Everything, each step with its event and its children."""
    return {
        "cl_ord_id": explained.cl_ord_id,
        "tick_ns": explained.tick_ns,
        "notes": explained.notes,
        "steps": [_step_json(step, None, explained) for step in explained.roots],
    }


def _step_json(step: Step, parent: Step | None, explained: Explained) -> dict[str, Any]:
    return {
        "event": step.name,
        "place": step.found.place,
        "id": step.found.id,
        "at_ns": step.at_ns,
        "clock": step.clock,
        "since_tick_ns": _since(step, explained.tick_ns),
        "since_parent_ns": None if parent is None else _since(step, parent.at_ns),
        "versions": step.versions,
        "fields": named_json(step.found.event),
        "causes": {how: _step_json(one, None, explained) for how, one in step.causes.items()},
        "children": [_step_json(child, step, explained) for child in step.children],
    }


def as_text(explained: Explained) -> str:
    """A tree: what happened, when, the time since the step above, what decided it."""
    lines = [f"order {explained.cl_ord_id}"]
    for root in explained.roots:
        lines += _tree(root, None, "", "")
    lines += [f"note: {note}" for note in explained.notes]
    return "\n".join([*lines, "log: the log time of its cause, no clock of its own"])


def _tree(step: Step, parent: Step | None, head: str, below: str) -> Iterator[str]:
    yield f"{head}{_line(step, parent)}"
    causes = [(f"{how.replace('_', ' ')} ", one, None) for how, one in step.causes.items()]
    hung = [*causes, *(("", child, step) for child in step.children)]
    for number, (how, one, above) in enumerate(hung, 1):
        branch, rest = ("└─ ", "   ") if number == len(hung) else ("├─ ", "│  ")
        yield from _tree(one, above, f"{below}{branch}{how}", below + rest)


def _line(step: Step, parent: Step | None) -> str:
    parts = [f"{_clock_time(step.at_ns)} {step.name} {_shown(step)}".rstrip()]
    if parent is not None:
        clock = "log " if step.clock == "log" else ""
        parts.append(f"{clock}{ms_of(_since(step, parent.at_ns))} ms")
    parts += [f"{name} {_short(name, value)}" for name, value in step.versions.items()]
    return "  ".join([*parts, f"[{step.found.place}]"])


def _shown(step: Step) -> str:
    event = step.found.event
    form = _SHOWN.get(step.name) or (_REASON if hasattr(event, "reason") else "")
    return form.format(**{name: to_json(value) for name, value in event._asdict().items()})


def _since(step: Step, start_ns: int | None) -> int | None:
    """Nanoseconds; log time has milliseconds only, so there both are cut to them."""
    if start_ns is None:
        return None
    if step.clock == "log":
        return step.at_ns - start_ns // _MS * _MS
    return step.at_ns - start_ns


def ms_of(ns: int | None) -> str:
    """Milliseconds to the microsecond, cut, not rounded."""
    if ns is None:
        return "?"
    whole, rest = divmod(abs(ns) // 1_000, 1_000)
    return f"{'-' if ns < 0 else '+'}{whole:,}.{rest:03d}"


def _short(name: str, value: Any) -> Any:
    """Enough of a hash to tell versions apart."""
    return value[:VERSION_LETTERS] if name == "version" else value


def _clock_time(ns: int) -> str:
    moment = _EPOCH + timedelta(microseconds=ns // 1_000)
    return f"{moment:%H:%M:%S.%f}"
