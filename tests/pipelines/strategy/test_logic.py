"""What the strategy pipeline writes, when, and in which order."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Any, NamedTuple

import pytest

from pipelines.dead_letters import DeadLetterLimit, DeadLetterShareExceeded
from pipelines.logic import Input, Logic, Output, Position, StateVersionError
from pipelines.strategy.book_imbalance import BookImbalance
from pipelines.strategy.changes import TargetNotExact
from pipelines.strategy.ema_cross import EmaCross
from pipelines.strategy.logic import StrategyLogic, StrategySettings
from pipelines.strategy.signal import LoadedSignal
from pipelines.strategy.state import BadState, Held, StrategyState
from pipelines.strategy.testing import quotes, records, trades
from schemas.errors import TapeError
from schemas.events import ClockTick, DeadLettered, TargetChanged, TradePrinted
from schemas.numbers import exact
from tests.pipelines.batches import batch_of, inputs_of
from tests.pipelines.strategy.signals import (
    ALWAYS_COLUMNS,
    ALWAYS_ROWS,
    Breakout,
    Expiring,
)

TOP = "999999999999999999.9999999999"
EITHER = pytest.mark.parametrize(
    "settings",
    [pytest.param(ALWAYS_COLUMNS, id="columns"), pytest.param(ALWAYS_ROWS, id="rows")],
)
EMA = LoadedSignal("ema", EmaCross(fast_span=1, slow_span=3, size=Decimal(2)), bytes(range(32)))


def decided(logic: StrategyLogic, inputs: list[Input]) -> list[Output]:
    return logic.step(logic.initial(), batch_of(inputs))[1]


@EITHER
def test_a_change_says_everything_about_its_cause(settings: StrategySettings) -> None:
    event = trades(["100", "104"])[1]._replace(ts_event_ns=7, ts_recv_ns=9)
    first = trades(["100"])[0]
    inputs = inputs_of([first, event], "md.trade.v1", partition=3, offset=40)
    assert decided(StrategyLogic([EMA], settings), inputs) == [
        Output(
            position=Position("md.trade.v1", 3, 41),
            timestamp_ms=41,
            topic="signal.target.v1",
            key="BTCUSDT.BINANCE",
            event=TargetChanged(
                strategy="ema",
                strategy_version="0001020304050607",
                venue="BINANCE",
                instrument="BTCUSDT.BINANCE",
                target_qty=Decimal(2),
                previous_target_qty=None,
                reference_px=Decimal(104),
                correlation_id="md.trade.v1/3/41",
                causation_id="md.trade.v1/3/41",
                ts_event_ns=7,
                ts_recv_ns=9,
            ),
        )
    ]


@EITHER
def test_only_changes_are_written(settings: StrategySettings) -> None:
    inputs = records(EMA.signal, trades(["100", "104", "105", "106", "90", "80", "120"]))
    outputs = decided(StrategyLogic([EMA], settings), inputs)
    found = [(o.position.offset, o.event.target_qty, o.event.previous_target_qty) for o in outputs]
    assert found == [(1, 2, None), (4, 0, 2), (6, 2, 0)]


@EITHER
@pytest.mark.parametrize(
    ("bid_px", "ask_px", "middle"),
    [
        ("99", "101", "100"),
        ("1.0000000001", "1.0000000002", "1.0000000002"),
        ("1.0000000000", "1.0000000001", "1.0000000000"),
        (TOP[:-1] + "9", TOP[:-1] + "8", TOP[:-1] + "8"),
    ],
)
def test_a_quote_decides_at_its_middle_rounded_half_to_even(
    settings: StrategySettings, bid_px: str, ask_px: str, middle: str
) -> None:
    event = quotes([("99", "1")])[0]._replace(bid_px=exact(bid_px), ask_px=exact(ask_px))
    logic = StrategyLogic([LoadedSignal("book", BookImbalance(), b"book")], settings)
    (output,) = decided(logic, inputs_of([event], "md.quote.v1"))
    assert output.event.reference_px == Decimal(middle)


def test_a_clock_tick_has_a_venue_but_no_price() -> None:
    logic = StrategyLogic([LoadedSignal("expiring", Expiring(), b"expiring")])
    clock = inputs_of([ClockTick(5), ClockTick(6)], "ops.clock.v1")
    two = [trades(["1"], name)[0] for name in ("ETHUSDT.BINANCE", "BTC-USD.COINBASE")]
    outputs = decided(logic, [*inputs_of(two, "md.trade.v1"), *clock])
    late = [output for output in outputs if output.position.topic == "ops.clock.v1"]
    assert [(o.key, o.event.venue) for o in late] == [
        ("BTC-USD.COINBASE", "COINBASE"),
        ("ETHUSDT.BINANCE", "BINANCE"),
    ]
    assert {o.position.offset for o in late} == {1}
    assert {(o.event.reference_px, o.event.ts_recv_ns, o.event.ts_event_ns) for o in late} == {
        (None, 6, None)
    }


@EITHER
def test_outputs_follow_their_causes_then_the_order_of_signals(settings: StrategySettings) -> None:
    first, second = EMA._replace(name="z"), EMA._replace(name="a")
    inputs = records(EMA.signal, trades(["100", "104", "90", "120"]))
    outputs = decided(StrategyLogic([first, second], settings), inputs)
    places = [(output.position.offset, output.event.strategy) for output in outputs]
    assert places == [(at, name) for at in (1, 2, 3) for name in ("z", "a")]


@EITHER
def test_a_signal_may_follow_some_instruments_only(settings: StrategySettings) -> None:
    signal = EMA._replace(instruments=frozenset(["ETHUSDT.BINANCE"]))
    inputs = records(EMA.signal, trades(["1", "2"]) + trades(["1", "2"], "ETHUSDT.BINANCE"))
    logic = StrategyLogic([signal], settings)
    state, outputs = logic.step(logic.initial(), batch_of(inputs))
    assert [output.key for output in outputs] == ["ETHUSDT.BINANCE"]
    assert state.held["ema"].keys() == {"ETHUSDT.BINANCE"}


def test_the_clock_moves_followed_instruments_only() -> None:
    """A snapshot may hold others, of settings before."""
    signal = LoadedSignal("expiring", Expiring(), b"expiring")
    two = [trades(["1"], name)[0] for name in ("ETHUSDT.BINANCE", "BTCUSDT.BINANCE")]
    logic = StrategyLogic([signal])
    state, _ = logic.step(logic.initial(), batch_of(inputs_of(two, "md.trade.v1")))
    narrower = StrategyLogic([signal._replace(instruments=frozenset(["ETHUSDT.BINANCE"]))])
    clock = inputs_of([ClockTick(5), ClockTick(6)], "ops.clock.v1")
    _, outputs = narrower.step(narrower.load(logic.dump(state), 1), batch_of(clock))
    assert [output.key for output in outputs] == ["ETHUSDT.BINANCE"]


@EITHER
def test_an_epoch_without_records_changes_nothing(settings: StrategySettings) -> None:
    logic = StrategyLogic([EMA], settings)
    assert logic.step(logic.initial(), batch_of([])) == (logic.initial(), [])


class Nothing(NamedTuple):
    pass


class Wants(NamedTuple):
    """A signal that always wants the same, right or wrong."""

    target: Any

    @property
    def reads(self) -> type[TradePrinted]:
        return TradePrinted

    def initial(self) -> Nothing:
        return Nothing()

    def row(self, state: Nothing, event: TradePrinted) -> tuple[Nothing, Any]:
        return state, self.target


@pytest.mark.parametrize(
    ("target", "says"),
    [
        pytest.param(0.5, "0.5 is a float, not a Decimal", id="float"),
        pytest.param(None, "None is a NoneType", id="nothing"),
        pytest.param(Decimal("NaN"), "NaN is not a number", id="NaN"),
        pytest.param(Decimal("0.00000000001"), "does not fit", id="11 decimals"),
        pytest.param(Decimal("1e18"), "does not fit", id="29 digits"),
    ],
)
def test_a_target_that_is_no_quantity_stops(target: Any, says: str) -> None:
    logic = StrategyLogic([LoadedSignal("odd", Wants(target), b"odd")])
    with pytest.raises(TargetNotExact, match=f"signal odd, target of BTCUSDT.BINANCE: .*{says}"):
        decided(logic, records(EMA.signal, trades(["1"])))


def dead_letter(offset: int) -> Output:
    letter = DeadLettered(
        "UNDECODABLE", "strategy", "md.trade.v1", 0, offset, 1, b"0" * 32, b"x", 0
    )
    return Output(Position("md.trade.v1", 0, offset), 7, "md.trade.v1.dlq", "k", letter, "why")


def test_dead_letters_pass_through_and_are_counted_once() -> None:
    logic = StrategyLogic([EMA])
    errors = [dead_letter(0), dead_letter(5)]
    state, outputs = logic.step(logic.initial(), batch_of([], errors))
    assert outputs == errors
    followed = logic.initial()
    for output in outputs:
        followed = logic.evolve(followed, output)
    assert logic.dump(followed) == logic.dump(state)
    assert logic.load(logic.dump(state), 1) == state


def test_too_many_dead_letters_stop_the_process() -> None:
    limit = DeadLetterLimit(share=Decimal("0.1"), records=20)
    logic = StrategyLogic([EMA], StrategySettings(dead_letters=limit))
    state, _ = logic.step(logic.initial(), batch_of([], [dead_letter(0), dead_letter(5)]))
    with pytest.raises(DeadLetterShareExceeded, match="3 of the 20 records"):
        logic.step(state, batch_of([], [dead_letter(6)]))


class Odd(Exception):
    pass


class Raises(NamedTuple):
    at: Decimal

    @property
    def reads(self) -> type[TradePrinted]:
        return TradePrinted

    def initial(self) -> Nothing:
        return Nothing()

    def row(self, state: Nothing, event: TradePrinted) -> tuple[Nothing, Decimal]:
        if event.last_px == self.at:
            raise Odd
        return state, Decimal(1)


@EITHER
def test_a_signal_that_raises_leaves_the_state_whole(settings: StrategySettings) -> None:
    logic = StrategyLogic([EMA, LoadedSignal("odd", Raises(Decimal(9)), b"odd")], settings)
    state, _ = logic.step(logic.initial(), batch_of(records(EMA.signal, trades(["1", "2"]))))
    before = logic.dump(state)
    with pytest.raises(Odd):
        logic.step(state, batch_of(records(EMA.signal, trades(["3", "9"]))))
    assert logic.dump(state) == before


def test_evolve_follows_targets_as_they_were_written() -> None:
    logic = StrategyLogic([EMA])
    (output,) = decided(logic, records(EMA.signal, trades(["1", "2"])))
    other = output._replace(event=output.event._replace(target_qty=Decimal(5)))
    state = logic.evolve(logic.initial(), other)
    assert state.held["ema"]["BTCUSDT.BINANCE"].target == 5
    stranger = output._replace(event=output.event._replace(strategy="gone"))
    assert logic.evolve(state, stranger) == state


def test_a_snapshot_of_other_fields_is_refused() -> None:
    logic = StrategyLogic([LoadedSignal("one", EMA.signal, b"1")])
    other = StrategyLogic([LoadedSignal("one", Breakout(), b"2")])
    state, _ = logic.step(logic.initial(), batch_of(records(EMA.signal, trades(["1"]))))
    with pytest.raises(StateVersionError, match=r"\['fast', 'slow'\] of signal one"):
        other.load(logic.dump(state), 1)
    with pytest.raises(StateVersionError, match="version 9"):
        logic.load(logic.dump(state), 9)


def test_a_snapshot_leaves_behind_signals_that_are_gone() -> None:
    both = StrategyLogic([EMA, EMA._replace(name="gone")])
    state, _ = both.step(both.initial(), batch_of(records(EMA.signal, trades(["1"]))))
    loaded = StrategyLogic([EMA, EMA._replace(name="new")]).load(both.dump(state), 1)
    held = Held(EMA.signal.initial()._replace(fast=1.0, slow=1.0), None)
    assert loaded == StrategyState({"ema": {"BTCUSDT.BINANCE": held}, "new": {}}, {})


def test_two_signals_need_two_names() -> None:
    with pytest.raises(TapeError, match="two signals are named ema"):
        StrategyLogic([EMA, EMA])


class Side(StrEnum):
    LONG = "long"


class Known(NamedTuple):
    what: Any


class Keeps(NamedTuple):
    """A signal whose state is `first`, and `then` from the first event on."""

    first: Any
    then: Any

    @property
    def reads(self) -> type[TradePrinted]:
        return TradePrinted

    def initial(self) -> Any:
        return self.first

    def row(self, state: Any, event: TradePrinted) -> tuple[Any, Decimal]:
        return self.then, Decimal(1)


NOT_AS_IT_WAS = [
    pytest.param(Known([1]), r"what is \[1\], a list", id="list"),
    pytest.param(Known(Side.LONG), "what is <Side.LONG: 'long'>, a Side", id="enum"),
    pytest.param(Known(Known(1)), r"what is Known\(what=1\), a Known", id="named tuple inside"),
    pytest.param(Known((1, (Known(1),))), r"what is \(1, .* a tuple", id="named tuple deep inside"),
    pytest.param({"what": 1}, "its state is a dict", id="dict"),
    pytest.param((1,), "its state is a tuple", id="tuple without names"),
    pytest.param(Nothing(), "its state is a Nothing", id="another class"),
]


@EITHER
@pytest.mark.parametrize(("state", "says"), NOT_AS_IT_WAS)
def test_a_state_that_a_snapshot_would_change_stops(
    settings: StrategySettings, state: Any, says: str
) -> None:
    signal = LoadedSignal("odd", Keeps(Known(None), state), b"odd")
    with pytest.raises(BadState, match=f"signal odd: .*{says}"):
        decided(StrategyLogic([signal], settings), records(EMA.signal, trades(["1"])))


@pytest.mark.parametrize(("state", "says"), NOT_AS_IT_WAS[:-1])
def test_a_signal_that_begins_with_such_a_state_is_refused(state: Any, says: str) -> None:
    with pytest.raises(BadState, match=f"signal odd: .*{says}"):
        StrategyLogic([LoadedSignal("odd", Keeps(state, state), b"odd")])


class Broken(Wants):
    """A signal of two forms, whose `at` is wrong."""

    def initial(self) -> Any:
        return [Nothing()][self.target == "initial"]

    def columns(self) -> Any:
        return {"state": {}}[self.target]


@pytest.mark.parametrize(
    ("at", "says"),
    [
        ("initial", r"initial\(\): IndexError: list index out of range"),
        ("target", r"columns\(\): KeyError: 'target'"),
        ("state", r"columns\(\): AttributeError: 'dict' object has no attribute 'state'"),
    ],
)
def test_a_signal_that_does_not_begin_is_refused(at: str, says: str) -> None:
    with pytest.raises(TapeError, match=f"^signal odd: {says}"):
        StrategyLogic([LoadedSignal("odd", Broken(at), b"odd")])


class Number(float):
    pass


@pytest.mark.parametrize(
    "value", [None, True, 7, 0.1, "é", Decimal("1.5"), exact("1.5"), (1, (), ("a", 0.5)), Number(2)]
)
def test_a_state_comes_back_as_it_was(value: Any) -> None:
    logic = StrategyLogic([LoadedSignal("odd", Keeps(Known(None), Known(value)), b"odd")])
    state, _ = logic.step(logic.initial(), batch_of(records(EMA.signal, trades(["1"]))))
    assert logic.load(logic.dump(state), 1) == state


class ReadsClock(Wants):
    @property
    def reads(self) -> Any:
        return ClockTick


def test_a_signal_reads_what_the_pipeline_delivers() -> None:
    with pytest.raises(TapeError, match=r"signal odd reads .*ClockTick.* delivers TradePrinted"):
        StrategyLogic([LoadedSignal("odd", ReadsClock(Decimal(0)), b"odd")])


def test_it_fulfils_the_contract() -> None:
    logic: Logic[StrategyState] = StrategyLogic([EMA])
    assert [topic.topic for topic in logic.inputs] == ["md.trade.v1", "md.quote.v1", "ops.clock.v1"]
    assert [topic.broadcast for topic in logic.inputs] == [False, False, True]
