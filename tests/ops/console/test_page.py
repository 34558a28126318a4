"""The page of a past moment is what the page was then, and it is the document that is promised.

1. A log read in any order of partitions, or its archive, gives the same page of any moment.
2. Every section of the promised document is there, with the promised names.
"""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connectors.log.interface import Message, OutRecord, Tp
from connectors.log.memory import MemoryLog
from ops.console.archived import Archived
from ops.console.document import SECTIONS, page
from ops.console.following import Follower
from ops.console.reading import FEEDS, Telling, apply, past, places, until
from ops.console.rendered import View
from ops.console.risk_again import RiskAgain, begin
from ops.console.serving import judging
from ops.console.state import State
from ops.console.using import used_at
from ops.settings import ROOT, load
from pipelines.batches import local_codec
from pipelines.risk.used import Used
from replay.archive.run import archive
from replay.archive.schemas import archived_ids
from replay.archive.source import ArchiveLog
from replay.archive.store import FolderStore
from replay.times import text_of
from schemas.catalog import load_catalog
from schemas.codec import Codec
from schemas.events import BookChanged, FeedGapped, FeedWentStale, FrameReceived
from tests.ops.console.rig import newest_ms
from tests.replay import traded

CODEC = local_codec()
SAMPLE = ROOT / "tests" / "data" / "console" / "page.json"
ETH = "ETHUSDT.BINANCE"
BACK_MS = (0, 3_000, 9_000, 20_000)


def followed(log: MemoryLog, at_ms: int) -> State:
    """As a live console has it: begun earlier, fed in small pieces, partitions side by side."""
    state, telling = State(), Telling(CODEC)
    state.use(risk_used(log, at_ms))
    starts = places(log, at_ms - 5_000)
    ends = {tp: log.offset_at(tp, at_ms + 1) for tp in starts}
    pieces: dict[Tp, list[list[Message]]] = {tp: [] for tp in starts}
    for tp, messages in until(log, starts, ends):
        pieces[tp] += [messages[n : n + 7] for n in range(0, len(messages), 7)]
    while any(pieces.values()):
        for tp in sorted(pieces, reverse=True):
            if pieces[tp]:
                apply(state, CODEC, telling.of(tp, pieces[tp].pop(0)))
    return state


def risk_used(log: MemoryLog, at_ms: int) -> Used:
    """As a live console has it: its partitions are read one after the other."""
    begun = begin(log, CODEC, at_ms - 5_000)
    assert begun is not None
    again = RiskAgain(CODEC, begun)
    for tp in sorted(begun.places, reverse=True):
        again.take(log.read(tp, begun.places[tp].offset, log.offset_at(tp, at_ms + 1), 1.0))
    assert again.advance(at_ms)
    return again.used


def fed(log: MemoryLog) -> MemoryLog:
    """The run with what the recording left out: frames of two lines, one of which falls silent,
    and a book, every 100 ms; its last snapshot lies before all moments that are looked at.
    """
    end_ms = newest_ms(log)
    for n, at_ms in enumerate(range(end_ms - 30_000, end_ms, 100)):
        for line in "AB" if n < 100 else "A":
            frame = FrameReceived("BINANCE", line, line, at_ms, b"{}")
            log.append(OutRecord("md.raw.v1", n % 2, b"BINANCE", CODEC.encode(frame), at_ms))
        qtys = (Decimal(n), Decimal(n % 2))
        prices = Decimal(2_600 + n % 7), Decimal(2_599)
        book = BookChanged(
            "BINANCE", ETH, n == 5, n, n, None, prices, qtys, prices, qtys, None, at_ms, "A"
        )
        log.append(OutRecord("md.book.v1", 0, ETH.encode(), CODEC.encode(book), at_ms))
    stale = FeedWentStale("BINANCE", "binance:x", "B", 10_000, (end_ms - 10_000) * 1_000_000)
    log.append(OutRecord("md.feed-status.v1", 0, b"x", CODEC.encode(stale), end_ms - 10_000))
    return log


@pytest.fixture(scope="module")
def fed_log() -> MemoryLog:
    return fed(traded.load())


@pytest.fixture(scope="module")
def fed_root(fed_log: MemoryLog, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("fed")
    archive(fed_log, CODEC, FolderStore(root), tuple(CODEC.catalog.topics))
    return root


@pytest.mark.parametrize("back_ms", BACK_MS)
@pytest.mark.parametrize("instrument", [ETH, "BTC-USD.COINBASE"])
def test_the_past_is_what_the_page_was(
    fed_log: MemoryLog, fed_root: Path, instrument: str, back_ms: int
) -> None:
    at_ms = newest_ms(fed_log) - back_ms
    store, catalog = FolderStore(fed_root), load_catalog()
    log, codec = ArchiveLog(store), Codec(catalog, archived_ids(store, catalog))
    archived = past(log, codec, at_ms)
    archived.use(used_at(log, codec, at_ms))
    then = page(archived, instrument, at_ms, live=False)
    assert then == page(followed(fed_log, at_ms), instrument, at_ms, live=False)
    assert [one["line"] for one in then["feeds"]] == ["A", "B"]
    assert instrument != ETH or len(then["book"]["bids"]) > 1
    assert any(one["share"] != "0" for one in then["limits"])


def test_a_line_that_fell_silent_is_stale(fed_log: MemoryLog) -> None:
    at_ms = newest_ms(fed_log)
    found = page(past(fed_log, CODEC, at_ms), ETH, at_ms, live=True)["feeds"]
    assert [(one["line"], one["state"]) for one in found] == [("A", "UP"), ("B", "STALE")]


@pytest.mark.parametrize("told", ["a frame", "what market said", "a gap"])
def test_a_line_once_heard_stays(told: str) -> None:
    """However long ago, for who looked all the time as for who begins to look."""
    log = MemoryLog({name: one.partitions for name, one in CODEC.catalog.topics.items()})
    at_ms, day_ms = 10**12, 86_400_000
    told_by: dict[str, tuple[str, Any]] = {
        "a frame": ("md.raw.v1", FrameReceived("BINANCE", "B", "c", 5, b"{}")),
        "what market said": (FEEDS, FeedWentStale("BINANCE", "x", "B", 10_000, 5)),
        "a gap": (FEEDS, FeedGapped("BINANCE", "x", "B", 1, 2, 5)),
    }
    topic, event = told_by[told]
    log.append(OutRecord(topic, 0, b"x", CODEC.encode(event), at_ms))
    heard_ms = at_ms - (10_000 if isinstance(event, FeedWentStale) else 0)
    then_ms = at_ms + 2 * day_ms
    frame = CODEC.encode(FrameReceived("BINANCE", "A", "c", 5, b"{}"))
    log.append(OutRecord("md.raw.v1", 0, b"x", frame, then_ms))
    for state in (past(log, CODEC, then_ms), past(log, CODEC, at_ms)):
        state.heard("BINANCE", "A", then_ms)
        rows = page(state, ETH, then_ms, live=True)["feeds"]
        shown = [(one["line"], one["state"], Decimal(one["age_s"])) for one in rows]
        assert shown == [("A", "UP", 0), ("B", "STALE", Decimal(then_ms - heard_ms) / 1_000)]


def test_a_feed_is_stale_when_market_says_so(
    fed_log: MemoryLog, fed_root: Path, tmp_path: Path
) -> None:
    """By the desk's own settings, in the past as now."""
    at_ms = newest_ms(fed_log) - 1_000
    settings = load(run_dir=tmp_path, market={"stale_ms_of": {"BINANCE": 60_000}})
    fresh = judging(settings)
    archived = Archived(FolderStore(fed_root), fresh=fresh)
    following = Follower(lambda: (fed_log, CODEC), fresh=fresh)
    for state in (past(fed_log, CODEC, at_ms, fresh), following.state):
        assert state.settings.stale_ms_of == {"BINANCE": 60_000}
    then = archived.page(View(ETH, 60), text_of(at_ms))["feeds"]
    assert [one["state"] for one in then] == ["UP", "UP"]


def test_a_page_is_the_promised_document(traded_log: MemoryLog) -> None:
    at_ms = newest_ms(traded_log) - 2_000
    found = page(past(traded_log, CODEC, at_ms), ETH, at_ms, live=True)
    sample = json.loads(SAMPLE.read_text())
    assert found.keys() == sample.keys()
    assert {*SECTIONS} < found.keys()
    for name, rows in sample.items():
        if isinstance(rows, list) and rows and isinstance(rows[0], dict) and found[name]:
            assert found[name][0].keys() == rows[0].keys(), name
    for name in ("candles", "trades", "signals", "fills", "orders", "positions", "limits"):
        assert found[name], name
    assert json.loads(json.dumps(found)) == found
