"""Limits as written on the log, looked up by where they hold.

Order limits (collar, ages, order notional, ...) may name any scope; the strictest that holds wins.
Sum limits (exposure, open orders, rates, loss) name the desk, one account or one strategy; a
position limit names an instrument besides. What must be limited and is not, is denied.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from pipelines.exact import EXACTLY, ZERO
from pipelines.gateway.scopes import within
from schemas.events import InstrumentTerms, Limit, LimitKind, LimitsChanged

Scope = tuple[str | None, str | None, str | None]
"""Account, strategy, instrument; None is any."""

ORDER_KINDS: Final[tuple[LimitKind, ...]] = (
    "PRICE_COLLAR_BPS",
    "MARK_AGE_MAX_MS",
    "MARK_BAND_BPS",
    "TICK_AGE_MAX_MS",
    "ORDER_NOTIONAL_MAX",
    "DUPLICATE_WINDOW_MS",
    "EXECUTIONS_REPEATED_MAX",
    "EXECUTIONS_WINDOW_MS",
)
SUM_KINDS: Final[tuple[LimitKind, ...]] = (
    "EXPOSURE_GROSS_MAX",
    "ORDERS_OPEN_MAX",
    "ORDERS_PER_SECOND_MAX",
    "ORDERS_PER_MINUTE_MAX",
    "LOSS_DAILY_MAX",
    "LOSS_DRAWDOWN_MAX",
)
POSITION: Final[LimitKind] = "POSITION_QTY_MAX"
REPEATED: Final[LimitKind] = "EXECUTIONS_REPEATED_MAX"
COUNTS: Final = frozenset({"ORDERS_OPEN_MAX", "ORDERS_PER_SECOND_MAX", "ORDERS_PER_MINUTE_MAX"})
WHOLE: Final = COUNTS | {k for k in ORDER_KINDS if k.endswith("_MS")} | {"EXECUTIONS_REPEATED_MAX"}
LONGEST: Final = frozenset({"DUPLICATE_WINDOW_MS", "EXECUTIONS_WINDOW_MS"})
"""Of these the largest is the strictest: a shorter window lets more pass."""

REQUIRED: Final[tuple[LimitKind, ...]] = (
    "PRICE_COLLAR_BPS",
    "MARK_AGE_MAX_MS",
    "ORDER_NOTIONAL_MAX",
    POSITION,
    "EXPOSURE_GROSS_MAX",
    "ORDERS_OPEN_MAX",
    "ORDERS_PER_SECOND_MAX",
    "ORDERS_PER_MINUTE_MAX",
    "LOSS_DAILY_MAX",
)
NS_PER_MS: Final = 1_000_000
ENDLESS: Final = Decimal("Infinity")
COUNTLESS: Final = 2**62
_ONE, _BPS = Decimal(1), Decimal("0.0001")


@dataclass(frozen=True, slots=True)  # no NamedTuple: its fields are slower to read
class Bounds:
    """The sum limits of one level; what is not limited has a limit that nothing reaches."""

    exposure_max: Decimal = ENDLESS
    open_max: int = COUNTLESS
    per_second_max: int = COUNTLESS
    per_minute_max: int = COUNTLESS
    loss_max: Decimal = ENDLESS
    drawdown_max: Decimal = ENDLESS


@dataclass(frozen=True, slots=True)
class Rules:
    """The order limits of one cell, and its instrument's terms (`venue` None: it has none).

    `missing`: required kinds that no limit names.
    """

    missing: tuple[str, ...] = ()
    collar_low: Decimal = _ONE
    collar_high: Decimal = _ONE
    mark_age_max_ns: int = 0
    band: Decimal | None = None
    tick_age_max_ns: int | None = None
    notional_max: Decimal = ZERO
    duplicate_ns: int = 0
    executions_max: int | None = None
    executions_ns: int = 0
    venue: str | None = None
    restricted: bool = False
    tick_size: Decimal = ZERO
    lot_size: Decimal = ZERO
    price_min: Decimal = ZERO
    price_max: Decimal = ZERO
    qty_min: Decimal = ZERO
    qty_max: Decimal = ZERO
    notional_min: Decimal = ZERO
    band_instrument: str | None = None


assert InstrumentTerms._fields[4:] == tuple(Rules.__annotations__)[-9:]
NO_BOUNDS: Final = Bounds()
NO_RULES: Final = Rules()


class LimitTable:
    """One `LimitsChanged` by kind and scope."""

    def __init__(self, limits: LimitsChanged | None = None) -> None:
        self.version = limits.limits_version if limits else 0
        self._values: dict[str, dict[Scope, Decimal]] = {}
        for limit in limits.limits if limits else ():
            scope = _scope(limit)
            self._values.setdefault(limit.kind, {})[scope] = limit.value
        currency = limits.currency if limits else ""
        self._terms: Mapping[str, InstrumentTerms] = {
            terms.instrument: terms
            for terms in (limits.instruments if limits else ())
            if terms.quote_asset == currency
        }
        windows = self._values.get("DUPLICATE_WINDOW_MS", {}).values()
        self.duplicate_ns_max = max(map(int, windows), default=0) * NS_PER_MS
        self.priced = {t.base_asset: t.instrument for t in self._terms.values()}
        self.currency = currency

    def terms(self, instrument: str) -> InstrumentTerms | None:
        return self._terms.get(instrument)

    def bounds(self, scope: Scope) -> Bounds:
        """The limits of a level named by just this scope."""
        found = {kind: self._values.get(kind, {}).get(scope) for kind in SUM_KINDS}

        def number(kind: LimitKind) -> Decimal:
            value = found[kind]
            return ENDLESS if value is None else value

        return Bounds(
            number("EXPOSURE_GROSS_MAX"),
            _count(found["ORDERS_OPEN_MAX"]),
            _count(found["ORDERS_PER_SECOND_MAX"]),
            _count(found["ORDERS_PER_MINUTE_MAX"]),
            number("LOSS_DAILY_MAX"),
            number("LOSS_DRAWDOWN_MAX"),
        )

    def position_max(self, scope: Scope, instrument: str) -> Decimal | None:
        return self._values.get(POSITION, {}).get((scope[0], scope[1], instrument))

    def rules(self, account: str, strategy: str, instrument: str) -> Rules:
        """The strictest order limits among the scopes that hold there."""
        places = list(_scopes(account, strategy, instrument))

        def strictest(kind: LimitKind) -> Decimal | None:
            values, pick = self._values.get(kind, {}), max if kind in LONGEST else min
            return pick((values[place] for place in places if place in values), default=None)

        terms = self._terms.get(instrument)
        collar = EXACTLY.multiply(strictest("PRICE_COLLAR_BPS") or ZERO, _BPS)
        band, repeats = strictest("MARK_BAND_BPS"), strictest("EXECUTIONS_REPEATED_MAX")
        tick_age = strictest("TICK_AGE_MAX_MS")
        return Rules(
            tuple(kind for kind in REQUIRED if strictest(kind) is None),
            EXACTLY.subtract(_ONE, collar),
            EXACTLY.add(_ONE, collar),
            int(strictest("MARK_AGE_MAX_MS") or 0) * NS_PER_MS,
            None if band is None else EXACTLY.multiply(band, _BPS),
            None if tick_age is None else int(tick_age) * NS_PER_MS,
            strictest("ORDER_NOTIONAL_MAX") or ZERO,
            int(strictest("DUPLICATE_WINDOW_MS") or 0) * NS_PER_MS,
            None if repeats is None else int(repeats),
            int(strictest("EXECUTIONS_WINDOW_MS") or 0) * NS_PER_MS,
            *(() if terms is None else (terms.venue, *terms[4:])),
        )


def _count(value: Decimal | None) -> int:
    return COUNTLESS if value is None else int(value)


def _scopes(account: str, strategy: str, instrument: str) -> Iterator[Scope]:
    for a in (None, account):
        for s in (None, strategy):
            for i in (None, instrument):
                yield a, s, i


def problems(limits: LimitsChanged) -> Iterator[str]:
    """What keeps limits from being written: each refused with its reason."""
    seen: set[tuple[str, Scope]] = set()
    for limit in limits.limits:
        scope = _scope(limit)
        name = _name(limit.kind, scope)
        if (limit.kind, scope) in seen:
            yield f"{name} is given twice"
        seen.add((limit.kind, scope))
        if problem := _problem(limit.kind, scope, limit.value):
            yield f"{name} {problem}"
    yield from _without_window(limits)
    instruments = [terms.instrument for terms in limits.instruments]
    yield from (f"{name} is given twice" for name in _twice(instruments))
    for terms in limits.instruments:
        yield from (f"{terms.instrument}: {problem}" for problem in _of_terms(terms, limits))


def _without_window(limits: LimitsChanged) -> Iterator[str]:
    """Throttles that would hold nothing: no window covers their whole scope."""
    windows = [_scope(x) for x in limits.limits if x.kind == "EXECUTIONS_WINDOW_MS" and x.value]
    for limit in limits.limits:
        scope = _scope(limit)
        if limit.kind == REPEATED and not any(within(window, scope) for window in windows):
            yield f"{_name(limit.kind, scope)} needs an EXECUTIONS_WINDOW_MS above 0"


def _scope(limit: Limit) -> Scope:
    return limit.account, limit.strategy, limit.instrument


def _name(kind: LimitKind, scope: Scope) -> str:
    return f"{kind} of {'/'.join(part or '*' for part in scope)}"


def _twice(names: list[str]) -> list[str]:
    return sorted({name for name in names if names.count(name) > 1})


def _problem(kind: LimitKind, scope: Scope, value: Decimal) -> str:
    account, strategy, instrument = scope
    if kind == "UNKNOWN":
        return "is no limit"
    if value < ZERO or (kind in WHOLE and value != int(value)):
        return f"is {value}: at least 0{', whole' if kind in WHOLE else ''}"
    if kind == "PRICE_COLLAR_BPS" and value >= 10_000:
        return f"is {value}: below 10000"
    if kind in (*SUM_KINDS, POSITION) and account and strategy:
        return "names an account and a strategy: sums are kept for one or the other"
    if kind in SUM_KINDS and instrument:
        return "names an instrument: sums are kept over all of them"
    if kind == POSITION and not instrument:
        return "names no instrument"
    return ""


def _of_terms(terms: InstrumentTerms, limits: LimitsChanged) -> Iterator[str]:
    if terms.quote_asset != limits.currency:
        yield f"is quoted in {terms.quote_asset}, limits are in {limits.currency}"
    for name in ("tick_size", "lot_size", "price_min", "qty_min"):
        if getattr(terms, name) <= ZERO:
            yield f"{name} is not above 0"
    for low, high in (("price_min", "price_max"), ("qty_min", "qty_max")):
        if getattr(terms, low) > getattr(terms, high):
            yield f"{low} is above {high}"
