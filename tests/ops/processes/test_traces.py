"""One order through a desk on the real broker, seen at a real OTLP endpoint.

1. Connector, market, strategy, risk and gateway run and send spans; frames of a capture come in
   until the simulated venue has filled an order. Then venue-watch lists what was traded.
2. The order's spans are one tree from the frame to the fill, by the processes that made them, and
   follow one another in time. The frame links to what the connector measured of its second.
3. A round of the watch that listed trades is a tree of its questions.
4. Who reads the log again, or runs the strategy's epochs again, derives the same ids.
"""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from connectors.epochs.encode import header, output_id
from connectors.feed.capture import load
from connectors.feed.server import Options as Played
from connectors.log.interface import Message
from connectors.log.places import read_whole
from connectors.simulated.server import VenueServer
from connectors.traces.ids import TRACE_HEADER, frame_ids, frames_ids, ids_of, tick_ids, trace_of
from ops.demo.play import Player
from ops.processes.catalog import pipeline
from ops.processes.run import shard_of
from ops.settings import load as load_settings
from ops.stack import StackInfo
from replay.rerun import rerun
from schemas.events import (
    ClockTick,
    OrderFilled,
    OrderRequested,
    QuoteChanged,
    TransferAnnounced,
)
from tests.connectors.asynchronous import repeated, run
from tests.connectors.gateway.rig import key_text
from tests.connectors.simulated.rig import READ_KEY, options, quote
from tests.ops.processes.desk import Desk
from tests.ops.processes.test_choices import TERMS
from tests.ops.processes.test_gateway import CAPS, LIMITS, until_told
from tests.ops.processes.test_risk import WHO, Scribe
from tests.otlp import CLIENT, Arrived, Collector, collector
from tests.pipelines.risk.rig import ACCOUNT, VENUE

EVENTS, LIMIT_S, BEAT_S = "oms.order-event.v1", 60.0, 0.2
TOPICS = ("signal.target.v1", "oms.order-request.v1", "risk.decision.v1", EVENTS)
TRADING = [
    {
        "name": "book",
        "uses": "book-imbalance",
        "execution": {
            "account": ACCOUNT,
            "instruments": [{**TERMS, "child_qty_max": "0.003"}],
            "touch": "far",
        },
    }
]
CHAIN = (
    ("connector", "frame"),
    ("market", "md.quote.v1"),
    ("strategy", "TargetChanged"),
    ("strategy", "OrderRequested"),
    ("risk", "OrderApproved"),
    ("gateway", "OrderSubmitting"),
    ("gateway", "OrderFilled"),
)


class Traded(NamedTuple):
    """What a desk did. `records` of the log by topic."""

    desk: Desk
    spans: list[Arrived]
    records: list[tuple[Message, Any]]
    filled: OrderFilled


@pytest.fixture(scope="module")
def traded(stack: StackInfo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traded]:
    folder = tmp_path_factory.mktemp("traces")
    desk = Desk(stack, f"t{uuid.uuid4().hex[:8]}.", folder)
    try:
        with collector() as endpoint:
            prepare(desk, endpoint)
            run(trade(desk, stack, folder), 3 * LIMIT_S)
            spans = endpoint.spans
        codec = desk.codec
        messages = [one for topic in TOPICS for one in read_whole(desk.log, topic, 15.0)]
        records = [(one, codec.decode(one.value())) for one in messages]
        filled = next(event for _, event in records if isinstance(event, OrderFilled))
        yield Traded(desk, spans, records, filled)
    finally:
        desk.close()


def prepare(desk: Desk, endpoint: Collector) -> None:
    (desk.folder / "limits.yaml").write_text(LIMITS)
    (desk.folder / "caps.yaml").write_text(CAPS)
    set_limits = desk.tape("limits", "set", "limits.yaml", *WHO)
    assert set_limits.code == 0, set_limits.err
    desk.environment |= {
        "TAPE_STRATEGY__SIGNALS": json.dumps(TRADING),
        "TAPE_GATEWAY__KEY": "env:TRADING_KEY",
        "TAPE_GATEWAY__CAPS": "caps.yaml",
        "TRADING_KEY": key_text(),
        "TAPE_WATCH__KEY": "env:WATCHING_KEY",
        "WATCHING_KEY": key_text(READ_KEY),
        "TAPE_TRACES__ENDPOINT": endpoint.address,
        "TAPE_TRACES__SHARE": "0",
    }


async def trade(desk: Desk, stack: StackInfo, folder: Path) -> None:
    """Until an order is filled, and every process has ended."""
    scribe, now_ns = Scribe(desk, stack), time.time_ns()
    money = TransferAnnounced("t", ACCOUNT, VENUE, "USDT", Decimal(10_000), "ada", "", "", now_ns)
    scribe.write("ops.control.v1", money, "desk")
    frames = load(["binance_spot_btcusdt_20240808"], 1.0, LIMIT_S)
    async with VenueServer(options(folder)) as server:
        quote(server, "61700", "5", "61800", "5")
        urls = {"TAPE_GATEWAY__URL": server.url, "TAPE_GATEWAY__SOCKET_URL": server.socket_url}
        started = [
            desk.start("run", name, "--from", "earliest") for name in ("market", "strategy", "risk")
        ]
        await asyncio.to_thread(desk.wait_opened, started[-1], "risk")  # it makes the signing key
        gateway = desk.start("run", "gateway", more=urls)
        async with beating(scribe):
            await until_told(desk, gateway, "GatewayReady")
            with Player(frames, Played(1.0, wait_for=1)) as player:
                feed = ("--venue", "BINANCE", "--url", player.urls["BINANCE"], "BTCUSDT")
                started.append(desk.start("run", "connector", *feed))
                await until_told(desk, gateway, "OrderFilled")
        watch = desk.start("run", "venue-watch", "--account", ACCOUNT, more=urls)
        started.append(watch)
        await until_told(desk, watch, "TradesObserved", "venue.snapshot.v1")
        for process in (*started, gateway):
            ended = await asyncio.to_thread(desk.stop, process)
            assert ended.code == 0, ended.err


def beating(scribe: Scribe) -> AbstractAsyncContextManager[None]:
    """The clock goes on."""
    return repeated(lambda: scribe.write("ops.clock.v1", ClockTick(time.time_ns()), ""), BEAT_S)


def tree(traded: Traded) -> dict[tuple[str, str], Arrived]:
    """The spans of the order's trace, by service and name."""
    trace = trace_of(traded.filled.correlation_id)
    return {(one.service, one.name): one for one in traded.spans if one.trace == trace}


def test_an_orders_spans_are_one_tree_from_frame_to_fill(traded: Traded) -> None:
    found = tree(traded)
    chain = [found[step] for step in CHAIN]
    assert [one.parent for one in chain] == ["", *(one.span for one in chain[:-1])]
    posted = found["gateway", "POST /api/v3/order"]
    assert (posted.kind, posted.parent) == (CLIENT, found["gateway", "OrderSubmitting"].span)
    assert posted.facts["tape.outcome"] == "200"
    known = {one.span for one in found.values()}
    assert all(one.parent in known for one in found.values() if one.parent)
    assert {one.version for one in chain} != {""}
    assert chain[-1].facts["tape.cl_ord_id"] == traded.filled.cl_ord_id


def test_the_frame_links_to_what_its_connector_measured(traded: Traded) -> None:
    root = traded.filled.correlation_id
    [tick] = [event for place, event in ticks(traded.desk) if place == root]
    frame = tree(traded)["connector", "frame"]
    ids = frames_ids("BINANCE", "A", tick.ts_recv_ns)
    assert (frame.links, frame.facts["tape.line"]) == ([(ids.trace, ids.span)], "A")
    [second] = [one for one in traded.spans if one.span == ids.span]
    assert (second.service, second.name, second.trace) == ("connector", "frames", ids.trace)
    assert second.start_ns <= frame.start_ns <= second.end_ns
    assert int(second.facts["tape.records"]) > 0
    assert second.facts["tape.unconfirmed"] == 0
    seconds = [one for one in traded.spans if one.name == "frames"]
    assert len(seconds) == len({one.span for one in seconds}), "each second once"


def ticks(desk: Desk) -> list[tuple[str, QuoteChanged]]:
    """The quotes on the log, by the id of their record."""
    found = read_whole(desk.log, "md.quote.v1", 15.0)
    return [(place_id(one), desk.codec.decode(one.value())) for one in found]


def place_id(message: Message) -> str:
    return f"md.quote.v1/{message.partition()}/{message.offset()}"


def test_a_round_that_listed_trades_is_a_tree(traded: Traded) -> None:
    rounds = [one for one in traded.spans if (one.service, one.name) == ("venue-watch", "round")]
    assert rounds
    first = min(rounds, key=lambda one: one.start_ns)
    below = [one for one in traded.spans if one.parent == first.span]
    assert {one.name for one in below} >= {
        "GET /api/v3/account",
        "GET /api/v3/openOrders",
        "GET /api/v3/myTrades",
    }
    assert {(one.service, one.kind, one.trace) for one in below} == {
        ("venue-watch", CLIENT, first.trace)
    }


def test_each_step_begins_when_its_cause_was_there(traded: Traded) -> None:
    found = tree(traded)
    assert all(one.start_ns <= one.end_ns for one in found.values())
    frame, _, _, *steps = [found[step] for step in CHAIN]
    requests = [event for _, event in traded.records if isinstance(event, OrderRequested)]
    [request] = [one for one in requests if one.cl_ord_id == traded.filled.cl_ord_id]
    assert frame.start_ns == request.ts_recv_ns
    for above, below in pairwise(steps):
        assert above.start_ns <= below.start_ns


def test_the_ids_on_the_log_are_those_of_the_spans(traded: Traded) -> None:
    trace = trace_of(traded.filled.correlation_id)
    derived, headers = set(), set()
    for message, event in traded.records:
        if getattr(event, "correlation_id", None) == traded.filled.correlation_id:
            derived.add(ids_of(event, output_id(message)))
            headers.add(header(message, TRACE_HEADER).decode())
    root = traded.filled.correlation_id
    seen = {
        (one.trace, one.span, one.parent) for one in tree(traded).values() if one.kind != CLIENT
    }
    assert seen == {*derived, frame_ids(root), tick_ids(root)}
    assert headers == {f"00-{trace}-{one.span}-01" for one in derived}


class Heard:
    """A logic whose outputs are listened to."""

    def __init__(self, logic: Any) -> None:
        self._logic, self.events = logic, list[Any]()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._logic, name)

    def step(self, state: Any, batch: Any) -> Any:
        state, outputs = self._logic.step(state, batch)
        self.events += [output.event for output in outputs]
        return state, outputs


def test_a_replay_derives_the_same_ids(traded: Traded) -> None:
    settings = load_settings(strategy={"signals": TRADING})
    made = pipeline("strategy", settings)
    heard = Heard(made.logic)
    shard = shard_of(made, 0, 1, settings)
    assert rerun(traded.desk.log, traded.desk.codec, shard, heard).clean
    root = traded.filled.correlation_id
    requests = [e for e in heard.events if isinstance(e, OrderRequested)]
    derived = {ids_of(e) for e in requests if e.correlation_id == root}
    one = tree(traded)["strategy", "OrderRequested"]
    assert (one.trace, one.span, one.parent) in derived
    assert tree(traded)["strategy", "TargetChanged"].span in {ids.parent for ids in derived}
