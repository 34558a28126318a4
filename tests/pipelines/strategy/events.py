"""Generated events of a few instruments, as Hypothesis strategies."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from pipelines.logic import Input, Position
from schemas.events import ClockTick, QuoteChanged, TradePrinted
from schemas.numbers import from_unscaled

INSTRUMENTS = ("BTCUSDT.BINANCE", "ETHUSDT.BINANCE", "BTC-USD.COINBASE")
TRADES, QUOTES, CLOCK = "md.trade.v1", "md.quote.v1", "ops.clock.v1"

# Near each other, so that averages cross, and over the whole range of decimal(28,10).
units = st.one_of(st.integers(10**10, 10**10 + 100), st.integers(1, 10**28 - 1))
sizes = st.one_of(st.integers(0, 20), st.integers(0, 10**28 - 1))
numbers = st.builds(from_unscaled, units)
quantities = st.builds(from_unscaled, sizes)
instruments = st.sampled_from(INSTRUMENTS)
times = st.one_of(st.none(), st.integers(0, 2**62))


def venue_of(instrument: str) -> str:
    return instrument.rpartition(".")[2]


def trade(instrument: str, px: Decimal, event_ns: int | None, recv_ns: int) -> TradePrinted:
    side, one = "BUY", from_unscaled(1)
    venue = venue_of(instrument)
    return TradePrinted(venue, instrument, "1", side, px, one, event_ns, recv_ns, "A")  # type: ignore[arg-type]


def quote(instrument: str, bid: Decimal, ask: Decimal, px: Decimal, recv_ns: int) -> QuoteChanged:
    venue = venue_of(instrument)
    return QuoteChanged(venue, instrument, None, px, bid, px, ask, None, recv_ns, "A")


trades = st.builds(trade, instruments, numbers, times, st.integers(0, 2**62))
quotes = st.builds(quote, instruments, quantities, quantities, numbers, st.integers(0, 2**62))
clocks = st.builds(ClockTick, st.integers(0, 2**62))


def placed(events: list[Any]) -> list[Input]:
    """The events as one shard would read them: each instrument in one partition of its topic."""
    ends: dict[tuple[str, int], int] = {}
    inputs = []
    for at, event in enumerate(events):
        topic = topic_of(event)
        instrument = getattr(event, "instrument", "")
        partition = INSTRUMENTS.index(instrument) if instrument else 0
        offset = ends.get((topic, partition), 0)
        ends[topic, partition] = offset + 1
        position = Position(topic, partition, offset)
        inputs.append(Input(position, 1_000 + at, instrument.encode(), event))
    return inputs


def topic_of(event: Any) -> str:
    if isinstance(event, ClockTick):
        return CLOCK
    return TRADES if isinstance(event, TradePrinted) else QUOTES


records = st.lists(st.one_of(trades, quotes, clocks), max_size=40).map(placed)
