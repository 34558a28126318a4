"""`tape flatten`: says so on the log, then watches fills and orders until nothing is left to close.

Execution sells, risk lets only that pass; this only looks. A position is the fold of fills and
corrections, as everywhere; less than a lot cannot be sold.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, Final, NamedTuple

from connectors.control import CONTROL, limits_in_force
from connectors.log.interface import Log
from connectors.log.places import partitions
from ops.processes.clients import codec_of, kafka_log
from ops.processes.control import decide
from ops.settings import Settings
from pipelines.exact import EXACTLY, ZERO
from pipelines.execution.follow import moved
from pipelines.gateway.admission import AGE_NS_MAX
from pipelines.gateway.scopes import Scope, within
from pipelines.orders.order import Order, Refusal, follow
from schemas.codec import Codec
from schemas.events import (
    InstrumentTerms,
    OrderFilled,
    OrderSubmitting,
    PositionAdjusted,
    TradingFlattened,
)

EVENTS: Final = "oms.order-event.v1"
BOOKED: Final = "recon.position.v1"
READ_S: Final = 10.0
EVERY_S: Final = 0.2
SETTLED_S: Final = AGE_NS_MAX / 1e9 + 2.0
"""After so long nothing that was decided before is on its way any more: a gateway sends nothing on
older data, and what it sends lies on the log by then."""
Cell = tuple[str, str, str]


class Remaining(NamedTuple):
    """What is not closed: a position of a lot or more, or orders that may still change it."""

    account: str
    strategy: str
    instrument: str
    position_qty: Decimal
    lot_size: Decimal
    open_orders: int


class Positions:
    """Positions and open orders by the log, from its beginning on. Base units."""

    def __init__(self, log: Log, codec: Codec, terms: dict[str, InstrumentTerms]) -> None:
        self._log, self._codec, self._terms = log, codec, terms
        self._at = dict.fromkeys((CONTROL, *partitions(log, EVENTS, BOOKED)), 0)
        self._held: defaultdict[Cell, Decimal] = defaultdict(lambda: ZERO)
        self._orders: dict[str, tuple[Cell, Order]] = {}
        self._seen: set[tuple[str, ...]] = set()

    def read(self) -> None:
        """Follows the log to its end. Raises `TapeError`."""
        for tp, at in self._at.items():
            low, end = self._log.bounds(tp)
            for message in self._log.read(tp, max(low, at), end, READ_S):
                self._follow(self._codec.decode(message.value()))
            self._at[tp] = end

    def remaining(self, scope: Scope) -> Iterator[Remaining]:
        """What is left to close in a scope."""
        counts = defaultdict[Cell, int](int)
        for cell, order in self._orders.values():
            counts[cell] += not order.ended
        for cell in sorted({*self._held, *counts}):
            terms = self._terms.get(cell[2])
            lot, held = terms.lot_size if terms else ZERO, self._held[cell]
            open_qty = held.copy_abs() >= lot and held != ZERO
            if within(scope, cell) and (open_qty or counts[cell]):
                yield Remaining(*cell, held, lot, counts[cell])

    def _follow(self, event: Any) -> None:
        if isinstance(event, PositionAdjusted):
            self._adjust(event)
        elif isinstance(event, OrderFilled):
            self._fill(event)
        if isinstance(event, OrderSubmitting):
            self._orders[event.cl_ord_id] = (_cell(event), Order(event.order_qty))
        cell, order = self._orders.get(getattr(event, "cl_ord_id", ""), (None, None))
        if cell is not None and order is not None:
            after = follow(order, event)
            if not isinstance(after, Refusal):
                self._orders[event.cl_ord_id] = (cell, after)

    def _fill(self, event: OrderFilled) -> None:
        """Once, by the venue's ids, whoever told it."""
        name = (event.venue, event.account, event.instrument, event.order_id, event.trade_id)
        if name not in self._seen:
            self._seen.add(name)
            terms, cell = self._terms.get(event.instrument), _cell(event)
            base = terms.base_asset if terms else ""
            self._held[cell] = moved(self._held[cell], event, base)

    def _adjust(self, event: PositionAdjusted) -> None:
        if (event.adjustment_id,) not in self._seen:
            self._seen.add((event.adjustment_id,))
            cell = _cell(event)
            self._held[cell] = EXACTLY.add(self._held[cell], event.qty)


def flatten(
    settings: Settings,
    scope: Scope,
    person: str,
    reason: str,
    within_s: float,
    decided: Callable[[], None],
) -> list[Remaining]:
    """What is left when the time is over, or nothing: that is looked at until orders that were on
    their way have settled. `decided` is called when it lies on the log. Raises `TapeError`.
    """
    now_ns = time.time_ns()
    decide(settings, TradingFlattened(*scope, "OPERATOR", person, reason, None, now_ns))
    decided()
    begun = time.monotonic()
    log, codec = kafka_log(settings), codec_of(settings)
    limits = limits_in_force(log, codec)
    terms = {one.instrument: one for one in limits.event.instruments} if limits else {}
    positions = Positions(log, codec, terms)
    while True:
        positions.read()
        left = list(positions.remaining(scope))
        if time.monotonic() >= begun + (within_s if left else SETTLED_S):
            return left
        time.sleep(EVERY_S)


def _cell(event: Any) -> Cell:
    return event.account, event.strategy, event.instrument
