"""One backtest from beginning to end, and what is to be known of it afterwards."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from typing import Any, Final, NamedTuple

from connectors.clock import TOPIC as CLOCK
from connectors.log.interface import Log
from pipelines.logic import Input
from pipelines.market.marks import MARKS
from replay.archive.manifest import read
from replay.archive.source import ArchiveLog
from replay.backtest.clocked import Clocked, first_ms, last_ms
from replay.backtest.desk import Desk
from replay.backtest.feed import RECORDS_MAX, Feed, Range, first_keys, ranges, require_market
from replay.backtest.implied import implied_by
from replay.backtest.parted import Trading, summary_of
from replay.backtest.recorded import recorded_trading
from replay.backtest.records import Records
from replay.backtest.setting import Setting
from replay.backtest.story import Story
from replay.kept import canonical
from replay.times import EVERYTHING, Span
from schemas.codec import Codec

TRADED: Final = "md.trade.v1"
QUOTED: Final = ("md.quote.v1", "md.book.v1")
OF_LOG: Final = "of the log"
OnRecords = Callable[[int, int], None]


class Done(NamedTuple):
    """`market`: records read, `ranges`: which ones; `clock`: whether the ticks are the log's;
    `quotes`, `marks`: what they are of. `apart`: where a live run of the same
    range and this one part, where there was one. `imported`: the digest of what was imported.
    """

    records: Records
    story: Story
    ranges: list[Range]
    market: int
    clock: bool
    quotes: str = OF_LOG
    marks: str = OF_LOG
    apart: dict[str, Any] | None = None
    imported: str | None = None


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

    marked = MARKS in topics
    quoted, traded = (set() if marked else first_keys(log, wanted, *t) for t in (QUOTED, (TRADED,)))
    desk = Desk(setting, records, see, None if marked else implied_by(setting.limits, quoted))
    feed = Feed(source, codec, [*wanted, *ticks], records_max)
    try:
        market = _drive(desk, feed, begins_ms, on_records)
    finally:
        feed.close()
    story.end(desk.now_ns // 1_000_000)
    live = recorded_trading(log, codec, span, setting.caps.account)
    apart = None if live is None else summary_of(live, own, setting.model.latency.order_ns)
    marks = OF_LOG if marked else "made of quotes"
    quotes, origin = _quotes(quoted, traded), _imported(log, wanted)
    return Done(records, story, wanted, market, clock, quotes, marks, apart, origin)


def _quotes(quoted: set[str], traded: set[str]) -> str:
    """Whose quotes an order meets, by the instruments that have any and those that were traded."""
    if traded <= quoted:
        return OF_LOG
    return f"{OF_LOG}, else implied by trades" if quoted else "implied by trades"


def _imported(log: Log, wanted: list[Range]) -> str | None:
    """Of the imported files that the ranges lie in; None where there are none. A log's records are
    known by their offsets, those of an import may be others tomorrow.
    """
    if not isinstance(log, ArchiveLog):
        return None
    names = [
        name
        for tp, start, end in wanted
        for name in log.files.get(tp, ())
        if name.start < end and name.end > start
    ]
    files = [one for one in (read(log.store, name) for name in names) if one.origin is not None]
    digests = canonical([(*one.name, one.sha256) for one in files])
    return sha256(digests.encode()).hexdigest() if files else None


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
