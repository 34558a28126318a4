"""Recorded ticks, as `tape tail md.trade.v1` prints them, back to inputs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, get_type_hints

from pipelines.logic import Input, Position
from schemas.errors import TapeError
from schemas.events import ClockTick, QuoteChanged, TradePrinted
from schemas.numbers import exact

KINDS: dict[str, Any] = {kind.__name__: kind for kind in (TradePrinted, QuoteChanged, ClockTick)}


class BadLine(TapeError):
    """A line is not a trade, quote or clock tick as `tape tail` prints it."""


def inputs_of_lines(lines: Iterable[str]) -> list[Input]:
    """The records in the order of the lines. Raises `BadLine`."""
    inputs = []
    for number, line in enumerate(lines, start=1):
        try:
            inputs.append(_input(json.loads(line)))
        except (ValueError, KeyError, TypeError, TapeError) as error:
            raise BadLine(
                f"line {number} is not a tick as `tape tail` prints it: "
                f"{type(error).__name__}: {error}"
            ) from None
    return inputs


def events_of_lines(lines: Iterable[str]) -> list[Any]:
    """The events alone: what a signal's test needs."""
    return [item.event for item in inputs_of_lines(lines)]


def _input(record: Mapping[str, Any]) -> Input:
    position = Position(record["topic"], record["partition"], record["offset"])
    event = _event(record["value"])
    return Input(position, record["timestamp_ms"], record["key"].encode(), event)


def _event(value: Mapping[str, Any]) -> Any:
    kind = KINDS[value["event"]]
    types = get_type_hints(kind)
    return kind(*(_field(value[name], types[name]) for name in kind._fields))


def _field(value: Any, hint: Any) -> Any:
    return exact(value) if hint is Decimal else value
