"""Where a live run and its backtest part, and why: orders and fills side by side, by what caused
them.

An order is named by the tick that started it, its strategy, its instrument and its number among
those; a fill by its order and its number in it. Ids of orders differ, for they contain the log's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, NamedTuple

from pipelines.exact import plain
from pipelines.logic import Input
from replay.times import text_of
from schemas.events import OrderAccepted, OrderFilled, OrderRequested

NS_PER_MS: Final = 1_000_000
KINDS: Final = (
    "equal",
    "only live",
    "only backtest",
    "other price",
    "other quantity",
    "other time",
)
TOLD: Final = (OrderAccepted, OrderFilled)
SHOWN_MAX: Final = 50


class Name(NamedTuple):
    """What an order or a fill is known by on both sides; `fill` is None for the order itself."""

    tick: str
    strategy: str
    instrument: str
    number: int
    fill: int | None = None

    @property
    def order(self) -> Name:
        return self._replace(fill=None)


class Seen(NamedTuple):
    """One order or fill; `at_ns`: an order's by the log, a fill's by the venue."""

    at_ns: int
    side: str
    px: Decimal | None
    qty: Decimal

    def __str__(self) -> str:
        px = "the market" if self.px is None else plain(self.px)
        return f"{self.side} {plain(self.qty)} at {px}, {text_of(self.at_ns // NS_PER_MS)}"


class Part(NamedTuple):
    """A difference, or none (`equal`); None on the side that does not have it."""

    name: Name
    kind: str
    live: Seen | None
    backtest: Seen | None

    @property
    def at_ns(self) -> int:
        """When the first of the two happened."""
        return min(one.at_ns for one in (self.live, self.backtest) if one is not None)

    @property
    def what(self) -> str:
        return "order" if self.name.fill is None else "fill"


class Trading:
    """One side: `see` is given its records in order. `delays_ns`: from an order's request to the
    venue's word that it has it.
    """

    def __init__(self, account: str) -> None:
        self._account = account
        self.seen: dict[Name, Seen] = {}
        self.delays_ns: dict[Name, int] = {}
        self._names: dict[str, Name] = {}
        self._filled: set[tuple[str, str, str]] = set()

    def see(self, item: Input) -> None:
        event = item.event
        if isinstance(event, OrderRequested) and event.account == self._account:
            self._request(item.timestamp_ms * NS_PER_MS, event)
        elif isinstance(event, TOLD) and event.cl_ord_id in self._names:
            self._told(self._names[event.cl_ord_id], event)

    def _request(self, at_ns: int, event: OrderRequested) -> None:
        name, number = Name(event.correlation_id, event.strategy, event.instrument, 0), 0
        while name in self.seen:
            number += 1
            name = name._replace(number=number)
        self._names[event.cl_ord_id] = name
        self.seen[name] = Seen(at_ns, event.side, event.price, event.order_qty)

    def _told(self, name: Name, event: OrderAccepted | OrderFilled) -> None:
        at_ns = event.ts_recv_ns if event.ts_event_ns is None else event.ts_event_ns
        if isinstance(event, OrderAccepted):
            self.delays_ns.setdefault(name, at_ns - self.seen[name].at_ns)
        elif (trade := (name.instrument, event.order_id, event.trade_id)) not in self._filled:
            self._filled.add(trade)
            fill = name._replace(fill=0)
            while fill in self.seen:
                fill = fill._replace(fill=(fill.fill or 0) + 1)
            self.seen[fill] = Seen(at_ns, event.side, event.last_px, event.last_qty)


def parts(live: Trading, backtest: Trading) -> list[Part]:
    """Every order and fill of both sides, by time; orders before their fills."""
    names = live.seen.keys() | backtest.seen.keys()
    found = (_part(name, live.seen.get(name), backtest.seen.get(name)) for name in names)
    return sorted(found, key=lambda part: (part.at_ns, part.name.fill is not None, part.name[:4]))


def _part(name: Name, live: Seen | None, backtest: Seen | None) -> Part:
    kind = "equal"
    if live is None or backtest is None:
        kind = "only backtest" if live is None else "only live"
    elif (live.px, live.side) != (backtest.px, backtest.side):
        kind = "other price"
    elif live.qty != backtest.qty:
        kind = "other quantity"
    elif live.at_ns != backtest.at_ns:
        kind = "other time"
    return Part(name, kind, live, backtest)


def summary_of(live: Trading, backtest: Trading, assumed_ns: int) -> dict[str, Any]:
    """Where they part, as JSON: counts by kind, the first difference and why, delays of both sides.
    `assumed_ns`: what the latency model says of an order's way, without jitter.
    """
    found = parts(live, backtest)
    apart = [part for part in found if part.kind != "equal"]
    both = sorted(live.delays_ns.keys() & backtest.delays_ns.keys())
    return {
        "orders": _counts(part for part in found if part.what == "order"),
        "fills": _counts(part for part in found if part.what == "fill"),
        "first": _shown(apart[0]) if apart else None,
        "why": _why(apart[0], live, assumed_ns) if apart else "nothing differs",
        "order_delay_ms": {
            "assumed": milliseconds(assumed_ns),
            "live": _spread([live.delays_ns[name] for name in both]),
            "backtest": _spread([backtest.delays_ns[name] for name in both]),
        },
        "apart": [_shown(part) for part in apart[:SHOWN_MAX]],
    }


def _counts(found: Iterable[Part]) -> dict[str, int]:
    counted = Counter(part.kind for part in found)
    return {kind: counted[kind] for kind in KINDS}


def _shown(part: Part) -> dict[str, Any]:
    sides = {"live": part.live, "backtest": part.backtest}
    return {
        "what": part.what,
        "kind": part.kind,
        "tick": part.name.tick,
        "strategy": part.name.strategy,
        "instrument": part.name.instrument,
        **{name: None if seen is None else str(seen) for name, seen in sides.items()},
    }


def _why(first: Part, live: Trading, assumed_ns: int) -> str:
    """What explains the first difference. All after it may follow from it."""
    delay_ns = live.delays_ns.get(first.name.order)
    if first.what == "order":
        return (
            "until then all orders and fills are equal, so it is not the venue: the backtest "
            "begins without positions, averages, open orders and limits used up before its range, "
            "without the pauses and halts of people, and knows each tick at once"
        )
    if delay_ns is None:
        return "live the venue never said that it took this order: a fault, or its answer is lost"
    return (
        f"live the venue had the order {milliseconds(delay_ns)} ms after it was asked for, the "
        f"latency model says {milliseconds(assumed_ns)} ms: it met another market. "
        "--arrivals runs it in the order in which the venue received it"
    )


def _spread(delays_ns: Sequence[int]) -> dict[str, str] | None:
    """Of the orders that both sides have: least, middle and greatest, milliseconds."""
    ranked = sorted(delays_ns)
    if not ranked:
        return None
    chosen = {"min": ranked[0], "median": ranked[(len(ranked) - 1) // 2], "max": ranked[-1]}
    return {name: milliseconds(value) for name, value in chosen.items()}


def milliseconds(ns: int) -> str:
    """Exactly, as text."""
    return plain(Decimal(ns).scaleb(-6))


def counted(kinds: Mapping[str, int]) -> str:
    """How many of each kind, for a person; nothing of none."""
    return ", ".join(f"{count} {kind}" for kind, count in kinds.items() if count)


def rows_of(found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The summary for a person, a name and a text each."""
    for what in ("orders", "fills"):
        yield what, counted(found[what]) or "none on either side"
    for name, spread in found["order_delay_ms"].items():
        shown = spread if isinstance(spread, str | None) else _spread_text(spread)
        yield (
            f"request to venue, {name}",
            "no order on both sides" if shown is None else f"{shown} ms",
        )
    yield "why they part first", found["why"]
    for number, part in enumerate(found["apart"], start=1):
        name = f"{number}. {part['what']}, {part['kind']}"
        about = f"{part['strategy']} {part['instrument']}, tick {part['tick']}"
        yield name, f"{about}: live {part['live'] or 'none'}; backtest {part['backtest'] or 'none'}"


def _spread_text(spread: Mapping[str, str]) -> str:
    return f"{spread['min']} to {spread['max']}, middle {spread['median']}"
