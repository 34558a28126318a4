"""Several parameter sets: `--grid NAME=A,B`, every combination, and how a set changes a desk's
settings.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import product
from typing import Any, Final

from ops.settings import Settings
from schemas.errors import NotExact, TapeError
from schemas.numbers import exact

NAMES: Final = ("name", "instrument", "venue")
"""What an entry of a list is called by."""

INTEGER: Final = re.compile(r"-?[0-9]+").fullmatch
BROKEN: Final = re.compile(r"-?[0-9]+\.[0-9]+").fullmatch
Set = Mapping[str, str]


class BadGrid(TapeError):
    """A parameter that cannot be varied."""


def sets_of(grids: Sequence[str]) -> list[Set]:
    """Every combination, in the order given; one empty set without any grid. Raises `BadGrid`."""
    rows: dict[str, list[tuple[str, str]]] = {}
    for text in grids:
        name, equals, values = text.partition("=")
        chosen = [value.strip() for value in values.split(",")]
        if not (name and equals) or "" in chosen:
            raise BadGrid(f"--grid {text}: NAME=VALUE,VALUE,... is wanted")
        if len({*chosen}) < len(chosen):
            raise BadGrid(f"--grid {text}: a value is named twice")
        if name.strip() in rows:
            raise BadGrid(f"--grid {name.strip()}: given twice, name all its values in one")
        rows[name.strip()] = [(name.strip(), value) for value in chosen]
    return [dict(row) for row in product(*rows.values())]


def changed(settings: Settings, chosen: Set) -> dict[str, Any]:
    """The sections of the settings that a set changes, as overrides. Names are paths in the file:
    `strategy.signals.ema-cross.options.fast_span`; an entry of a list goes by its name.
    """
    values = settings.model_dump(mode="python", include={"strategy", "desk"})
    touched = set()
    for name, text in chosen.items():
        *way, last = name.split(".")
        place = values
        for step in way:
            place = _step(place, step, name)
        if not isinstance(place, dict):
            raise BadGrid(f"--grid {name}: no such setting")
        place[last] = _value(place.get(last), text, name)
        touched.add(way[0] if way else last)
    return {section: values[section] for section in sorted(touched)}


def _step(place: Any, step: str, name: str) -> Any:
    if isinstance(place, dict) and step in place:
        return place[step]
    if isinstance(place, list):
        for one in place:
            if isinstance(one, dict) and step in (one.get(key) for key in NAMES):
                return one
    raise BadGrid(f"--grid {name}: there is no {step}")


def _value(before: Any, text: str, name: str) -> Any:
    """Of the type that the setting has; where it has none yet, a number or a text."""
    if isinstance(before, bool):
        if text not in {"true", "false"}:
            raise BadGrid(f"--grid {name}: {text} is neither true nor false")
        return text == "true"
    if isinstance(before, Decimal):
        return number(text, name)
    if isinstance(before, dict | list):
        raise BadGrid(f"--grid {name}: names a table, not one setting")
    if isinstance(before, str):
        return text
    if INTEGER(text):
        return int(text)
    return number(text, name) if BROKEN(text) else text


def number(text: str, name: str) -> Decimal:
    """Raises `BadGrid`."""
    try:
        return exact(text)
    except NotExact as error:
        raise BadGrid(f"{name}: {error}") from None
