"""Generated feeds: lines that follow, skip, repeat, go back, disagree, close and fall silent.

Two Binance instruments and the HitBTC trades of a third each have their own partition; the Coinbase
connections, numbered as a whole, have one more.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from hypothesis import strategies as st

from connectors.venues.coinbase import parse as coinbase
from connectors.venues.hitbtc import parse as hitbtc
from pipelines.logic import Input, Position
from pipelines.market.parsed import Parse
from schemas.events import FrameReceived
from tests.pipelines.market.script import PARSERS, Scribe

VENUES: dict[str, Parse] = {**PARSERS, "COINBASE": coinbase.parse, "HITBTC": hitbtc.parse}
CLOCK = "ops.clock.v1"
STEPS = [1, 1, 1, 1, 1, 2, 3, 0, -1]  # follow, skip, repeat, go back
STAMP = "2026-08-09T21:05:48Z"


class Act(NamedTuple):
    feed: int  # 0 and 1 Binance, 2 Coinbase, 3 HitBTC
    line: str
    kind: str
    step: int
    other: bool  # other content
    later_ms: int


ACTS = st.builds(
    Act,
    st.integers(0, 3),
    st.sampled_from("AABC"),
    st.sampled_from(["", "", "q", "d", "d", "d", "s", "g", "-", "T"]),
    st.sampled_from(STEPS),
    st.sampled_from([False] * 8 + [True]),
    st.sampled_from([0, 1, 40, 150, 3_000, 9_000, -5_000]),
)


class World:
    """Turns acts into records. Every line has a cursor per kind, and a count of connections."""

    def __init__(self) -> None:
        self.scribes = [Scribe("btcusdt", 0), Scribe("ethusdt", 1)]
        self.cursors: dict[tuple[Any, ...], int] = {}
        self.now_ms, self.ticks = 1_000, 0
        self.offsets = {2: 0, 3: 0}

    def record(self, act: Act) -> Input:
        self.now_ms = max(1_000, self.now_ms + act.later_ms)
        if act.kind == "T":
            self.ticks += 1
            tick = Scribe()._tick(0)
            event = tick.event._replace(ts_ns=self.now_ms * 1_000_000)
            return Input(Position(CLOCK, 0, self.ticks), self.now_ms, b"", event)
        connections = (act.feed, act.line, "connections")
        if act.kind == "-":
            self.cursors[connections] = self.cursors.get(connections, 0) + 1
        connection = act.line + "'" * self.cursors.get(connections, 0)
        if act.feed < 2:
            return self._binance(act, connection)
        return self._other(act, connection)

    def _next(self, *key: Any, step: int) -> int:
        self.cursors[key] = max(1, self.cursors.get(key, 0) + step)
        return self.cursors[key]

    def _binance(self, act: Act, connection: str) -> Input:
        scribe = self.scribes[act.feed]
        scribe.now_ms = self.now_ms
        what = act.kind
        if what in ("", "q"):
            what += str(self._next(act.feed, act.line, what, step=act.step))
        elif what in ("d", "s"):
            last = self._next(act.feed, act.line, "d", step=act.step if what == "d" else 0) * 2
            what += f"{last - 1}-{last}" if what == "d" else str(last)
        elif what == "-":
            connection = connection[:-1]
        return scribe.record(act.line, connection, what, act.other)

    def _other(self, act: Act, connection: str) -> Input:
        venue = "COINBASE" if act.feed == 2 else "HITBTC"
        make = self._coinbase if act.feed == 2 else self._hitbtc
        payload = b"?" if act.kind == "g" else json.dumps(make(act)).encode()
        self.offsets[act.feed] += 1
        at = Position("md.raw.v1", act.feed, self.offsets[act.feed])
        event = FrameReceived(venue, act.line, connection, self.now_ms * 1_000_000, payload)
        return Input(at, self.now_ms, b"", event)

    def _coinbase(self, act: Act) -> dict[str, Any]:
        number = self._next(2, act.line, "number", step=max(0, act.step))
        product, size = "BTC-USD", "2" if act.other else "1"
        body: dict[str, Any] = {"sequence_num": number, "timestamp": STAMP}
        if act.kind == "":
            at = self._next(2, act.line, "trade", step=max(0, act.step))
            trade = {"product_id": product, "price": "5", "size": size, "side": "BUY"}
            trades = [trade | {"trade_id": str(at - back), "time": STAMP} for back in (0, 1)]
            return body | {"channel": "market_trades", "events": [{"trades": trades}]}
        if act.kind == "q":
            sides = {"best_bid": "4", "best_ask": "5", "best_bid_quantity": size}
            ticker = {"product_id": product, "best_ask_quantity": "1"} | sides
            return body | {"channel": "ticker", "events": [{"tickers": [ticker]}]}
        if act.kind == "-":
            return body | {"channel": "heartbeats", "events": []}
        update = {"side": "bid", "price_level": "4", "new_quantity": size}
        kind = "snapshot" if act.kind == "s" else "update"
        event = {"type": kind, "product_id": product, "updates": [update]}
        return body | {"channel": "l2_data", "events": [event]}

    def _hitbtc(self, act: Act) -> dict[str, Any]:
        at = self._next(3, act.line, "trade", step=act.step) * 7
        trade = {"id": at, "price": "5", "side": "buy", "timestamp": STAMP}
        size = {"quantity": "2" if act.other else "1"}
        return {"method": "updateTrades", "params": {"data": [trade | size], "symbol": "X"}}


def _written(acts: list[Act]) -> list[Input]:
    world = World()
    return [world.record(act) for act in acts]


feeds = (
    st.integers(0, 40)
    .flatmap(lambda size: st.lists(ACTS, min_size=size, max_size=80))
    .map(_written)
)
