"""What a signal's test needs: events by the row, a run in memory, and the proof of its twins."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from pipelines.batches import cut, inputs_of
from pipelines.logic import Input, Output, fold
from pipelines.strategy.logic import StrategyLogic, StrategySettings
from pipelines.strategy.signal import LoadedSignal, Signal
from schemas.events import QuoteChanged, TradePrinted
from schemas.numbers import exact

TOPICS = {TradePrinted: "md.trade.v1", QuoteChanged: "md.quote.v1"}
COLUMNS_ONLY = StrategySettings(columnar_from=1)


def trades(prices: Iterable[str], instrument: str = "BTCUSDT.BINANCE") -> list[TradePrinted]:
    """One trade of quantity 1 per price, a second apart."""
    venue = instrument.rpartition(".")[2]
    return [
        TradePrinted(
            venue, instrument, str(at), "BUY", exact(px), exact("1"), None, at * 10**9, "A"
        )
        for at, px in enumerate(prices)
    ]


def quotes(
    sizes: Iterable[tuple[str, str]], instrument: str = "BTCUSDT.BINANCE"
) -> list[QuoteChanged]:
    """One quote, 99 to 101, per pair of bid and ask quantity, a second apart."""
    venue, bid_px, ask_px = instrument.rpartition(".")[2], exact("99"), exact("101")
    return [
        QuoteChanged(
            venue, instrument, at, bid_px, exact(bid), ask_px, exact(ask), None, at * 10**9, "A"
        )
        for at, (bid, ask) in enumerate(sizes)
    ]


def targets(signal: Signal[Any], events: Sequence[Any]) -> list[Decimal]:
    """The position wanted after each event of one instrument, row by row."""
    state, wanted = signal.initial(), []
    for event in events:
        state, target = signal.row(state, event)
        wanted.append(target)
    return wanted


def logic_of(signal: Signal[Any], settings: StrategySettings = COLUMNS_ONLY) -> StrategyLogic:
    """The pipeline with this signal alone, always in columns where the signal has them."""
    return StrategyLogic([LoadedSignal("signal", signal, b"under test")], settings)


def records(signal: Signal[Any], events: Sequence[Any]) -> list[Input]:
    """The events as records of the topic that the signal reads."""
    return inputs_of(events, TOPICS[signal.reads])


def assert_twins_equal(
    signal: Signal[Any], events: Sequence[Any], cuts: Iterable[Sequence[int]] = ((), (1, 2, 3))
) -> None:
    """`row` and `columns` give the same outputs and the same state, bit for bit, however cut.

    `cuts` are the sizes of a run's first batches; the last batch takes the rest.
    """
    inputs = records(signal, events)
    logic = logic_of(signal)
    state, expected = fold(logic, logic.initial(), iter(inputs))
    for sizes in cuts:
        found_state, found = run(logic, inputs, sizes)
        assert found == expected, _first_difference(found, expected)
        assert found_state == logic.dump(state), "the outputs are equal, the states are not"


def run(
    logic: StrategyLogic, inputs: Sequence[Input], sizes: Sequence[int] = ()
) -> tuple[bytes, list[Output]]:
    """The state's canonical bytes and the outputs after the inputs, in batches of these sizes."""
    state, outputs = logic.initial(), []
    for batch in cut(inputs, sizes):
        state, found = logic.step(state, batch)
        outputs += found
    return logic.dump(state), outputs


def _first_difference(found: Sequence[Output], expected: Sequence[Output]) -> str:
    for ours, theirs in zip(found, expected, strict=False):
        if ours != theirs:
            return f"columns() want {_shown(ours)}, row() wants {_shown(theirs)}"
    return f"columns() give {len(found)} targets, row() gives {len(expected)}"


def _shown(output: Output) -> str:
    event = output.event
    return f"{event.target_qty} of {event.instrument} at offset {output.position.offset}"
