"""The strategy pipeline's state: a value with one canonical serialisation."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from enum import Enum
from types import NoneType
from typing import Any, Final, NamedTuple

from pipelines.dead_letters import Counts, WindowCount
from pipelines.execution import flatten
from pipelines.execution import state as execution
from pipelines.execution.line import Line, Target
from pipelines.execution.state import ExecutionState, Key
from pipelines.logic import StateVersionError
from pipelines.strategy.signal import EXACTLY, LoadedSignal
from schemas.errors import TapeError
from schemas.numbers import Exact

PLAIN: Final = frozenset({NoneType, bool, int, float, str, Decimal, Exact})


class BadState(TapeError):
    """A signal's state that a snapshot would not give back as it was."""


class Held(NamedTuple):
    """What one signal knows of one instrument."""

    state: Any  # the signal's NamedTuple
    target: Decimal | None  # wanted now; None until the first TargetChanged


class StrategyState(NamedTuple):
    """By signal name, then instrument; dead letters counted; execution where it is configured."""

    held: dict[str, dict[str, Held]]
    dead_letters: Counts
    execution: ExecutionState | None = None


def dump(state: StrategyState) -> bytes:
    """Sorted JSON: states equal to the last bit give equal bytes, whatever order built them."""
    body: dict[str, Any] = {
        "dead_letters": state.dead_letters,
        "signals": {
            name: {instrument: _held_json(held) for instrument, held in instruments.items()}
            for name, instruments in state.held.items()
        },
    }
    if state.execution is not None:
        body["execution"] = execution.to_json(state.execution)
    return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def check_first(loaded: LoadedSignal) -> None:
    """Raises `BadState` unless the signal begins with a state that a snapshot gives back."""
    try:
        first = loaded.signal.initial()
    except Exception as error:
        what = f"initial(): {type(error).__name__}: {error}"
        raise BadState(f"signal {loaded.name}: {what}") from None
    if not isinstance(first, tuple) or not hasattr(first, "_fields"):
        raise BadState(f"signal {loaded.name}: its state is a {_kind(first)}, not a NamedTuple")
    check_state(loaded.name, first.__class__, first)


def check_state(signal: str, made: type[Any], state: Any) -> None:
    """Raises `BadState` unless a snapshot gives `state` back, as one of the class `made`."""
    if state.__class__ is not made:
        raise BadState(f"signal {signal}: its state is a {_kind(state)}, not a {made.__name__}")
    for field, value in zip(state._fields, state, strict=True):
        if value.__class__ not in PLAIN and not _comes_back(value):
            what = f"{field} is {value!r:.80}, a {_kind(value)}"
            raise BadState(f"signal {signal}: its state's {what}: no snapshot would give it back")


def _kind(value: object) -> str:
    return type(value).__name__


def _comes_back(value: Any) -> bool:
    """A tuple's own class would be lost, and what tells an enum's member from its value."""
    if value.__class__ is tuple:
        return set(map(type, value)) <= PLAIN or all(map(_comes_back, value))
    known = isinstance(value, int | float | str | Decimal | None)
    return known and not isinstance(value, Enum)


def load(
    body: bytes, signals: Mapping[str, LoadedSignal], traded: Mapping[Key, str] | None = None
) -> StrategyState:
    """The state of the configured signals; what a snapshot holds of others is left behind.

    `traded`: what execution is configured for and the account of each, None without it. An order
    or a position is never left behind: `StateVersionError`.
    """
    values = json.loads(body)
    held: dict[str, dict[str, Held]] = {name: {} for name in signals}
    for name in signals.keys() & values["signals"].keys():
        empty = signals[name].signal.initial()
        for instrument, value in values["signals"][name].items():
            held[name][instrument] = _held(name, empty, value)
    counts = {place: WindowCount(*count) for place, count in values["dead_letters"].items()}
    trading = _execution(values.get("execution"), held, traded)
    return StrategyState(held, counts, trading)


def _execution(
    value: dict[str, Any] | None, held: dict[str, dict[str, Held]], traded: Mapping[Key, str] | None
) -> ExecutionState | None:
    """Execution as it was; where it is new, with the targets wanted by then."""
    state = execution.from_json(value) if value else ExecutionState()
    for key, line in sorted(state.lines.items()):
        if (traded or {}).get(key) != line.account and not execution.idle(state.lines.pop(key)):
            raise StateVersionError(
                f"the snapshot holds an order or a position of {key[0]} in {key[1]} on account "
                f"{line.account}, for which no execution is configured: configure it, or end the "
                "position first"
            )
    if traded is None:
        return None
    for (strategy, instrument), account in sorted(traded.items()):
        known = held.get(strategy, {}).get(instrument)
        if known and known.target is not None and (strategy, instrument) not in state.lines:
            target = Target(max(known.target, Decimal(0)), f"{strategy}/{instrument}/snapshot")
            key = strategy, instrument
            state.lines[key] = flatten.begun(state, Line(account, target=target), key)
    return state


def _held_json(held: Held) -> dict[str, Any]:
    fields = {name: _json(value) for name, value in held.state._asdict().items()}
    return {"state": fields, "target": _json(held.target)}


def _held(signal: str, empty: Any, value: Mapping[str, Any]) -> Held:
    fields = {name: _value(item) for name, item in value["state"].items()}
    if fields.keys() != set(empty._fields):
        raise StateVersionError(
            f"the snapshot holds {sorted(fields)} of signal {signal}, "
            f"its code now keeps {sorted(empty._fields)}"
        )
    return Held(type(empty)(**fields), _value(value["target"]))


def _json(value: Any) -> Any:
    """Floats in hexadecimal, so that they come back to the last bit; Decimals without padding."""
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return {"float": value.hex()}
        case Decimal():
            return {"decimal": plain(value)}
        case tuple():
            return [_json(item) for item in value]
    raise TypeError(f"a signal's state cannot hold {value!r}")


def _value(value: Any) -> Any:
    match value:
        case {"float": text}:
            return float.fromhex(text)
        case {"decimal": text}:
            return Decimal(text)
        case list():
            return tuple(_value(item) for item in value)
    return value


def plain(value: Decimal) -> str:
    """One text per number: no padding, no exponent, no minus before zero."""
    if not value.is_finite():
        return str(value)
    return format(EXACTLY.normalize(EXACTLY.plus(value)), "f")
