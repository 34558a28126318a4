"""Feeds as one line of text: what lines A, B, ... deliver, and what the pipeline makes of it.

Input                                           Output
  A7      line A delivers trade 7                 7        trade 7
  Aq7     quote with update id 7                  q7       quote 7
  Ad5-7   depth U=5 u=7 (spot)                    d5-7     depth, snapshot
  As7     depth snapshot at 7                     s7
  Ag      a frame that is not JSON                dead:R   dead letter, reason R
  A7!     the same with other content             gap3-5   3 should have come, 5 came
  A'7     from line A's second connection         ok:GAP   recovered from GAP
  A-      line A's connection closed (A'-)        A>B:GAP  B leads instead of A
  @5      log time is 5 s from here on            stale:A  line A went stale
  T15     a clock tick at 15 s                    div7:A/B line B said other than A of 7
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from connectors.venues.binance_spot.parse import parse
from pipelines.logic import Input, Output, Position
from pipelines.market.logic import MarketLogic
from pipelines.market.settings import DEFAULTS, MarketSettings
from pipelines.market.state import MarketState
from schemas.events import (
    BookChanged,
    ClockTick,
    ConnectionClosed,
    DeadLettered,
    FeedDiverged,
    FeedFailedOver,
    FeedGapped,
    FeedRecovered,
    FeedWentStale,
    FrameReceived,
    QuoteChanged,
    TradePrinted,
)
from tests.pipelines.batches import batch_of

VENUE, SYMBOL = "BINANCE", "btcusdt"
PARSERS = {VENUE: parse}
_TOKEN = re.compile(r"([A-D])('*)(-|g|[qds]?[0-9-]+)(!?)")


class Scribe:
    """Turns tokens into records; each partition counts its own offsets."""

    def __init__(self, symbol: str = SYMBOL, partition: int = 0) -> None:
        self.symbol, self.partition = symbol, partition
        self.offset = self.ticks = 0
        self.now_ms = 1_000

    def write(self, text: str) -> list[Input]:
        return [self._one(token) for token in text.split()]

    def _one(self, token: str) -> Input:
        if token.startswith("@"):
            self.now_ms = int(token[1:]) * 1000
            return self._tick(0)
        if token.startswith("T"):
            return self._tick(int(token[1:]))
        found = _TOKEN.fullmatch(token)
        assert found, token
        line, primes, what, other = found.groups()
        return self.record(line, f"{line}{primes}", what, bool(other))

    def _tick(self, second: int) -> Input:
        self.ticks += 1
        at = Position("ops.clock.v1", 0, self.ticks)
        return Input(at, second * 1000, b"", ClockTick(second * 1_000_000_000))

    def record(self, line: str, connection: str, what: str, other: bool = False) -> Input:
        self.offset += 1
        at = Position("md.raw.v1", self.partition, self.offset)
        ts_recv_ns = self.now_ms * 1_000_000
        connection = f"{self.symbol}/{connection}"
        if what == "-":
            event: object = ConnectionClosed(VENUE, line, connection, ts_recv_ns, "STOPPED", "")
        else:
            payload = frame_of(self.symbol, what, other)
            event = FrameReceived(VENUE, line, connection, ts_recv_ns, payload)
        key = f"{VENUE}:{self.symbol.upper()}.{VENUE}"
        return Input(at, self.now_ms, key.encode(), event)


def frame_of(symbol: str, what: str, other: bool = False) -> bytes:
    """A spot frame; `other` changes its content, not its identity."""
    px = "2" if other else "1"
    if what == "g":
        return b'{"stream":"btcusdt@trade","data":{"e":"tr'
    if what.startswith("q"):
        data = f'"u":{what[1:]},"s":"X","b":"{px}.0","B":"3.0","a":"{px}.5","A":"4.0"'
        return f'{{"stream":"{symbol}@bookTicker","data":{{{data}}}}}'.encode()
    if what.startswith("d"):
        first, last = what[1:].split("-")
        data = f'"E":5,"s":"X","U":{first},"u":{last},"b":[["{px}.0","3.0"]],"a":[]'
        return f'{{"stream":"{symbol}@depth@100ms","data":{{{data}}}}}'.encode()
    if what.startswith("s"):
        data = f'"lastUpdateId":{what[1:]},"bids":[["{px}.0","3.0"]],"asks":[]'
        return f'{{"stream":"{symbol}@depth_snapshot","data":{{{data}}}}}'.encode()
    data = f'"e":"trade","E":5,"s":"X","t":{what},"p":"{px}.0","q":"1.0","T":5,"m":true,"M":true'
    return f'{{"stream":"{symbol}@trade","data":{{{data}}}}}'.encode()


def told(outputs: Iterable[Output]) -> str:
    """The outputs as text, marks left out."""
    return " ".join(filter(None, (_told(output.event) for output in outputs)))


def _told(event: object) -> str:
    match event:
        case TradePrinted():
            return event.trade_id
        case QuoteChanged():
            return f"q{event.sequence}"
        case BookChanged(snapshot=True):
            return f"s{event.last_sequence}"
        case BookChanged():
            return f"d{event.first_sequence}-{event.last_sequence}"
        case DeadLettered():
            return f"dead:{event.reason}"
    return _told_status(event)


def _told_status(event: object) -> str:
    match event:
        case FeedGapped():
            return f"gap{event.expected_sequence}-{event.received_sequence}"
        case FeedRecovered():
            return f"ok:{event.after}"
        case FeedDiverged():
            return f"div{event.identity}:{event.line}/{event.other_line}"
        case FeedFailedOver():
            return f"{event.from_line}>{event.to_line}:{event.reason}"
        case FeedWentStale():
            return f"stale:{event.line}"
    return ""


def play(text: str, settings: MarketSettings = DEFAULTS) -> str:
    """What the pipeline makes of the text."""
    return told(played(Scribe().write(text), settings)[1])


def played(
    inputs: list[Input], settings: MarketSettings = DEFAULTS
) -> tuple[MarketState, list[Output]]:
    logic = MarketLogic(PARSERS, settings)
    return logic.step(logic.initial(), batch_of(inputs))
