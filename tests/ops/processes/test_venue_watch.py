"""An account as the log has it and as the venue shows it, with every process as its users start it:
risk, gateway, venue-watch, reconciliation, on the real broker against the simulated venue.

1. What the account held before is announced. Reports that come late break and halt nothing.
2. At once: a fill that no stream tells, a foreign order, a payment nobody announced, a fill told
   twice. Each is found; evidence clears each, and nothing else does.
3. A foreign trade that is large: the instrument is halted, its order canceled, a new one denied.
4. Reconciliation's epochs, run again, say the same. No secret was written anywhere.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import pytest

from connectors.log.places import place_of
from connectors.simulated.server import VenueServer
from ops.settings import ROOT
from ops.stack import StackInfo
from schemas.events import (
    BreakFound,
    GatewayReady,
    OpenOrdersObserved,
    OrderAccepted,
    OrderCanceled,
    OrderDenied,
    OrderFilled,
)
from tests.connectors.asynchronous import run
from tests.connectors.gateway.rig import key_text
from tests.connectors.simulated.rig import (
    API_KEY,
    READ_KEY,
    SECRET,
    Client,
    options,
    quote,
    trade,
)
from tests.nursery import Running
from tests.ops.processes.desk import Desk
from tests.ops.processes.test_gateway import kept, market
from tests.ops.processes.test_risk import WHO, Scribe
from tests.pipelines.risk.rig import ACCOUNT, request

LIMIT_S = 60.0
WATCH = ("run", "venue-watch", "--account", ACCOUNT)
PIPELINES = ("risk", "reconciliation")
BREAKS, EVENTS, BOOKED = "recon.break.v1", "oms.order-event.v1", "recon.position.v1"
SNAPSHOTS, DECISIONS, HALTS = "venue.snapshot.v1", "risk.decision.v1", "recon.control.v1"
TOPICS = (BREAKS, EVENTS, BOOKED, SNAPSHOTS, DECISIONS, HALTS)
BY_HAND = {"ORDER_FOREIGN", "BALANCE_DRIFT"}  # what only people can clear
Event = TypeVar("Event")


@pytest.fixture(scope="module")
def desk(stack: StackInfo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    made = Desk(stack, f"t{uuid.uuid4().hex[:8]}.", tmp_path_factory.mktemp("watch"))
    for name in ("limits", "caps"):
        example = (ROOT / "docs" / f"{name}.example.yaml").read_text()
        held = example.replace('BTCUSDT.BINANCE: "1"', 'BTCUSDT.BINANCE: "10"')  # 2 from the start
        (made.folder / f"{name}.yaml").write_text(held)
    made.environment |= {
        "TAPE_GATEWAY__KEY": "env:TRADING_KEY",
        "TAPE_GATEWAY__CAPS": "caps.yaml",
        "TAPE_WATCH__KEY": "env:WATCHING_KEY",
        "TAPE_WATCH__EVERY_S": "0.5",
        "TAPE_GATEWAY__RECV_WINDOW_MS": "2000",
        "TAPE_RECONCILIATION__GRACE_MS": "800",
        "TAPE_RECONCILIATION__STALE_MS": "120000",
        "TAPE_LOG_LEVEL": "DEBUG",
        "TRADING_KEY": key_text(),
        "WATCHING_KEY": key_text(READ_KEY),
    }
    yield made
    made.close()


@pytest.fixture(autouse=True)
def _tidy(desk: Desk) -> Iterator[None]:
    yield
    desk.tidy()


class Story:
    """The desk while it runs, and all that its account's topics say."""

    def __init__(self, desk: Desk, scribe: Scribe, server: VenueServer) -> None:
        self.desk, self.scribe, self.server = desk, scribe, server
        self.running: list[Running] = []
        self.said: list[str] = []
        self.told: dict[str, list[Any]] = {topic: [] for topic in TOPICS}
        tps = [place_of(desk.log, topic, ACCOUNT.encode()) for topic in TOPICS]
        self.reader = desk.log.reader(dict.fromkeys(tps, 0))

    async def tape(self, *arguments: str, code: int = 0, **more: str) -> str:
        ended = await asyncio.to_thread(self.desk.tape, *arguments, **more)
        self.said += [ended.out, ended.err]
        assert ended.code == code, ended.err
        return ended.out + ended.err

    async def start(self) -> None:
        for name in PIPELINES:
            self.running.append(self.desk.start("run", name, "--from", "earliest"))
        for name, process in zip(PIPELINES, list(self.running), strict=True):
            await asyncio.to_thread(self.desk.wait_opened, process, name)
        self.running += [self.desk.start("run", "gateway"), self.desk.start(*WATCH)]
        await self.until(lambda: self.of(EVENTS, GatewayReady))
        await self.rounds()

    async def stop(self) -> None:
        self.reader.close()
        for process in reversed(self.running):
            ended = await asyncio.to_thread(self.desk.stop, process)
            assert ended.code == 0, ended.err
            self.said.append(ended.err)

    async def until(self, holds: Callable[[], Any]) -> None:
        limit = time.monotonic() + LIMIT_S
        while not holds():
            found = await asyncio.to_thread(self.reader.poll, 500, 0.2)
            for tp, messages in found.items():
                self.told[tp.topic] += [self.desk.codec.decode(m.value()) for m in messages]
            for process in self.running:
                assert process.poll() is None, process.communicate()[1]
            assert time.monotonic() < limit, (self.told[EVENTS], self.told[BREAKS])

    def of(self, topic: str, kind: type[Event]) -> list[Event]:
        return [event for event in self.told[topic] if isinstance(event, kind)]

    async def rounds(self, number: int = 2) -> None:
        """So many whole rounds from here on."""
        wanted = len(self.of(SNAPSHOTS, OpenOrdersObserved)) + number + 1
        await self.until(lambda: len(self.of(SNAPSHOTS, OpenOrdersObserved)) >= wanted)

    def found(self) -> set[str]:
        """Kinds of the breaks found so far."""
        return {event.kind for event in self.of(BREAKS, BreakFound)}

    def still(self) -> set[str]:
        """Kinds of those that are open."""
        left: dict[str, str] = {}
        for event in self.told[BREAKS]:
            if isinstance(event, BreakFound):
                left[event.break_id] = event.kind
            else:
                left.pop(event.break_id, None)
        return {*left.values()}

    def filled(self, order: str, topic: str = EVENTS) -> list[OrderFilled]:
        return [event for event in self.of(topic, OrderFilled) if event.cl_ord_id == order]

    def ask(self, name: str, price: str) -> None:
        made = request(name, "BUY", "0.1", price)._replace(ts_recv_ns=time.time_ns())
        self.scribe.write("oms.order-request.v1", made)

    async def rest(self, name: str, price: str) -> None:
        """An order to buy 0.1 that rests at the venue."""
        self.ask(name, price)
        await self.until(
            lambda: name in {event.cl_ord_id for event in self.of(EVENTS, OrderAccepted)}
        )


async def late_reports_break_nothing(story: Story, client: Client) -> None:
    await story.rest("o1", "99.9")
    await client.admin("POST", "/faults", kind="report_delayed", seconds=0.4, count=1)
    trade(story.server, "SELL", "20", "99.8")
    await story.until(lambda: story.filled("o1"))
    await story.rounds()
    assert not story.still()
    assert not {*story.found()} - {"FILL_MISSING", "ORDER_UNKNOWN"}, (
        "late beyond the grace, if at all"
    )


async def each_break_is_found_and_cleared_by_evidence(story: Story, client: Client) -> None:
    await story.rest("o2", "99.8")
    await client.admin("POST", "/faults", kind="fill_missing", count=1)
    trade(story.server, "SELL", "20", "99.7")
    foreign = {"account": "desk", "symbol": "BTCUSDT", "side": "BUY", "quantity": "0.1"}
    resting = await client.admin("POST", "/foreign-order", type="LIMIT", price="95", **foreign)
    await client.admin("POST", "/transfer", account="desk", asset="USDT", amount="-5")
    [fill] = story.filled("o1")
    story.scribe.write(EVENTS, fill)
    wanted = {"FILL_MISSING", "FILL_DUPLICATE", *BY_HAND}
    await story.until(lambda: wanted <= story.found() and story.still() == BY_HAND)
    await story.rounds()
    assert story.still() == BY_HAND, "no evidence, no end"
    await client.call("DELETE", "order", symbol="BTCUSDT", orderId=resting["orderId"])
    paid = ("transfer", "announce", ACCOUNT, "USDT", "-5", *WHO, "--evidence", "slip 7")
    await story.tape(*paid)
    await story.until(lambda: not story.still())
    [booked] = story.filled("o2", BOOKED)
    assert (booked.reconciled, booked.last_qty) == (True, Decimal("0.1"))
    await story.until(lambda: story.filled("o2"))
    [late] = story.filled("o2")
    assert late.trade_id == booked.trade_id, "the gateway asked, upon the break"
    assert not story.told[HALTS]


async def a_drift_halts_its_instrument(story: Story, client: Client) -> None:
    await story.rest("o3", "99.7")
    foreign = {"account": "desk", "symbol": "BTCUSDT", "side": "BUY", "quantity": "0.5"}
    await client.admin("POST", "/foreign-order", **foreign)
    await story.until(lambda: story.told[HALTS] and story.of(EVENTS, OrderCanceled))
    [canceled] = story.of(EVENTS, OrderCanceled)
    assert (canceled.cl_ord_id, canceled.reason) == ("o3", "STATE_HALTED")
    story.ask("o4", "99.7")
    await story.until(lambda: story.of(DECISIONS, OrderDenied))
    [denied] = story.of(DECISIONS, OrderDenied)
    assert (denied.cl_ord_id, denied.reason) == ("o4", "STATE_HALTED")
    await story.until(lambda: story.still() == {"FILL_FOREIGN", "POSITION_DRIFT", "BALANCE_DRIFT"})
    ids = {one.break_id for one in story.of(BREAKS, BreakFound) if one.kind == "FILL_FOREIGN"}
    bought = ("adjust", ACCOUNT, "BTCUSDT.BINANCE", "0.5", "--price", "100.05", *WHO)
    await story.tape(*bought, "--evidence", " ".join(ids))
    await story.until(lambda: not story.still())


def test_log_and_venue_are_kept_equal(desk: Desk, stack: StackInfo, tmp_path: Path) -> None:
    story: list[Story] = []

    async def main() -> None:
        async with VenueServer(options(tmp_path)) as server, Client(server) as client:
            quote(server, "99.95", "50", "100.05", "50")
            desk.environment |= {
                "TAPE_GATEWAY__URL": server.url,
                "TAPE_GATEWAY__SOCKET_URL": server.socket_url,
            }
            one = Story(desk, Scribe(desk, stack), server)
            story.append(one)
            await one.tape("limits", "set", "limits.yaml", *WHO)
            assert "100000" in await one.tape("transfer", "opening", ACCOUNT, *WHO)
            assert "nothing to announce" in await one.tape("transfer", "opening", ACCOUNT, *WHO)
            trading = key_text(API_KEY)
            refused = await one.tape(*WATCH, code=2, WATCHING_KEY=trading)
            assert "may do more than read" in refused
            async with market(one.scribe):
                await one.start()
                await late_reports_break_nothing(one, client)
                await each_break_is_found_and_cleared_by_evidence(one, client)
                await a_drift_halts_its_instrument(one, client)
                await one.stop()
            traded = await one.tape("transfer", "opening", ACCOUNT, *WHO, code=2)
            assert "has traded on this log" in traded

    run(main(), 8 * LIMIT_S)
    replayed = desk.tape("replay", "reconciliation")
    assert (replayed.code, "0 differences" in replayed.out) == (0, True), replayed
    written = "".join(story[0].said) + repr(story[0].told) + kept(desk)
    for secret in (SECRET, READ_KEY, API_KEY, "signature="):
        assert secret not in written


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        pytest.param({"TAPE_WATCH__KEY": "canary"}, "by reference", id="a bare key"),
        pytest.param({"TAPE_WATCH__KEY": "env:NOT_THERE"}, "NOT_THERE", id="dangling key"),
        pytest.param({"WATCHING_KEY": "canary"}, "key is not JSON", id="no key"),
        pytest.param({"TAPE_GATEWAY__URL": "https://api.binance.com"}, "--live", id="not live"),
    ],
)
def test_what_is_wrong_is_one_line(desk: Desk, variables: dict[str, str], says: str) -> None:
    refused = desk.tape(*WATCH, **variables)
    assert refused.code == 2
    lines = [line for line in refused.err.splitlines() if line.startswith("tape: ")]
    assert len(lines) == 1, refused.err
    assert says in lines[0]
    assert "Traceback" not in refused.err
    assert "canary" not in refused.err
