"""Streams that one connection numbers as a whole (Coinbase), and ids without order (HitBTC)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pipelines.logic import Input, Position
from pipelines.market import arbitration
from pipelines.market.logic import MarketLogic
from schemas.events import BookChanged, ConnectionClosed, FrameReceived, QuoteChanged
from tests.pipelines.batches import batch_of
from tests.pipelines.market.feeds import STAMP, VENUES
from tests.pipelines.market.script import told

BOOK = {"product_id": "X", "updates": [{"side": "bid", "price_level": "4", "new_quantity": "1"}]}
TICKER = {
    "product_id": "X",
    "best_bid": "4",
    "best_ask": "5",
    "best_bid_quantity": "1",
    "best_ask_quantity": "1",
}
EVENTS: dict[str, tuple[str, dict[str, Any]]] = {
    "s": ("l2_data", BOOK | {"type": "snapshot"}),
    "d": ("l2_data", BOOK | {"type": "update"}),
    "q": ("ticker", {"tickers": [TICKER]}),
    "h": ("heartbeats", {}),
    "x": ("l2_data", BOOK | {"type": "other"}),
    "y": ("ticker", {}),
}
CASES = [
    # line, message, the connection's number   -> the pipeline passes on
    ("As0 Ad1 Ad2", "As Ad Ad", "snapshot, then deltas"),
    ("Ad0 Aq1 As2 Ad3", "Aq As Ad", "deltas wait for a snapshot, quotes do not"),
    ("Aq0 Bq0 As1 Ad2 Bd1 Aq3 Bq2", "Aq As Ad Aq", "one line is followed"),
    ("As0 Ad1 Bs0 Ad2 Bd1", "As Ad Bs Bd", "the newest book is followed"),
    ("As0 Ad1 A's0 A'd1 A- A'd2", "As Ad As Ad Ad", "a successor's book, then the old one's end"),
    ("As0 Bh0 A- Bd1 Bq2", "As gap1-0 A>B:CLOSED Bq", "no book comes with the other line"),
    ("As0 Bh0 A- Bs1 Bd2", "As gap1-0 A>B:CLOSED Bs ok:GAP Bd", "until it sends one"),
    ("As0 Ad1 Ad3 Ad4 As5 Ad6", "As Ad gap2-3 As ok:GAP Ad", "a number is missing"),
    ("As0 Ah1 Ah3 Ad4 As5", "As gap2-3 As ok:GAP", "also where it was no depth"),
    ("Bs0 As0 Bh2 Ad1 Ad2", "Bs As Ad Ad", "missing on a line that is not followed"),
    ("As0 Ax1 Ad2 Ad3 As4", "As dead:WRONG_TYPE gap1-2 As ok:GAP", "refused depth is missing"),
    ("As0 Ay1 Ad2", "As dead:MISSING_FIELD Ad", "a refused quote is not"),
    ("Aq0 Aq2", "Aq Aq", "a quote says everything itself"),
    ("Aq0 Bq0 @10 Ah1 Bq1 Aq2 Bq2", "Aq Aq", "a quote not yet as old as a line may be silent"),
    ("Aq0 Bq0 @11 Ah1 Bq1 Aq2 Bq2", "Aq Bq Bq", "its quotes have died, its heartbeats go on"),
    ("As0 Bs0 @11 Ah1 Bh1 Ad2 Bd2", "As Bs Bd", "a book has none to take over from"),
    ("@20 Aq0 Bq0 @5 Bq1 Aq1 Aq2", "Aq Bq", "a clock set back"),
    ("As0 Ad1 Ad3 Bs9 Bd10", "As Ad gap2-3 Bs ok:GAP Bd", "the other line heals a gap"),
    ("Aq0 Aq0", "Aq dead:DUPLICATE", "the same message twice"),
    ("Aq0 Aq1 Aq0", "Aq Aq dead:OUT_OF_ORDER", "a step back"),
    ("As0 Ad1 A- A's0 A'd1", "As Ad gap2-0 As ok:GAP Ad", "a new connection counts from the start"),
]


def records(text: str) -> list[Input]:
    found, now_ms = [], 1
    for offset, token in enumerate(text.split()):
        if token.startswith("@"):  # log time is so many seconds from here on
            now_ms = int(token[1:]) * 1000
            continue
        line, rest = token[0], token[1:].lstrip("'")
        connection = token[: len(token) - len(rest)]
        event: Any = ConnectionClosed("COINBASE", line, connection, 1, "STOPPED", "")
        if rest != "-":
            channel, body = EVENTS[rest[0]]
            frame = {"channel": channel, "timestamp": STAMP, "sequence_num": int(rest[1:])}
            payload = json.dumps(frame | {"events": [body]}).encode()
            event = FrameReceived("COINBASE", line, connection, 1, payload)
        found.append(Input(Position("md.raw.v1", 0, offset), now_ms, b"", event))
    return found


def _told(output: Any) -> str:
    event = output.event
    if isinstance(event, QuoteChanged):
        return f"{event.line}q"
    if isinstance(event, BookChanged):
        return f"{event.line}{'s' if event.snapshot else 'd'}"
    return told([output])


@pytest.mark.parametrize(("text", "expected"), [pytest.param(*c[:2], id=c[2]) for c in CASES])
def test_a_connection_numbered_as_a_whole(text: str, expected: str) -> None:
    logic = MarketLogic(VENUES)
    _, outputs = logic.step(logic.initial(), batch_of(records(text)))
    assert " ".join(filter(None, map(_told, outputs))) == expected


def trade(line: str, number: int, offset: int) -> Input:
    sent = {"id": number, "price": "5", "side": "buy", "timestamp": STAMP, "quantity": "1"}
    body = {"method": "updateTrades", "params": {"data": [sent], "symbol": "X"}}
    event = FrameReceived("HITBTC", line, line, 1, json.dumps(body).encode())
    return Input(Position("md.raw.v1", 0, offset), 1, b"", event)


@pytest.mark.parametrize(
    ("arrivals", "expected"),
    [
        pytest.param("A10 A30 B10 B20 B30", "10 30 20", id="each id once, in any order"),
        pytest.param("A10 A20 A30 A40 B10 B40 B50", "10 20 30 40 50", id="forgotten: seen"),
        pytest.param("A10 A20 A30 A40 B5 B15", "10 20 30 40", id="older than what is remembered"),
    ],
)
def test_ids_without_order(arrivals: str, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arbitration, "EACH_MAX", 2)
    inputs = [trade(a[0], int(a[1:]), at) for at, a in enumerate(arrivals.split())]
    logic = MarketLogic(VENUES)
    assert told(logic.step(logic.initial(), batch_of(inputs))[1]) == expected
