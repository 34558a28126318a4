"""An account as the log has it and as the venue shows it, with every process as its users start it:
risk, gateway, venue-watch, reconciliation, on the real broker against the simulated venue.

1. What the account held before is announced. Reports that come late break and halt nothing.
2. At once: a fill that no stream tells, a foreign order, a payment nobody announced, a fill told
   twice. Each is found; evidence clears each, and nothing else does.
3. One after another: a fee that the venue lists otherwise than it told, an order filled in part and
   nobody says so, a watch that stands still. Each is found and cleared.
4. A foreign trade that is large: the instrument is halted, its order canceled, a new one denied.
5. Each difference was said within five ticks of the clock after its grace. Reconciliation's epochs,
   run again, say the same. No secret was written anywhere.
"""

from __future__ import annotations

import signal
import uuid
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connectors.log.places import read_whole
from connectors.simulated.server import VenueServer
from ops.desk.prepare import desk_file
from ops.stack import StackInfo
from schemas.events import (
    BreakFound,
    OpenOrdersObserved,
    OrderCanceled,
    OrderDenied,
    TradesObserved,
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
from tests.ops.processes.desk import Desk
from tests.ops.processes.test_gateway import kept, market
from tests.ops.processes.test_risk import WHO, Scribe
from tests.ops.processes.watched import (
    BOOKED,
    BREAKS,
    DECISIONS,
    EVENTS,
    HALTS,
    LIMIT_S,
    SNAPSHOTS,
    STALE,
    WATCH,
    Story,
)
from tests.pipelines.risk.rig import ACCOUNT

GRACE_MS, STALE_MS = 800, 5_000
TICKS_MAX = 5
BY_HAND = {"ORDER_FOREIGN", "BALANCE_DRIFT"}  # what only people can clear


@pytest.fixture(scope="module")
def desk(stack: StackInfo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    made = Desk(stack, f"t{uuid.uuid4().hex[:8]}.", tmp_path_factory.mktemp("watch"))
    for name in ("limits", "caps"):
        example = desk_file(f"{name}.yaml").read_text()
        held = example.replace('BTCUSDT.BINANCE: "2"', 'BTCUSDT.BINANCE: "10"')  # 2 from the start
        (made.folder / f"{name}.yaml").write_text(held)
    made.environment |= {
        "TAPE_GATEWAY__KEY": "env:TRADING_KEY",
        "TAPE_GATEWAY__CAPS": "caps.yaml",
        "TAPE_WATCH__KEY": "env:WATCHING_KEY",
        "TAPE_WATCH__EVERY_S": "0.5",
        "TAPE_GATEWAY__RECV_WINDOW_MS": "2000",
        "TAPE_RECONCILIATION__GRACE_MS": str(GRACE_MS),
        "TAPE_RECONCILIATION__STALE_MS": str(STALE_MS),
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


async def late_reports_break_nothing(story: Story, client: Client) -> None:
    await story.rest("o1", "99.9")
    await client.admin("POST", "/faults", kind="report_delayed", seconds=0.4, count=1)
    trade(story.server, "SELL", "20", "99.8")
    await story.until(lambda: story.filled("o1"))
    await story.rounds()
    assert not story.still()
    assert not {*story.found()} - {"FILL_MISSING", "ORDER_UNKNOWN", STALE}, (
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


async def a_fee_that_is_listed_otherwise_is_found(story: Story, client: Client) -> None:
    """The venue takes more than it told, then gives it back."""
    charged = story.server.venue.trades["desk", "BTCUSDT"][-1].event
    told, asset = charged.commission, charged.commission_asset

    async def restate(fee: Decimal, paid: str) -> None:
        charged.commission = fee
        await client.admin("POST", "/transfer", account="desk", asset=asset, amount=paid)

    await restate(told + Decimal("0.00001"), "-0.00001")
    await story.until(lambda: story.still() == {"FEE_MISMATCH"})
    await restate(told, "0.00001")
    await story.until(lambda: not story.still())


async def a_fill_in_part_that_nobody_tells_is_found(story: Story, client: Client) -> None:
    """While no trades can be listed the order's quantity alone shows it."""
    await story.rest("o3", "99.7")
    await client.admin("POST", "/faults", kind="fill_missing", count=1)
    await client.admin("POST", "/faults", kind="rest_down", path="/api/v3/myTrades")
    trade(story.server, "SELL", "0.04", "99.6")
    await story.until(lambda: "ORDER_STATE_MISMATCH" in story.still())
    [found] = [one for one in story.of(BREAKS, BreakFound) if one.kind == "ORDER_STATE_MISMATCH"]
    assert found.cl_ord_id == "o3"
    assert (found.log_qty, found.venue_qty) == (Decimal(0), Decimal("0.04"))
    assert not story.filled("o3")
    await client.admin("DELETE", "/faults")
    await story.until(lambda: not story.still() and story.filled("o3"))


async def a_watch_that_stands_still_is_found(story: Story) -> None:
    watch = story.running[-1]
    watch.send_signal(signal.SIGSTOP)
    await story.until(lambda: STALE in story.open())
    watch.send_signal(signal.SIGCONT)
    await story.until(lambda: STALE not in story.open())


async def a_drift_halts_its_instrument(story: Story, client: Client) -> None:
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
                await a_fee_that_is_listed_otherwise_is_found(one, client)
                await a_fill_in_part_that_nobody_tells_is_found(one, client)
                await a_watch_that_stands_still_is_found(one)
                await a_drift_halts_its_instrument(one, client)
                await one.stop()
            traded = await one.tape("transfer", "opening", ACCOUNT, *WHO, code=2)
            assert "has traded on this log" in traded

    run(main(), 8 * LIMIT_S)
    replayed = desk.tape("replay", "reconciliation")
    assert (replayed.code, "0 differences" in replayed.out) == (0, True), replayed
    said_at_once(story[0])
    written = "".join(story[0].said) + repr(story[0].told) + kept(desk)
    for secret in (SECRET, READ_KEY, API_KEY, "signature="):
        assert secret not in written


def said_at_once(story: Story) -> None:
    """Of what lasts a grace: in ticks of the clock, of which there is one per second on a desk."""
    ticks = [m.timestamp()[1] for m in read_whole(story.desk.log, "ops.clock.v1", LIMIT_S)]
    listed: dict[str, Any] = {"ORDER": OpenOrdersObserved, "FILL": TradesObserved}
    seen = {(type(e), e.snapshot_id): e.ts_recv_ns // 1_000_000 for e in story.told[SNAPSHOTS]}
    judged = Counter[str]()
    for one in story.of(BREAKS, BreakFound):
        kind = listed.get("FILL" if one.kind == "FEE_MISMATCH" else one.kind.partition("_")[0])
        if kind is not None and one.snapshot_id:
            due_ms = seen[kind, one.snapshot_id] + GRACE_MS
            said_ms = one.ts_recv_ns // 1_000_000
            assert sum(due_ms <= at_ms < said_ms for at_ms in ticks) <= TICKS_MAX, one
            judged[one.kind] += 1
    assert judged.keys() >= {"FEE_MISMATCH", "ORDER_STATE_MISMATCH", "ORDER_FOREIGN"}


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
