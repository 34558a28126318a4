"""A desk's limits as a file for people (YAML), and as the event that puts them in force.

Numbers are read as text, never through a float. Everything unknown, missing, senseless or there
twice is refused by name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, get_args

import yaml

from pipelines.exact import plain
from pipelines.risk.limits import ORDER_KINDS, POSITION, SUM_KINDS, problems
from schemas.errors import NotExact, TapeError, one_line
from schemas.events import InstrumentTerms, Limit, LimitKind, LimitsChanged
from schemas.numbers import exact
from schemas.yaml_files import Texts

KINDS: Final = frozenset((*ORDER_KINDS, *SUM_KINDS, POSITION))
_TERMS: Final = (
    "tick_size",
    "lot_size",
    "price_min",
    "price_max",
    "qty_min",
    "qty_max",
    "notional_min",
)
_WORDS: Final = ("base_asset", "quote_asset", "restricted", "band_instrument")
_SCOPES: Final = ("desk", "accounts", "strategies")
assert frozenset(get_args(LimitKind)) == KINDS | {"UNKNOWN"}, "a kind without a place"


class BadLimits(TapeError):
    """A limits file cannot be used; the message names the place."""


def load_limits(file: Path, version: int, person: str, reason: str, ts_ns: int) -> LimitsChanged:
    """The limits in a file. Raises `BadLimits`."""
    try:
        text = file.read_text("utf-8")
    except OSError as error:
        raise BadLimits(f"{file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BadLimits(f"{file} is not text in UTF-8") from None
    return parse(text, version, person, reason, ts_ns)


def parse(text: str, version: int, person: str, reason: str, ts_ns: int) -> LimitsChanged:
    """The event. Raises `BadLimits` with everything that is wrong, in one line."""
    try:
        found = yaml.load(text, Loader=Texts)
    except yaml.YAMLError as error:
        raise BadLimits(f"not YAML: {one_line(error)}") from None
    whole = _mapping(found, "the file")
    _known(whole, ("currency", "instruments", *_SCOPES), "the file")
    currency = _text(whole.get("currency"), "currency")
    named = _mapping(whole.get("instruments"), "instruments")
    instruments = tuple(_terms(name, _mapping(named[name], name)) for name in sorted(named))
    limits = sorted(_limits(whole, None), key=_order) + sorted(
        (limit for name in named for limit in _limits(_mapping(named[name], name), name)),
        key=_order,
    )
    event = LimitsChanged(version, currency, tuple(limits), instruments, person, reason, ts_ns)
    if wrong := "; ".join(problems(event)):
        raise BadLimits(wrong)
    return event


def _order(limit: Limit) -> tuple[str, ...]:
    return (limit.instrument or "", limit.account or "", limit.strategy or "", limit.kind)


def _limits(part: Mapping[str, Any], instrument: str | None) -> Iterator[Limit]:
    yield from _of_scope(part.get("desk", {}), None, None, instrument)
    for name, values in _mapping(part.get("accounts", {}), "accounts").items():
        yield from _of_scope(values, name, None, instrument)
    for name, values in _mapping(part.get("strategies", {}), "strategies").items():
        yield from _of_scope(values, None, name, instrument)


def _of_scope(
    values: Any, account: str | None, strategy: str | None, instrument: str | None
) -> Iterator[Limit]:
    place = "/".join(part or "*" for part in (account, strategy, instrument))
    for kind, value in _mapping(values, place).items():
        if kind not in KINDS:
            raise BadLimits(f"{place}: {kind} is no limit: there are {', '.join(sorted(KINDS))}")
        yield Limit(kind, account, strategy, instrument, _number(value, f"{place} {kind}"))


def _terms(name: str, values: Mapping[str, Any]) -> InstrumentTerms:
    _known(values, (*_TERMS, *_WORDS, *_SCOPES), name)
    numbers = (_number(values.get(term), f"{name} {term}") for term in _TERMS)
    tick, lot, price_min, price_max, qty_min, qty_max, notional_min = numbers
    return InstrumentTerms(
        name.rpartition(".")[2],
        name,
        _text(values.get("base_asset"), f"{name} base_asset"),
        _text(values.get("quote_asset"), f"{name} quote_asset"),
        _flag(values.get("restricted", "false"), f"{name} restricted"),
        tick,
        lot,
        price_min,
        price_max,
        qty_min,
        qty_max,
        notional_min,
        values.get("band_instrument") or None,
    )


def _known(values: Mapping[str, Any], names: tuple[str, ...], place: str) -> None:
    if unknown := sorted(set(values) - set(names)):
        raise BadLimits(f"{place}: {unknown[0]} is not known: there are {', '.join(names)}")


def _mapping(value: Any, place: str) -> Mapping[str, Any]:
    if not isinstance(value, dict) and value not in ("", None):
        raise BadLimits(f"{place} is not a mapping")
    if value is None and place == "instruments":
        raise BadLimits("instruments are missing")
    return value or {}


def _text(value: Any, place: str) -> str:
    if not isinstance(value, str) or not value:
        raise BadLimits(f"{place} is missing")
    return value


def _flag(value: Any, place: str) -> bool:
    if value not in ("true", "false"):
        raise BadLimits(f"{place} is {value!r}, not true or false")
    return bool(value == "true")


def _number(value: Any, place: str) -> Decimal:
    try:
        return exact(_text(value, place))
    except NotExact as error:
        raise BadLimits(f"{place}: {error}") from None


def rows(limits: LimitsChanged) -> list[tuple[str, ...]]:
    """A table for people: scope, what is limited, how far."""
    found: list[tuple[str, ...]] = [("account", "strategy", "instrument", "limit", "value")]
    for limit in limits.limits:
        scope = (limit.account or "*", limit.strategy or "*", limit.instrument or "*")
        found.append((*scope, limit.kind, plain(limit.value)))
    return found
