"""The pipeline over real captures, against what is known of them.

Binance: no gap in any depth chain, no gap or duplicate in trade ids. HitBTC: 533 book messages on
each of four lines, which lead 106, 127, 97 and 203 times.
"""

from __future__ import annotations

import json
from collections import Counter
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from pipelines.logic import Output
from schemas.events import BookChanged, FeedGapped, QuoteChanged, TradePrinted
from tests.pipelines.market.captures import (
    Sent,
    binance,
    coinbase_sample,
    hitbtc_lines,
    renumbered,
    run,
)

SPANS = [
    # name, venue, seconds
    ("binance_spot_btcusdt_20240808", "BINANCE", None),
    ("binance_spot_ethusdt_20240808", "BINANCE", 60),
    ("binance_usdm_btcusdt_20240808", "BINANCE_USDM", 60),
    ("binance_usdm_ethusdt_20240808", "BINANCE_USDM", 60),
]


def counts(outputs: list[Output]) -> Counter[str]:
    return Counter(type(output.event).__name__ for output in outputs)


def events(outputs: list[Output], kind: type[Any]) -> list[Any]:
    return [output.event for output in outputs if isinstance(output.event, kind)]


@pytest.mark.parametrize(("name", "venue", "seconds"), [pytest.param(*s, id=s[0]) for s in SPANS])
def test_binance(name: str, venue: str, seconds: float | None) -> None:
    sent = binance(name, seconds)
    outputs = run(venue, sent)[1]
    found = counts(outputs)
    assert found.pop("MarkPublished") <= (seconds or 360) * 10
    assert found == counted(sent)
    ids = [int(trade.trade_id) for trade in events(outputs, TradePrinted)]
    assert ids == list(range(ids[0], ids[0] + len(ids)))
    assert_chained(events(outputs, BookChanged))


def counted(sent: list[Sent]) -> dict[str, int]:
    """Events by kind, read another way: depth that the snapshot contains is not passed on."""
    found: Counter[str] = Counter()
    updates, at = list[int](), 0
    for message in (json.loads(payload) for _, _, payload in sent):
        _, channel, *_ = message["stream"].split("@")
        found[channel] += 1
        if channel == "depth":
            updates.append(message["data"]["u"])
        elif channel == "depth_snapshot":
            at = message["data"]["lastUpdateId"]
    return {
        "TradePrinted": found["trade"],
        "QuoteChanged": found["bookTicker"],
        "BookChanged": 1 + sum(update > at for update in updates),
    }


def assert_chained(books: list[BookChanged]) -> None:
    """A snapshot, then deltas of which the first bridges to it and each follows the one before."""
    snapshot, first, *_ = books
    assert snapshot.snapshot
    assert snapshot.last_sequence is not None
    assert first.first_sequence is not None
    assert first.last_sequence is not None
    before = first.first_sequence - 1 if first.prev_sequence is None else first.prev_sequence
    assert before <= snapshot.last_sequence < first.last_sequence
    for earlier, later in pairwise(books[1:]):
        assert earlier.last_sequence is not None
        if later.prev_sequence is None:
            assert later.first_sequence == earlier.last_sequence + 1
        else:
            assert later.prev_sequence == earlier.last_sequence
        assert not later.snapshot


def test_two_binance_lines_give_what_one_gives() -> None:
    """B runs 3 ms behind A, loses every 50th frame, and A loses every 70th."""
    one = binance("binance_usdm_btcusdt_20240808", 10)
    both: list[Sent] = [frame for at, frame in enumerate(one) if at % 70 != 1]
    both += [
        (ns + 3_000_000, "B", payload) for at, (ns, _, payload) in enumerate(one) if at % 50 != 2
    ]
    both.sort(key=lambda frame: frame[0])
    wanted, found = run("BINANCE_USDM", one)[1], run("BINANCE_USDM", both)[1]
    assert contents(found, TradePrinted) == contents(wanted, TradePrinted)
    assert contents(found, BookChanged) == contents(wanted, BookChanged)
    missed = set(contents(wanted, QuoteChanged)) - set(contents(found, QuoteChanged))
    assert len(missed) < len(one) / 50  # a quote older than one already given is left out
    assert set(counts(found)) - set(counts(wanted)) == {"FeedFailedOver"}


def contents(outputs: list[Output], kind: type[Any]) -> list[tuple[Any, ...]]:
    return [event[:-2] for event in events(outputs, kind)]


@pytest.fixture(scope="module")
def hitbtc() -> tuple[Any, list[Output]]:
    return run("HITBTC", hitbtc_lines())


def test_four_lines_give_every_message_once(hitbtc: tuple[Any, list[Output]]) -> None:
    """10 first snapshots and 517 updates, of 6 symbols a second snapshot; 4 restate the first."""
    books = events(hitbtc[1], BookChanged)
    identities = {(book.instrument, book.last_sequence, book.snapshot) for book in books}
    assert len(books) == len(identities) == 533
    assert sum(book.snapshot for book in books) == 16


def test_four_lines_give_no_false_alarm(hitbtc: tuple[Any, list[Output]]) -> None:
    assert set(counts(hitbtc[1])) == {"BookChanged", "TradePrinted"}


def test_the_lines_lead_in_turn(hitbtc: tuple[Any, list[Output]]) -> None:
    lines = Counter(book.line for book in events(hitbtc[1], BookChanged))
    assert lines == {"A": 106, "B": 127, "C": 97, "D": 203}


def test_every_symbols_updates_are_in_order(hitbtc: tuple[Any, list[Output]]) -> None:
    last: dict[str, int] = {}
    for book in events(hitbtc[1], BookChanged):
        step = book.last_sequence - last.get(book.instrument, book.last_sequence)
        assert step == (0 if book.snapshot else 1)
        last[book.instrument] = book.last_sequence


def test_lag_is_known_per_line(hitbtc: tuple[Any, list[Output]]) -> None:
    """A first arrival has none; the last line to tell is within 0.4 s."""
    lines = [line for feed in hitbtc[0].feeds.values() for line in feed.lines.values()]
    assert sum(line.lags for line in lines) > 1_000
    for line in lines:
        assert 0 <= line.lag_ns_sum <= line.lags * line.lag_ns_max
        assert line.lag_ns_max < 400_000_000


def test_coinbase_sample() -> None:
    """Two snapshots of 100 older trades, newest first; trade ids without gap or repeat."""
    _, outputs = run("COINBASE", coinbase_sample())
    found = counts(outputs)
    assert not set(found) - {"TradePrinted", "QuoteChanged", "BookChanged", "MarkPublished"}
    assert (found["QuoteChanged"], found["BookChanged"]) == (66, 300)
    for product in ("BTC-USD.COINBASE", "ETH-USD.COINBASE"):
        trades = [t for t in events(outputs, TradePrinted) if t.instrument == product]
        ids = [int(trade.trade_id) for trade in trades]
        assert ids == list(range(ids[0], ids[0] + len(ids)))
        assert len(ids) > 100


def test_coinbase_sides_fit_the_quotes() -> None:
    """A buyer takes the ask, a seller the bid: judged by the last quote before each trade."""
    _, outputs = run("COINBASE", coinbase_sample())
    quotes: dict[str, QuoteChanged] = {}
    verdicts: Counter[bool] = Counter()
    for output in outputs:
        event = output.event
        if isinstance(event, QuoteChanged):
            quotes[event.instrument] = event
        elif isinstance(event, TradePrinted) and event.instrument in quotes:
            quote = quotes[event.instrument]
            mid = (quote.bid_px + quote.ask_px) / Decimal(2)
            verdicts[(event.last_px > mid) == (event.aggressor_side == "BUY")] += 1
    assert verdicts[True] > 3 * verdicts[False]


def test_a_lost_coinbase_message_is_noticed() -> None:
    """The connection's count jumps: the depth that follows it waits for its next snapshot."""
    sent = coinbase_sample()
    at = next(at for at in range(150, 400) if b'"l2_data"' in sent[at][2])
    _, outputs = run("COINBASE", sent[:at] + sent[at + 1 :])
    gaps = events(outputs, FeedGapped)
    assert [(gap.stream, gap.expected_sequence, gap.received_sequence) for gap in gaps] == [
        ("BTC-USD.COINBASE|depth", at, at + 1),
        ("ETH-USD.COINBASE|depth", at, at + 1),
    ]
    last = max(i for i, o in enumerate(outputs) if isinstance(o.event, BookChanged))
    assert last < next(i for i, o in enumerate(outputs) if isinstance(o.event, FeedGapped))


def test_a_second_coinbase_line_takes_over() -> None:
    """Line B has the same messages, 5 ms later and numbered for itself; A ends half-way."""
    sent = coinbase_sample()
    half = len(sent) // 2
    b = [(ns + 5_000_000, "B", renumbered(p, at + 1000)) for at, (ns, _, p) in enumerate(sent)]
    both = sorted([*sent[:half], *b], key=lambda frame: frame[0])
    alone, found = run("COINBASE", sent)[1], run("COINBASE", both)[1]
    assert contents(found, TradePrinted) == contents(alone, TradePrinted)
    assert not counts(found)["FeedDiverged"]
