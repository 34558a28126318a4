"""A batch as columns does to a desk what its records do one by one.

1. A market is drawn with few prices: prints at, through and beside orders that rest.
2. One desk reads it in batches so small that each record is looked at, another in large ones.
3. Every record that either writes is the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from random import Random

import pytest

from connectors.log.memory import MemoryLog
from ops.processes.backtesting import Assumed, setting_of
from ops.settings import ROOT, load_file
from pipelines.batches import batch_of, inputs_of
from pipelines.logic import ROWS_MAX, Input, Output, Position
from pipelines.market.marks import marked
from replay.backtest.columns import Columns
from replay.backtest.desk import Desk
from replay.backtest.feed import Feed, ranges
from replay.backtest.records import Records
from replay.backtest.run import Done, backtest
from replay.backtest.setting import Setting
from schemas.events import BookChanged, MarkPublished, QuoteChanged, Side, TradePrinted
from schemas.numbers import exact
from tests.pipelines.matching.script import Script, rich
from tests.replay.backtest.market import BEGIN_MS, CODEC, log_of, tick

NAMES = ("BTCUSDT.BINANCE", "ETHUSDT.BINANCE")
HERE = Position("md.raw.v1", 0, 0)
SECONDS = 30


@cache
def setting() -> Setting:
    return setting_of(load_file(ROOT / "ops/desk/example/tape.toml"), Assumed())


def drawn(seed: int) -> Iterator[Output]:
    chance, mids = Random(seed), {NAMES[0]: 6_000_000, NAMES[1]: 250_000}  # hundredths
    for at_ms in range(BEGIN_MS, BEGIN_MS + SECONDS * 1_000, 5):
        if at_ms % 1_000 == 0:
            yield tick(at_ms)
        name = chance.choice(NAMES)
        mids[name] += chance.choice((-3, -2, -1, 0, 0, 0, 0, 1, 2, 3))
        # Log times of different partitions, and of one, lie out of order by a little.
        late_ms = chance.choice((0, 0, 0, 7))
        yield from one(chance, name, mids[name], at_ms - late_ms, seed != 0)
        if at_ms % 100 == 0:
            for each in NAMES:
                quote = quoted(chance, each, mids[each], at_ms)
                yield Output(HERE, at_ms, "md.mark.v1", each, marked(quote))


def one(chance: Random, name: str, mid: int, at_ms: int, whole: bool) -> Iterator[Output]:
    ns, kind = at_ms * 1_000_000, chance.choice("TTTTTQQQQB")
    if kind == "T":
        side: Side = chance.choice(("BUY", "SELL", "UNKNOWN"))
        terms = (hundredths(mid + chance.choice((-2, -1, 1, 2))), exact(chance.choice("123")))
        trade = TradePrinted("BINANCE", name, str(ns), side, *terms, ns, ns, "A")
        yield Output(HERE, at_ms, "md.trade.v1", name, trade)
    elif kind == "Q":
        yield Output(HERE, at_ms, "md.quote.v1", name, quoted(chance, name, mid, at_ms))
    else:
        levels = tuple(hundredths(mid - 1 - at) for at in range(3))
        offers = tuple(hundredths(mid + 1 + at) for at in range(3))
        counts = tuple(exact(chance.choice("01234")) for _ in range(6))
        sides = (levels, counts[:3], offers, counts[3:])
        about = ("BINANCE", name, whole and chance.random() < 0.2, None, ns, None)
        changed = BookChanged(*about, *sides, ns, ns, "A")
        yield Output(HERE, at_ms, "md.book.v1", name, changed)


def trade(ns: int = 0) -> TradePrinted:
    return TradePrinted("BINANCE", NAMES[0], "1", "BUY", exact("100"), exact("1"), ns, ns, "A")


def quoted(chance: Random, name: str, mid: int, at_ms: int) -> QuoteChanged:
    ns = at_ms * 1_000_000
    bid, ask = (hundredths(mid + sign) for sign in (-1, 1))
    sides = (bid, exact(chance.choice("12")), ask, exact(chance.choice("12")))
    sequence = chance.choice((None, ns, ns - 20_000_000))
    return QuoteChanged("BINANCE", name, sequence, *sides, ns, ns, "A")


def hundredths(px: int) -> Decimal:
    return exact(f"{px / 100:.2f}")


def test_an_act_is_due_at_the_first_record_of_its_time() -> None:
    """Not at one that only the latest log time before it makes late enough."""
    at_ms = (10, 30, 20, 25, 40)
    rows = [
        row._replace(position=Position("md.trade.v1", 0, at), timestamp_ms=ms)
        for at, ms in enumerate(at_ms)
        for row in inputs_of([trade()], "md.trade.v1")
    ]
    columns = Columns(batch_of(rows), {})
    assert [columns.due(0, ms * 1_000_000) for ms in (5, 10, 11, 30, 31, 41)] == [0, 0, 1, 1, 4, 5]
    assert columns.due(2, 23_000_001) == 3
    assert columns.due(2, None) == 5


@pytest.mark.parametrize(
    ("lines", "loud"),
    [
        pytest.param([], 3, id="nothing rests"),
        pytest.param(["A BUY 1 @ 99.5"], 3, id="no print reaches it"),
        pytest.param(["A BUY 1 @ 100"], 0, id="a print at its price"),
        pytest.param(["A SELL 1 @ 104"], 3, id="far above"),
        pytest.param(["quote 101x1 | 105x1", "A BUY 1 @ 99.5"], 1, id="a quote tells its place"),
        pytest.param(["quote 101x1 | 105x1", "A BUY 1 @ 99"], 3, id="behind the quote's price"),
    ],
)
def test_what_may_do_something(lines: list[str], loud: int) -> None:
    """A trade at 100, a quote of 99.50, a trade of another instrument."""
    script = Script(rich("A"))
    for line in ["quote 99.5x1 | 105x1", *lines]:
        script.play(line)
    ns, quote = BEGIN_MS * 1_000_000, quoted(Random(1), NAMES[0], 9_951, BEGIN_MS)
    market = [trade(ns), quote, trade(ns)._replace(instrument=NAMES[1])]
    rows = [inputs_of([one], topic)[0] for one, topic in zip(market, "abc", strict=True)]
    books = {NAMES[0]: script.exchange.books["BTCUSDT"]}
    assert Columns(batch_of(rows), {}).loud(0, 3, books) == loud


@cache
def market(seed: int) -> MemoryLog:
    return log_of(drawn(seed), partitions=1)


def run(seed: int, records_max: int) -> Done:
    return backtest(market(seed), CODEC, setting(), records_max=records_max)


@pytest.mark.parametrize("seed", range(3))
def test_it_is_the_same_as_record_after_record(seed: int) -> None:
    """The first market shows no whole book, so that orders wait to be placed."""
    small, large = run(seed, 300), run(seed, 20_000)
    assert small.story.events["OrderFilled"] > 10
    assert large.records.digests() == small.records.digests()
    assert large.story.events == small.story.events


@pytest.mark.parametrize("seed", range(2))
def test_it_is_the_same_where_batches_end_with_marks(seed: int) -> None:
    """The venue hears the rows before such a mark too."""
    whole = run(seed, 300).records.digests()
    for rows_min in range(ROWS_MAX, ROWS_MAX + 50, 10):
        assert ending_with_marks(seed, rows_min).digests() == whole


def ending_with_marks(seed: int, rows_min: int) -> Records:
    """What the desk writes of batches that each end with a mark."""
    rows, records = list(rows_of(seed)), Records()
    desk = Desk(setting(), records, lambda _: None)
    desk.open(BEGIN_MS)
    while rows:
        marks = (at for at, row in enumerate(rows, 1) if isinstance(row.event, MarkPublished))
        end = next((at for at in marks if at >= rows_min), len(rows))
        desk.follow(batch_of(rows[:end]))
        del rows[:end]
    desk.finish()
    return records


@cache
def rows_of(seed: int) -> tuple[Input, ...]:
    feed = Feed(market(seed), CODEC, ranges(market(seed)))
    rows = [row for batch in feed.batches() for row in batch.rows()]
    feed.close()
    return tuple(rows)
