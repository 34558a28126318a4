"""What a peer is given too: a backtest of two crossing averages over ticks of its own, and the
trades that the strategy pipeline's epochs are replayed over.

python -m ops.bench.work backtest_orders 100000 '{"ticks": "FILE"}'

A backtest's ticks are a random walk: a trade every millisecond, a quote with every tenth, a mark
every tenth of a second. The market lies in an archive; reading it is part of the time, making it is
not.
"""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Final

from connectors.epochs.tuning import tune
from connectors.log.interface import OutRecord
from connectors.log.memory import MemoryLog
from ops.bench import data
from ops.bench.samples import Sample
from ops.bench.works import Watch
from ops.processes.backtesting import Assumed, setting_of
from ops.settings import ROOT, Settings, load_file
from pipelines.batches import local_codec
from pipelines.market.marks import marked
from replay.archive.run import archive
from replay.archive.schemas import archived_ids
from replay.archive.source import ArchiveLog
from replay.archive.store import FolderStore
from replay.backtest.run import backtest
from schemas.codec import Codec
from schemas.events import ClockTick, QuoteChanged, TradePrinted
from schemas.numbers import exact

INSTRUMENT: Final = "BTCUSDT.BINANCE"
TOPICS: Final = ("md.trade.v1", "md.quote.v1", "md.mark.v1", "ops.clock.v1")
BEGIN_MS: Final = 1_750_000_000_000
QUOTE_EVERY, MARK_EVERY_MS, TICK_EVERY_MS = 10, 100, 1_000
CONFIG: Final = "ops/bench/backtest.toml"
QTY: Final = "5.00000"


def ticks(trades: int) -> Iterator[list[Any]]:
    """Rows as `peers/nautilus/app.py` reads them."""
    chance, px = random.Random(1), 60_000.0
    for at in range(trades):
        px *= 1 + chance.gauss(0, 0.0001)
        ts_ns = (BEGIN_MS + at) * 1_000_000
        side = chance.choice(("BUY", "SELL"))
        yield [
            "trade",
            INSTRUMENT,
            ts_ns,
            f"{px:.2f}",
            f"{chance.random() + 0.001:.5f}",
            side,
            str(at),
        ]
        if at % QUOTE_EVERY == 0:
            yield ["quote", INSTRUMENT, ts_ns, f"{px - 0.01:.2f}", QTY, f"{px + 0.01:.2f}", QTY]


def fill_ticks(_: Settings, events: int, arguments: dict[str, Any]) -> Sample:
    """The file of ticks that both sides read."""
    return Sample("fill_ticks", _written(ticks(events), arguments["ticks"]), 0.0)


def fill_rows(_: Settings, events: int, arguments: dict[str, Any]) -> Sample:
    """A file of the first trades on the topic that the strategy pipeline reads."""
    return Sample("fill_rows", _written(trades(events), arguments["ticks"]), 0.0)


def _written(rows: Iterable[list[Any]], file: str) -> int:
    """How many there are."""
    lines = [json.dumps(row) + "\n" for row in rows]
    Path(file).write_text("".join(lines))
    return len(lines)


def trades(number: int) -> Iterator[list[Any]]:
    """Rows as `ticks` gives them."""
    codec = local_codec()
    for record in data.trades(number, data.instruments(data.INSTRUMENTS), codec):
        event = codec.decode(record.value)
        terms = [f"{event.last_px:.2f}", f"{event.last_qty:.5f}", event.aggressor_side]
        yield ["trade", event.instrument, event.ts_event_ns, *terms, event.trade_id]


def backtest_orders(_: Settings, events: int, arguments: dict[str, Any]) -> Sample:
    """Signals, execution, risk, gateway and matching over the archive."""
    tune()
    folder = Path(mkdtemp(prefix="tape-bench-"))
    try:
        log, codec, count = archived(folder, Path(arguments["ticks"]))
        setting = setting_of(load_file(ROOT / CONFIG), Assumed())
        watch = Watch()
        done = backtest(log, codec, setting)
        done.records.counts()  # encodes them: part of what is measured
        sample = watch.sample("backtest_orders", count)
        sample.extra = {"orders": done.story.events["OrderApproved"]}
        return sample
    finally:
        shutil.rmtree(folder)


def archived(folder: Path, file: Path) -> tuple[ArchiveLog, Codec, int]:
    """The ticks of a file in an archive, with marks and a clock; how many ticks there are."""
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    codec, log = local_codec(), MemoryLog(dict.fromkeys(TOPICS, 1))
    for topic, key, at_ms, event in events_of(rows):
        log.append(OutRecord(topic, 0, key, codec.encode(event), at_ms))
    store = FolderStore(folder)
    archive(log, codec, store, TOPICS)
    ids = archived_ids(store, codec.catalog)
    return ArchiveLog(store), Codec(codec.catalog, ids), len(rows)


def events_of(rows: Iterable[list[Any]]) -> Iterator[tuple[str, bytes, int, Any]]:
    key, mark_ms, tick_ms = INSTRUMENT.encode(), 0, 0
    for kind, name, ts_ns, *rest in rows:
        at_ms = ts_ns // 1_000_000
        if at_ms >= tick_ms:
            tick_ms = at_ms + TICK_EVERY_MS
            yield "ops.clock.v1", b"", at_ms, ClockTick(ts_ns)
        if kind == "trade":
            px, qty, side, number = rest
            terms = ("BINANCE", name, number, side, exact(px), exact(qty))
            yield "md.trade.v1", key, at_ms, TradePrinted(*terms, ts_ns, ts_ns, "A")
            continue
        bid, bid_qty, ask, ask_qty = map(exact, rest)
        market = (bid, bid_qty, ask, ask_qty)
        quote = QuoteChanged("BINANCE", name, at_ms, *market, ts_ns, ts_ns, "A")
        yield "md.quote.v1", key, at_ms, quote
        if at_ms >= mark_ms:
            mark_ms = at_ms + MARK_EVERY_MS
            yield "md.mark.v1", key, at_ms, marked(quote)
