"""What the log says of an account, added up by itself: no pipeline's state, only events.

Every amount is exact. A fill counts once, by the venue's ids, whether the gateway told it or
reconciliation booked it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from connectors.log.kafka import KafkaLog
from connectors.log.places import read_whole
from pipelines.exact import EXACTLY, ZERO
from pipelines.matching.model import Instrument
from schemas.codec import Codec
from schemas.events import (
    BreakCleared,
    BreakFound,
    MarkPublished,
    OrderApproved,
    OrderDenied,
    OrderFilled,
    OrderRequested,
    TransferAnnounced,
)

TRADING = (
    "ops.control.v1",
    "oms.order-request.v1",
    "risk.decision.v1",
    "oms.order-event.v1",
    "recon.position.v1",
    "recon.break.v1",
)
READ_S = 30.0


class Books(NamedTuple):
    """Counts, fills in order, balances by asset, breaks by kind and whether still open. `ticks`: by
    order, when the tick that it follows was received.
    """

    requested: int
    ticks: dict[str, int]
    approved: int
    denied: Counter[str]
    events: Counter[str]
    fills: list[OrderFilled]
    opening: dict[str, Decimal]
    balances: dict[str, Decimal]
    breaks: Counter[str]
    open_breaks: dict[str, str]


def read_all(log: KafkaLog, codec: Codec, topic: str) -> list[Any]:
    """Every event of a topic, partition by partition."""
    return [codec.decode(message.value()) for message in read_whole(log, topic, READ_S)]


def books(log: KafkaLog, codec: Codec, instruments: Iterable[Instrument]) -> Books:
    """The account's books, from the first record on."""
    events = [event for topic in TRADING for event in read_all(log, codec, topic)]
    opening, fills = transfers(events), fills_of(events)
    requested = [event for event in events if isinstance(event, OrderRequested)]
    return Books(
        len(requested),
        {one.cl_ord_id: one.ts_recv_ns for one in requested},
        sum(isinstance(event, OrderApproved) for event in events),
        Counter(event.reason for event in events if isinstance(event, OrderDenied)),
        Counter(type(event).__name__ for event in events),
        fills,
        opening,
        settled(opening, fills, {one.symbol: one for one in instruments}),
        Counter(event.kind for event in events if isinstance(event, BreakFound)),
        still_open(events),
    )


def transfers(events: Iterable[Any]) -> dict[str, Decimal]:
    """By asset; each transfer once."""
    found = {event.transfer_id: event for event in events if isinstance(event, TransferAnnounced)}
    sums: dict[str, Decimal] = defaultdict(lambda: ZERO)
    for event in found.values():
        sums[event.asset] = EXACTLY.add(sums[event.asset], event.qty)
    return dict(sums)


def fills_of(events: Iterable[Any]) -> list[OrderFilled]:
    found = {
        (fill.venue, fill.account, fill.instrument, fill.order_id, fill.trade_id): fill
        for fill in events
        if isinstance(fill, OrderFilled)
    }
    return list(found.values())


def settled(
    opening: Mapping[str, Decimal],
    fills: Iterable[OrderFilled],
    instruments: Mapping[str, Instrument],
) -> dict[str, Decimal]:
    """Balances after the fills, fees taken off."""
    sums: dict[str, Decimal] = defaultdict(lambda: ZERO, opening)
    for fill in fills:
        terms = instruments[fill.instrument.partition(".")[0]]
        sign = Decimal(1 if fill.side == "BUY" else -1)
        moved = EXACTLY.multiply(sign, fill.last_qty)
        paid = EXACTLY.multiply(moved, fill.last_px)
        sums[terms.base] = EXACTLY.add(sums[terms.base], moved)
        sums[terms.quote] = EXACTLY.subtract(sums[terms.quote], paid)
        if fill.commission:
            asset = fill.comm_currency
            sums[asset] = EXACTLY.subtract(sums[asset], fill.commission)
    return dict(sums)


def still_open(events: Iterable[Any]) -> dict[str, str]:
    """Kind by id of every break without its end."""
    still: dict[str, str] = {}
    for event in events:
        if isinstance(event, BreakFound):
            still[event.break_id] = event.kind
        elif isinstance(event, BreakCleared):
            still.pop(event.break_id, None)
    return still


def last_marks(log: KafkaLog, codec: Codec) -> dict[str, Decimal]:
    """The newest mark of every instrument."""
    marks = (e for e in read_all(log, codec, "md.mark.v1") if isinstance(e, MarkPublished))
    return {event.instrument: event.mark_px for event in marks}


def profit(
    found: Books, marks: Mapping[str, Decimal], instruments: Iterable[Instrument], venue: str
) -> Decimal:
    """What the account is worth at the marks, less what it began with, in quote currency: realised,
    unrealised and fees.
    """
    sums = dict.fromkeys({one.quote for one in instruments}, Decimal(1))
    assert len(sums) == 1, "instruments of one quote currency"
    prices = sums | {one.base: marks.get(f"{one.symbol}.{venue}", ZERO) for one in instruments}
    total = ZERO
    for asset, qty in found.balances.items():
        gained = EXACTLY.subtract(qty, found.opening.get(asset, ZERO))
        total = EXACTLY.add(total, EXACTLY.multiply(gained, prices[asset]))
    return total
