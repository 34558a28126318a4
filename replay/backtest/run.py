"""One backtest from beginning to end, and what is to be known of it afterwards."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from connectors.clock import TOPIC as CLOCK
from connectors.log.interface import Log
from pipelines.logic import Input
from replay.backtest.clocked import Clocked, first_ms, last_ms
from replay.backtest.desk import Desk
from replay.backtest.feed import RECORDS_MAX, Feed, Range, ranges, require_market
from replay.backtest.implied import implied_by
from replay.backtest.parted import Trading, summary_of
from replay.backtest.recorded import recorded_trading
from replay.backtest.records import Records
from replay.backtest.setting import Setting
from replay.backtest.story import Story
from replay.times import EVERYTHING, Span
from schemas.codec import Codec

QUOTED: Final = ("md.quote.v1", "md.book.v1", "md.mark.v1")
OnRecords = Callable[[int, int], None]


class Done(NamedTuple):
    """`market`: records read, `ranges`: which ones; `clock`: whether the ticks are the log's;
    `quotes`: whether the quotes are, or implied by trades. `apart`: where a live run of the same
    range and this one part, where there was one.
    """

    records: Records
    story: Story
    ranges: list[Range]
    market: int
    clock: bool
    quotes: bool = True
    apart: dict[str, Any] | None = None


def backtest(
    log: Log,
    codec: Codec,
    setting: Setting,
    span: Span = EVERYTHING,
    on_records: OnRecords = lambda done, total: None,
    records_max: int = RECORDS_MAX,
) -> Done:
    """Runs the desk over a span of a log. Raises `TapeError`; nothing is written anywhere."""
    wanted = ranges(log, span)
    require_market(wanted)
    topics = {one.tp.topic for one in wanted}
    begins_ms, clock = first_ms(log, wanted), CLOCK in topics
    source: Log = log if clock else Clocked(log, codec, begins_ms, last_ms(log, wanted))
    ticks = [] if clock else ranges(source, topics=(CLOCK,))
    records, story, own = Records(), Story(setting.limits), Trading(setting.caps.account)

    def see(item: Input) -> None:
        story.see(item)
        own.see(item)

    quotes = not topics.isdisjoint(QUOTED)
    desk = Desk(setting, records, see, None if quotes else implied_by(setting.limits))
    feed = Feed(source, codec, [*wanted, *ticks], records_max)
    try:
        market = _drive(desk, feed, begins_ms, on_records)
    finally:
        feed.close()
    story.end(desk.now_ns // 1_000_000)
    live = recorded_trading(log, codec, span, setting.caps.account)
    apart = None if live is None else summary_of(live, own, setting.model.latency.order_ns)
    return Done(records, story, wanted, market, clock, quotes, apart)


def _drive(desk: Desk, feed: Feed, begins_ms: int, on_records: OnRecords) -> int:
    desk.open(begins_ms)
    done = 0
    for batch in feed.batches():
        desk.follow(batch)
        done += batch.count
        on_records(min(done, feed.total - 1), feed.total)
    desk.finish()
    on_records(feed.total, feed.total)
    return done
