"""Signals that look ahead now and then: honest row by row, and in columns but for some rows.

1. One that takes a later quote at every 10th or 100th row is refused, near or far ahead.
2. So is one that decides later by it, and where only some decisions can be looked at.
3. The same that looks at nothing later passes, as the reference signals do, cut after every row.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple

import polars as pl
import pytest

from connectors.epochs.batch import EpochBatch
from pipelines.strategy.book_imbalance import BookImbalance
from pipelines.strategy.ema_cross import EmaCross
from pipelines.strategy.logic import StrategyLogic
from pipelines.strategy.signal import Columns, LoadedSignal, Signal, quantity
from replay.backtest import peeking
from replay.backtest.feed import Feed, ranges
from replay.backtest.peeking import DependsOnBatches, LooksAhead, check_no_peeking
from replay.backtest.run import backtest
from schemas.events import QuoteChanged
from tests.replay.backtest.market import CODEC, captured, log_of
from tests.replay.backtest.test_run import setting

SECONDS = 20.0
LONG, LONGER, OUT = Decimal("0.01"), Decimal("0.02"), Decimal(0)


class Seen(NamedTuple):
    px: float | None


@dataclass(frozen=True)
class Sly:
    """In and out every 50 quotes; of every `every`-th quote its columns know the price `ahead`
    quotes later.
    """

    every: int
    ahead: int = 3

    @property
    def reads(self) -> type[QuoteChanged]:
        return QuoteChanged

    def initial(self) -> Seen:
        return Seen(None)

    def row(self, state: Seen, event: QuoteChanged) -> tuple[Seen, Decimal]:
        return Seen(float(event.bid_px)), OUT if (event.sequence or 0) // 50 % 2 else LONG

    def columns(self) -> Columns:
        now, px, sequence = pl.col("bid_px").cast(pl.Float64), pl.col("px"), pl.col("sequence")
        later = pl.when(sequence % self.every == 0).then(now.shift(-self.ahead)).otherwise(now)
        wanted = pl.when(px > now).then(quantity(LONGER)).when(px < now).then(quantity(OUT))
        in_turn = wanted.when(sequence // 50 % 2 == 0).then(quantity(LONG)).otherwise(quantity(OUT))
        return Columns({"px": pl.coalesce(px, later.fill_null(now))}, in_turn)


@dataclass(frozen=True)
class Patient(Sly):
    """Notes a later price of every `every`-th quote, and decides by it 5 quotes after that one."""

    def row(self, state: Seen, event: QuoteChanged) -> tuple[Seen, Decimal]:
        raise NotImplementedError

    def columns(self) -> Columns:
        now, since = pl.col("bid_px").cast(pl.Float64), pl.col("sequence") % self.every
        noted = pl.when(since == 0).then(now.shift(-self.ahead))
        above = (since == 5) & (pl.col("px") > now)
        size = pl.when(above).then(quantity(LONG)).otherwise(quantity(OUT))
        return Columns({"px": pl.coalesce("px", noted).forward_fill()}, size)


@cache
def batch() -> EpochBatch:
    """The market of the captures."""
    log = log_of(captured(SECONDS))
    feed = Feed(log, CODEC, ranges(log))
    try:
        [found] = feed.batches()
        return found
    finally:
        feed.close()


def logic_of(signal: Signal[Any]) -> StrategyLogic:
    return StrategyLogic([LoadedSignal("sly", signal, b"\0" * 32)])


def check(signal: Signal[Any]) -> None:
    logic = logic_of(signal)
    check_no_peeking(logic, logic.initial(), batch())


@pytest.mark.parametrize("every", [2, 10, 100])
@pytest.mark.parametrize("ahead", [3, 200])
def test_a_signal_that_looks_ahead_now_and_then_is_refused(every: int, ahead: int) -> None:
    with pytest.raises(LooksAhead, match=r"signal sly looks ahead: .* at md.quote.v1/"):
        check(Sly(every, ahead))


def test_so_is_one_that_decides_later_by_what_it_saw_too_early() -> None:
    with pytest.raises(LooksAhead):
        check(Patient(10, ahead=8))


def test_a_backtest_of_one_gives_no_result() -> None:
    sly = setting()._replace(strategy=logic_of(Sly(10)))
    with pytest.raises(LooksAhead):
        backtest(log_of(captured(SECONDS)), CODEC, sly)


def test_columns_that_look_back_beyond_the_state_are_refused_as_that() -> None:
    with pytest.raises(DependsOnBatches, match="where a batch begins"):
        check(Sly(10, ahead=-3))


def test_a_few_cuts_are_drawn_where_there_are_too_many_places(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(peeking, "CUTS_MAX", 100)
    with pytest.raises(LooksAhead):
        check(Sly(10))


@pytest.mark.parametrize(
    "signal",
    [
        Sly(10, ahead=0),
        EmaCross(fast_span=1, slow_span=2),
        BookImbalance(enter=Decimal("0.2"), leave=Decimal("0.1"), short=True),
    ],
)
def test_an_honest_signal_passes_wherever_its_batch_is_cut(
    signal: Signal[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peeking, "CUTS_MAX", batch().count)
    logic = logic_of(signal)
    state = logic.initial()
    assert len(logic.advance(state, batch())) > 30
    for known in (logic.initial(), state):
        check_no_peeking(logic, known, batch())
