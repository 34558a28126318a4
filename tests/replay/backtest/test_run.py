"""Backtests of the example desk over captured markets.

1. The same market gives the same digests, however it is read; the account's books are the venue's.
2. Nothing decided depends on what comes later; a signal that looks ahead is refused.
3. The wire: nothing is answered before it was asked, later with more latency; jitter by its seed.
4. A market without a clock gets one; an empty range is an error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
import pytest

from connectors.log.interface import OutRecord, Tp
from connectors.log.memory import MemoryLog
from ops.processes.backtesting import Assumed, setting_of
from ops.settings import ROOT, load_file
from pipelines.logic import Output
from pipelines.strategy.logic import StrategyLogic
from pipelines.strategy.signal import Columns, LoadedSignal, quantity
from replay.archive.run import archive
from replay.archive.schemas import archived_ids
from replay.archive.source import ArchiveLog
from replay.archive.store import FolderStore
from replay.backtest.desk import Desk
from replay.backtest.feed import Feed, NoMarket, ranges
from replay.backtest.peeking import LooksAhead, check_no_peeking
from replay.backtest.records import Records
from replay.backtest.run import Done, backtest
from replay.backtest.setting import Setting
from replay.times import Span
from schemas.codec import Codec
from schemas.events import (
    DecisionExpired,
    OrderApproved,
    OrderFilled,
    OrderRejected,
    QuoteChanged,
    TradePrinted,
    VenueRequestSent,
    VenueResponseReceived,
)
from tests.replay.backtest.market import BEGIN_MS, CLOCK, CODEC, TOPICS, captured, log_of

SECONDS = 20.0
MS = 1_000_000


@cache
def setting(**assumed: Any) -> Setting:
    return setting_of(load_file(ROOT / "ops/desk/example/tape.toml"), Assumed(**assumed))


def run(log: MemoryLog, **assumed: Any) -> Done:
    return backtest(log, CODEC, setting(**assumed))


@cache
def example() -> Done:
    return run(log_of(captured(SECONDS)))


def events(done: Done, kind: type[Any]) -> list[Any]:
    parts = (Tp(tp.topic, tp.partition) for tp in sorted(done.records.log.partitions))
    found = [CODEC.decode(record.value) for tp in parts for record in done.records.of(tp)]
    return [event for event in found if isinstance(event, kind)]


def test_the_example_trades() -> None:
    counts = example().story.events
    assert counts["OrderFilled"] >= 5
    assert counts["OrderDenied"] >= 1
    assert counts["OrderCanceled"] >= 5


@pytest.mark.parametrize("records_max", [9, 970])
def test_it_is_the_same_however_the_market_is_read(records_max: int) -> None:
    done = backtest(log_of(captured(SECONDS)), CODEC, setting(), records_max=records_max)
    assert done.records.digests() == example().records.digests()


def test_it_is_the_same_from_the_archive(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    archive(log_of(captured(SECONDS)), CODEC, store, TOPICS)
    catalog = CODEC.catalog
    done = backtest(ArchiveLog(store), Codec(catalog, archived_ids(store, catalog)), setting())
    assert done.records.digests() == example().records.digests()
    assert (done.market, done.ranges) == (example().market, example().ranges)


def test_the_order_of_the_market_does_not_depend_on_its_chunks() -> None:
    log = log_of(captured(SECONDS))
    orders = []
    for records_max in (20_000, 1):
        feed = Feed(log, CODEC, ranges(log), records_max)
        orders.append([row.position for batch in feed.batches() for row in batch.rows()])
        feed.close()
    assert orders[0] == orders[1]
    assert len(orders[0]) == feed.total


def test_the_books_are_the_venues() -> None:
    log, story = log_of(captured(SECONDS)), example().story
    records = Records()
    desk = Desk(setting(), records, lambda _: None)
    desk.open(BEGIN_MS)
    for batch in Feed(log, CODEC, ranges(log)).batches():
        desk.follow(batch)
    desk.finish()
    held = desk.venue.venue.exchange.balances["sim-1"]
    there = {asset: one.free + one.locked for asset, one in held.items()}
    assert there == {asset: qty for asset, qty in story.account.balances.items() if asset}
    book = desk._gateway.fold.book
    for terms in setting().limits.instruments:
        beside = book.holdings.of(terms.instrument)
        assert book.position(terms.instrument) + beside == there[terms.base_asset]


def test_what_the_account_begins_with_counts_in_the_position_cap() -> None:
    """As live: the example begins with 0.5 BTC."""
    btc, given = "BTCUSDT.BINANCE", setting()
    caps = given.caps._replace(position_max={**given.caps.position_max, btc: Decimal("0.5")})
    done = backtest(log_of(captured(SECONDS)), CODEC, given._replace(caps=caps))
    dropped = [one.reason for one in events(done, DecisionExpired) if one.instrument == btc]
    assert set(dropped) == {"CAP_POSITION"}
    assert btc not in {one.instrument for one in events(done, OrderFilled)}


# ---- looking ahead -------------------------------------------------------------------------------


def decisions(done: Done, until_ms: int) -> list[OutRecord]:
    return [
        record
        for tp in sorted(done.records.log.partitions)
        for record in done.records.of(tp)
        if record.timestamp_ms < until_ms
    ]


def shifted(outputs: Sequence[Output], from_ms: int) -> list[Output]:
    """The same past; from a moment on all trades and quotes cost a tenth more."""

    def dearer(one: Output) -> Output:
        event = one.event
        names = [name for name in ("last_px", "bid_px", "ask_px") if hasattr(event, name)]
        if one.timestamp_ms < from_ms or not isinstance(event, TradePrinted | QuoteChanged):
            return one
        prices = {name: getattr(event, name) * Decimal("1.1") for name in names}
        return one._replace(event=event._replace(**prices))

    return list(map(dearer, outputs))


def test_another_future_changes_no_past_decision() -> None:
    from_ms = BEGIN_MS + int(SECONDS * 500)
    other = run(log_of(shifted(captured(SECONDS), from_ms)))
    assert decisions(other, from_ms) == decisions(example(), from_ms)
    assert len(decisions(other, from_ms)) > 50
    assert other.records.digests() != example().records.digests()


class Seen(NamedTuple):
    px: float | None


@dataclass(frozen=True)
class Peeking:
    """Long where the next trade is dearer: its columns see that, its rows do not."""

    peeks: bool = True

    @property
    def reads(self) -> type[TradePrinted]:
        return TradePrinted

    def initial(self) -> Seen:
        return Seen(None)

    def row(self, state: Seen, event: TradePrinted) -> tuple[Seen, Decimal]:
        return Seen(float(event.last_px)), Decimal(0)

    def columns(self) -> Columns:
        px = pl.coalesce("px", pl.col("last_px").cast(pl.Float64))
        known = px.shift(-1) if self.peeks else px
        above = pl.col("last_px").cast(pl.Float64) < pl.col("px")
        size = pl.when(above).then(quantity(Decimal(1))).otherwise(quantity(Decimal(0)))
        return Columns({"px": known}, size)


@pytest.mark.parametrize("peeks", [True, False])
def test_a_signal_that_looks_ahead_is_refused(peeks: bool) -> None:
    signal = LoadedSignal("peeking", Peeking(peeks), b"\0" * 32)
    logic = StrategyLogic([signal])
    log = log_of(captured(SECONDS))
    [batch, *_] = Feed(log, CODEC, ranges(log)).batches()
    told = (logic, logic.initial(), batch)
    if not peeks:
        check_no_peeking(*told)
        return
    with pytest.raises(LooksAhead, match="signal peeking looks ahead"):
        check_no_peeking(*told)


def test_a_backtest_of_a_signal_that_looks_ahead_gives_no_result() -> None:
    signal = LoadedSignal("peeking", Peeking(), b"\0" * 32)
    peeking = setting()._replace(strategy=StrategyLogic([signal]))
    with pytest.raises(LooksAhead):
        backtest(log_of(captured(SECONDS)), CODEC, peeking)


# ---- the wire ------------------------------------------------------------------------------------


@pytest.mark.parametrize("one_way_ms", [0, 40])
def test_an_answer_comes_after_both_ways(one_way_ms: int) -> None:
    way = Decimal(one_way_ms)
    done = run(log_of(captured(SECONDS)), order_ms=way, cancel_ms=way, report_ms=way)
    sent = {one.request_id: one.ts_ns for one in events(done, VenueRequestSent)}
    answers = events(done, VenueResponseReceived)
    assert len(answers) > 10
    waits = [answer.ts_recv_ns - sent[answer.request_id] for answer in answers]
    assert min(waits) == 2 * one_way_ms * MS


def test_fills_come_after_their_approvals() -> None:
    approved = {one.cl_ord_id: one for one in events(example(), OrderApproved)}
    for fill in events(example(), OrderFilled):
        assert fill.ts_recv_ns >= approved[fill.cl_ord_id].ts_recv_ns + 10 * MS


def test_what_travels_longer_than_its_window_is_refused() -> None:
    """As live: a request may be taken for a second."""
    done = run(log_of(captured(SECONDS)), order_ms=Decimal(1_001))
    refused = events(done, OrderRejected)
    assert refused
    assert {one.reason for one in refused} == {"TIMESTAMP_OUTSIDE_WINDOW"}
    assert not events(done, OrderFilled)


def test_jitter_follows_its_seed() -> None:
    log = log_of(captured(SECONDS))
    jitter = Decimal(30)
    first, again = (run(log, jitter_ms=jitter, seed=1) for _ in range(2))
    other = run(log, jitter_ms=jitter, seed=2)
    assert first.records.digests() == again.records.digests()
    assert first.records.digests() != other.records.digests()


# ---- what the log lacks --------------------------------------------------------------------------


def test_a_market_without_a_clock_gets_one() -> None:
    bare = [one for one in captured(SECONDS) if one.topic != CLOCK]
    log = log_of(bare)
    del log.partitions[Tp(CLOCK, 0)]
    done = run(log)
    assert not done.clock
    assert done.story.events["ClockTick"] == int(SECONDS) + 1
    assert done.story.events["OrderFilled"] >= 5


def test_a_span_of_the_market() -> None:
    log = log_of(captured(SECONDS))
    span = Span(BEGIN_MS + 5_000, BEGIN_MS + 15_000)
    done = backtest(log, CODEC, setting(), span)
    assert 0 < done.market < example().market
    stamps = [r.timestamp_ms for tp in done.records.log.partitions for r in done.records.of(tp)]
    assert min(stamps) >= BEGIN_MS + 5_000


@pytest.mark.parametrize("topics", [(), (CLOCK,)])
def test_an_empty_range_is_an_error(topics: tuple[str, ...]) -> None:
    log = log_of([one for one in captured(SECONDS) if one.topic in topics])
    with pytest.raises(NoMarket, match="no market data"):
        run(log)


@pytest.mark.parametrize("topic", [topic for topic in TOPICS if topic != CLOCK])
def test_a_market_of_one_record_is_a_market(topic: str) -> None:
    done = run(log_of([next(one for one in captured(SECONDS) if one.topic == topic)]))
    assert done.market == 2, "the record, and a tick made for it"
    assert not done.story.events["OrderRequested"]


def test_limits_and_strategies_are_needed(tmp_path: Path) -> None:
    from ops.processes.backtesting import NotTradable

    file = tmp_path / "tape.toml"
    file.write_text("")
    with pytest.raises(NotTradable, match="limits"):
        setting_of(load_file(file), Assumed())
