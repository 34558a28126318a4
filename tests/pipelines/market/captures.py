"""Real captures as records of `md.raw.v1`, on one line or several."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from connectors.feed.capture import load
from connectors.venues.binance_spot import parse as spot
from connectors.venues.binance_usdm import parse as usdm
from connectors.venues.coinbase import parse as coinbase
from connectors.venues.hitbtc import parse as hitbtc
from pipelines.logic import Input, Output, Position
from pipelines.market.logic import MarketLogic
from pipelines.market.parsed import Parse
from pipelines.market.state import MarketState
from schemas.events import FrameReceived
from tests.pipelines.batches import batch_of

PARSERS: dict[str, Parse] = {
    "BINANCE": spot.parse,
    "BINANCE_USDM": usdm.parse,
    "COINBASE": coinbase.parse,
    "HITBTC": hitbtc.parse,
}
HITBTC = Path("tests/data/redundant_hitbtc")
Sent = tuple[int, str, bytes]  # ts_recv_ns, line, payload


def binance(name: str, seconds: float | None = None) -> list[Sent]:
    return [(frame.at_ns, "A", frame.payload) for frame in load([name], 0, seconds)]


def coinbase_sample() -> list[Sent]:
    """As recorded but for what a feed server answers itself: those numbers are closed up."""
    found = [frame.payload for frame in load(["coinbase_advanced_20260809_sample"])]
    return [(at * 10**6, "A", renumbered(payload, at)) for at, payload in enumerate(found)]


def renumbered(payload: bytes, number: int) -> bytes:
    head, _, rest = payload.partition(b'"sequence_num":')
    return b'%b"sequence_num":%d%b' % (head, number, rest[rest.index(b",") :])


def hitbtc_lines() -> list[Sent]:
    """Four lines, merged by receive time."""
    sent: list[Sent] = []
    for number, line in enumerate("ABCD", start=1):
        with gzip.open(HITBTC / f"line{number}.gz", "rb") as rows:
            for row in rows:
                seconds, found, payload = row.strip().partition(b": ")
                if found and not seconds.startswith(b"wss"):
                    sent.append((round(float(seconds) * 10**9), line, payload))
    return sorted(sent, key=lambda one: one[0])


def records(venue: str, sent: Iterable[Sent]) -> Iterator[Input]:
    """Log time is the receive time; every line has one connection."""
    for offset, (ts_recv_ns, line, payload) in enumerate(sent):
        event = FrameReceived(venue, line, f"connection {line}", ts_recv_ns, payload)
        at = Position("md.raw.v1", 0, offset)
        yield Input(at, ts_recv_ns // 10**6, b"", event)


def run(venue: str, sent: Sequence[Sent], size: int = 5_000) -> tuple[MarketState, list[Output]]:
    logic = MarketLogic(PARSERS)
    state, outputs, inputs = logic.initial(), [], list(records(venue, sent))
    for start in range(0, len(inputs), size):
        state, found = logic.step(state, batch_of(inputs[start : start + size]))
        outputs += found
    return state, outputs
