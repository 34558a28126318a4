"""An account watched on the simulated venue over real sockets: what is written, what is asked, and
what happens when the venue is away.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from connectors.confirmed_writer import CONFIRM_S
from connectors.gateway.keys import KeyRefused, parse_key
from connectors.log.interface import OutRecord, Tp
from connectors.log.memory import MemoryLog
from connectors.orderport import order_port
from connectors.orderport.binance_spot import account
from connectors.partitioner import murmur2_partition
from connectors.simulated.server import VenueServer
from connectors.venue_watch.venue import Venue
from connectors.venue_watch.watch import FROM_NOW, TOPIC, WHOLE, Parts, Watch
from connectors.venues.backoff import Backoff
from schemas.codec import Codec
from schemas.events import BalancesObserved, OpenOrdersObserved, TradesObserved
from schemas.secret import Secret
from tests.connectors.asynchronous import run, until
from tests.connectors.cluster import LeavingRegistry
from tests.connectors.gateway.rig import ACCOUNT, BTC, CODEC, key_text
from tests.connectors.simulated.rig import API_KEY, READ_KEY, WITHDRAW_KEY, Client, options, quote
from tests.pipelines.orders.events import event
from tests.pipelines.reconciliation.rig import terms

assert CONFIRM_S < 30
READS = key_text(READ_KEY)


class Tape:
    """A log in memory; `seen` is what the watch wrote."""

    def __init__(self) -> None:
        self.log = MemoryLog(dict.fromkeys((*WHOLE, *FROM_NOW, TOPIC), 1))
        self.seen: list[Any] = []
        self.say(WHOLE[0], event("LogCreated", ts_ns=time.time_ns()))
        self.say(WHOLE[0], event("LimitsChanged", instruments=(terms(BTC, "BTC"),)))

    def say(self, topic: str, item: Any) -> None:
        key = ACCOUNT.encode()
        place = Tp(topic, murmur2_partition(key, 1))
        self.log.append(OutRecord(*place, key, CODEC.encode(item), time.time_ns() // 1_000_000))

    def write(self, item: Any, key: str) -> int:
        assert key == ACCOUNT
        CODEC.encode(item)
        self.seen.append(item)
        return len(self.seen)

    def kinds(self, begin: int = 0) -> list[str]:
        return [type(item).__name__.removesuffix("Observed") for item in self.seen[begin:]]

    def trades(self) -> list[tuple[str | None, list[str]]]:
        """Of each listing: the first trade asked for, and those that came."""
        found = [item for item in self.seen if isinstance(item, TradesObserved)]
        return [(item.from_trade_id, [one.trade_id for one in item.trades]) for item in found]


@asynccontextmanager
async def watching(
    server: VenueServer,
    tape: Tape,
    every_s: float = 0.1,
    key: str = READS,
    codec: Codec = CODEC,
) -> AsyncIterator[asyncio.Task[None]]:
    backoff = Backoff(base_s=0.01, cap_s=0.05)
    parts = Parts(tape.log, codec, tape, ACCOUNT, every_s, backoff)
    task = asyncio.create_task(
        Watch(parts, Venue(order_port("BINANCE"), parse_key(Secret(key)), server.url)).run()
    )
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError, KeyRefused):
            await task


def rounds(tape: Tape) -> int:
    return tape.kinds().count("OpenOrders")


async def rounds_go_on(tape: Tape, number: int = 2) -> None:
    wanted = rounds(tape) + number
    await until(lambda: rounds(tape) >= wanted, "more rounds")


def foreign_fill(order: dict[str, Any]) -> dict[str, Any]:
    """A break of this order."""
    about = {"account": ACCOUNT, "instrument": BTC, "break_id": "b", "kind": "FILL_FOREIGN"}
    unknown = dict.fromkeys(("asset", "cl_ord_id", "log_qty", "trade_id", "venue_qty"))
    return {**about, **unknown, "order_id": str(order["orderId"])}


def test_balances_then_orders_under_one_id(tmp_path: Path) -> None:
    tape = Tape()

    async def main() -> None:
        async with VenueServer(options(tmp_path)) as server, Client(server) as client:
            quote(server, "99", "5", "101", "5")
            await client.order("BUY", "0.5", "98", newClientOrderId="C1")
            async with watching(server, tape):
                await rounds_go_on(tape, 3)
                await until(tape.trades, "a start is a gap")

    run(main())
    pairs = [one for one in tape.seen if not isinstance(one, TradesObserved)]
    assert tape.trades() == [(None, [])], "once"
    names = set()
    for balances, orders in zip(pairs[::2], pairs[1::2], strict=False):
        assert isinstance(balances, BalancesObserved)
        assert isinstance(orders, OpenOrdersObserved)
        assert balances.snapshot_id == orders.snapshot_id
        assert balances.ts_sent_ns <= balances.ts_recv_ns <= orders.ts_sent_ns <= orders.ts_recv_ns
        assert {one.asset: one.locked_qty for one in balances.balances} == {"BTC": 0, "USDT": 49}
        assert [one.cl_ord_id for one in orders.orders] == ["C1"]
        names.add(balances.snapshot_id)
    assert len(names) == len(pairs) // 2


def test_a_trade_that_nobody_told_is_listed_at_once_and_a_told_one_is_not(tmp_path: Path) -> None:
    tape = Tape()

    async def main() -> None:
        async with VenueServer(options(tmp_path)) as server, Client(server) as client:
            quote(server, "99", "5", "101", "5")
            async with watching(server, tape):
                await rounds_go_on(tape)
                order = {"account": ACCOUNT, "symbol": "BTCUSDT", "side": "BUY", "quantity": "1"}
                await client.admin("POST", "/foreign-order", **order)
                await until(lambda: len(tape.trades()) == 2, "the foreign trade is listed")
                await rounds_go_on(tape)
                assert len(tape.trades()) == 2, "once"

    run(main())
    [trade_id] = tape.trades()[1][1]
    assert tape.trades() == [(None, []), (None, [trade_id])]


def test_a_breaks_trades_are_listed_until_it_is_cleared(tmp_path: Path) -> None:
    tape = Tape()

    async def main() -> None:
        async with VenueServer(options(tmp_path)) as server, Client(server) as client:
            quote(server, "99", "5", "101", "5")
            _, order = await client.order("BUY", "0.5")
            async with watching(server, tape):
                await rounds_go_on(tape)
                about = foreign_fill(order)
                tape.say("recon.break.v1", event("BreakFound", **about))
                await until(lambda: len(tape.trades()) >= 4, "listed every round")
                tape.say("recon.break.v1", event("BreakCleared", **about))
                await rounds_go_on(tape, 1)  # it may have been under way
                before = len(tape.trades())
                await rounds_go_on(tape)
                assert len(tape.trades()) == before

    run(main())
    assert len({tuple(found) for _, found in tape.trades()}) == 1


def test_a_page_that_leads_nowhere_is_not_asked_for_on_and_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else it would use up what the gateway may ask of the venue."""
    tape = Tape()
    monkeypatch.setattr(account, "ROWS_MAX", 1)  # one trade fills a page

    async def main() -> None:
        async with VenueServer(options(tmp_path)) as server, Client(server) as client:
            quote(server, "99", "5", "101", "5")
            await client.order("BUY", "0.5")
            async with watching(server, tape):
                await until(lambda: len(tape.trades()) > 1, "listed")
                await rounds_go_on(tape)

    run(main())
    [trade_id] = tape.trades()[0][1]
    assert tape.trades()[:2] == [(None, [trade_id]), (trade_id, [trade_id])]
    assert len(tape.trades()) < 100


@pytest.mark.parametrize("key", [API_KEY, WITHDRAW_KEY])
def test_a_key_that_may_do_more_than_read_is_refused(tmp_path: Path, key: str) -> None:
    tape = Tape()

    async def main() -> None:
        async with (
            VenueServer(options(tmp_path)) as server,
            watching(server, tape, key=key_text(key)) as task,
        ):
            with pytest.raises(KeyRefused, match="more than read"):
                await task

    run(main())
    assert tape.seen == []


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param({"kind": "rest_down", "count": 20}, id="down"),
        pytest.param({"kind": "server_error", "status": 503, "count": 20, "verb": "GET"}, id="5xx"),
        pytest.param({"kind": "clock_skew", "skew_ms": 60_000}, id="its clock moves"),
    ],
)
def test_a_venue_that_does_not_answer_is_asked_again(tmp_path: Path, fault: dict[str, Any]) -> None:
    tape = Tape()

    async def main() -> None:
        async with (
            VenueServer(options(tmp_path)) as server,
            Client(server) as client,
            watching(server, tape),
        ):
            await rounds_go_on(tape)
            await client.admin("POST", "/faults", **fault)
            counts = server.faults.counts
            await until(lambda: counts[fault["kind"]] == fault.get("count", 1), "it struck")
            await rounds_go_on(tape)

    run(main())


def test_a_watch_goes_on_without_a_registry(tmp_path: Path) -> None:
    """What it reads and writes for the first time later on was asked for at its start."""
    tape, registry = Tape(), LeavingRegistry()

    async def main() -> None:
        async with (
            VenueServer(options(tmp_path)) as server,
            Client(server) as client,
            watching(server, tape, codec=registry.codec) as task,
        ):
            quote(server, "99", "5", "101", "5")
            _, order = await client.order("BUY", "0.5")
            await until(lambda: tape.trades() and tape.trades()[-1][1], "listed")
            registry.gone, listed = True, len(tape.trades())
            tape.say("recon.break.v1", event("BreakFound", **foreign_fill(order)))
            await until(lambda: task.done() or len(tape.trades()) > listed, "listed again")
            assert not task.done(), task
            assert all(map(registry.codec.encode, tape.seen))

    run(main())


def test_a_ban_is_kept(tmp_path: Path) -> None:
    """Who calls while banned is banned for longer: nothing is asked before the time is over."""
    tape, ban = Tape(), {"kind": "ban", "seconds": 1, "count": 1, "verb": "GET", "path": "/api"}

    async def main() -> None:
        async with (
            VenueServer(options(tmp_path)) as server,
            Client(server) as client,
            watching(server, tape),
        ):
            await rounds_go_on(tape)
            await client.admin("POST", "/faults", **ban)
            await until(lambda: server.faults.counts["ban"], "banned")
            before, asked = rounds(tape), server.rest.requests
            await until(lambda: rounds(tape) > before, "it goes on")
            assert server.rest.requests - asked <= 12, "a clock and a round"

    run(main())
