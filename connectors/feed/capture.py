"""Recorded exchange messages as frames to serve: which there are, and how they are read.

Frames keep the bytes of the capture, with one exception: Binance's inline REST depth snapshot names
no instrument, so it is wrapped as a frame of the stream `<symbol>@depth_snapshot` (the snapshot's
own bytes unchanged within). It is sent to whoever subscribed to a depth stream of that symbol.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

from schemas.errors import TapeError

FOLDER = Path(__file__).parent / "captures"
_STREAM = b'{"stream":"'
# Captures of one occasion share an origin, so that their frames keep their distances in time.
_BINANCE_20240808_NS = 1_723_161_253_937_085_768
_COINBASE_20260809_NS = 1_786_309_548_629_007_800
_UNREADABLE = (
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    OverflowError,
    RecursionError,
)
_COINBASE_LEFT_OUT = ("subscriptions",)  # the server answers its own subscribers


Taken: TypeAlias = tuple[int, tuple[str, ...], bytes]
"""When it was received (nanoseconds UTC), whose subscribers get it, and its bytes."""


class UnknownCapture(TapeError):
    """No capture of that name, its file is damaged, or nothing says how its lines are read."""


class Capture(NamedTuple):
    """One file. `symbols` are the venue's."""

    file: str
    venue: str
    symbols: tuple[str, ...]
    origin_ns: int


class Frame(NamedTuple):
    """One frame to serve. `at_ns` counts from the capture's origin; it goes to subscribers of any
    of `streams` (Binance: `btcusdt@trade`; Coinbase: `market_trades:BTC-USD`).
    """

    at_ns: int
    venue: str
    streams: tuple[str, ...]
    payload: bytes


CAPTURES = {
    capture.file.partition(".")[0]: capture
    for capture in (
        Capture("binance_spot_btcusdt_20240808.gz", "BINANCE", ("BTCUSDT",), _BINANCE_20240808_NS),
        Capture("binance_spot_ethusdt_20240808.gz", "BINANCE", ("ETHUSDT",), _BINANCE_20240808_NS),
        Capture(
            "binance_usdm_btcusdt_20240808.gz", "BINANCE_USDM", ("BTCUSDT",), _BINANCE_20240808_NS
        ),
        Capture(
            "binance_usdm_ethusdt_20240808.gz", "BINANCE_USDM", ("ETHUSDT",), _BINANCE_20240808_NS
        ),
        Capture(
            "coinbase_advanced_20260809_sample.jsonl.gz",
            "COINBASE",
            ("BTC-USD", "ETH-USD"),
            _COINBASE_20260809_NS,
        ),
    )
}


def load(
    names: Sequence[str] = (), start_s: float = 0.0, seconds: float | None = None
) -> list[Frame]:
    """Frames of the captures (default: all) in [start_s, start_s + seconds), in time order.

    Raises `UnknownCapture`.
    """
    first_ns = int(start_s * 1e9)
    end_ns = first_ns + int(seconds * 1e9) if seconds is not None else 1 << 62
    frames = [
        frame
        for name in names or CAPTURES
        for frame in read(find(name))
        if first_ns <= frame.at_ns < end_ns
    ]
    frames.sort(key=lambda frame: frame.at_ns)
    return frames


def find(name: str) -> Capture:
    if name not in CAPTURES:
        raise UnknownCapture(f"unknown capture {name!r}: one of {', '.join(CAPTURES)}")
    return CAPTURES[name]


def read(capture: Capture) -> Iterator[Frame]:
    """All frames of one file, in its order. Raises `UnknownCapture`."""
    taken_apart = LINES.get(capture.venue)
    if taken_apart is None:
        raise UnknownCapture(f"{capture.file}: nothing says how a line of {capture.venue} is read")
    with gzip.open(FOLDER / capture.file) as lines:
        for number, line in enumerate(lines, start=1):
            try:
                frame = taken_apart(line, capture)
            except _UNREADABLE as error:
                reason = f"{capture.file}: line {number} cannot be read: {type(error).__name__}"
                raise UnknownCapture(reason) from None
            if frame is not None:
                yield Frame(frame[0] - capture.origin_ns, capture.venue, frame[1], frame[2])


def _binance(line: bytes, capture: Capture) -> Taken:
    stamp, _, payload = line.rstrip(b"\n").partition(b" ")
    if payload.startswith(_STREAM):
        stream = payload[len(_STREAM) : payload.index(b'"', len(_STREAM))].decode()
        return int(stamp), (stream,), payload
    stream = f"{capture.symbols[0].lower()}@depth_snapshot"
    return int(stamp), (stream,), b'{"stream":"%b","data":%b}' % (stream.encode(), payload)


def _coinbase(line: bytes, capture: Capture) -> Taken | None:
    record = json.loads(line)
    if record["t"] != "recv":
        return None
    message = json.loads(record["data"])
    if message["channel"] in _COINBASE_LEFT_OUT:
        return None
    channel = "level2" if message["channel"] == "l2_data" else message["channel"]
    streams = dict.fromkeys(f"{channel}:{product}" for product in _products(message["events"]))
    at_ns = round(record["ts"] * 1e6) * 1000
    return at_ns, tuple(streams) or (f"{channel}:{channel}",), record["data"].encode()


def _products(events: list[dict[str, object]]) -> Iterator[str]:
    for event in events:
        rows = event.get("trades") or event.get("tickers") or event.get("candles") or [event]
        if not isinstance(rows, list):
            raise TypeError("no list of rows")
        for row in rows:
            if "product_id" in row:
                yield row["product_id"]


LINES: Final[dict[str, Callable[[bytes, Capture], Taken | None]]] = {
    "BINANCE": _binance,
    "BINANCE_USDM": _binance,
    "COINBASE": _coinbase,
}
"""How a line of a venue's files is taken apart; None of one that is not served."""
