"""What a gateway is put through on a real broker: stopped and woken, and a log that was wiped.

A trial raises `AssertionError` where the gateway did what it must not, and gives counts. `make
test` runs some of them, `make soak` all.
"""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from signal import SIGCONT
from typing import Final

from connectors.gateway.gateway import Gateway, open_gateway
from connectors.gateway.ledger import EVENTS, RAW
from connectors.signing import Scope
from connectors.simulated.faults import Fault
from connectors.simulated.server import VenueServer
from pipelines.exact import ZERO
from pipelines.ids import cl_ord_id
from schemas.events import GatewayReady, OrderFilled, VenueRequestSent
from tests.connectors.asynchronous import until
from tests.connectors.gateway.rig import (
    ACCOUNT,
    BTC,
    Line,
    Records,
    heartbeats,
    on_broker,
    parts,
    running,
    started,
)
from tests.connectors.simulated.rig import options, quote, trade

POINTS: Final = (
    "after-signing",
    "before-commit",
    "after-commit",
    "after-write POST",
    "before-response",
)
ENDS: Final = {70: "fenced", 71: "aborted"}  # what a halted writer may find first on waking
LIMIT_S: Final = 90.0
WINDOW_MS: Final = 2_000  # half of it outlasts a first transaction on a busy machine
CHANCES: Final = {
    "lost_request": 0.15,
    "lost_response": 0.15,
    "server_error": 0.15,
    "report_delayed": 0.2,
    "report_duplicated": 0.3,
    "reports_out_of_order": 0.2,
    "fill_before_ack": 0.2,
    "fill_missing": 0.3,
    "fill_resent_on_cancel": 0.3,
}


@contextmanager
def victim(
    servers: str, prefix: str, urls: Sequence[str], folder: Path, at: str, silent_s: float = 30.0
) -> Iterator[subprocess.Popen[bytes]]:
    """A gateway of its own process, which stops itself at a point."""
    arguments = [servers, prefix, *urls, str(folder), at, str(silent_s)]
    command = [sys.executable, "-m", "tests.connectors.gateway.victim", *arguments]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.kill()


def stopped(process: subprocess.Popen[bytes]) -> bool:
    text = Path(f"/proc/{process.pid}/stat").read_text()
    return text.rpartition(")")[2].split()[0] == "T"


def readies(records: Records) -> int:
    return sum(isinstance(event, GatewayReady) for event in records.all(EVENTS))


async def successor(records: Records, server: VenueServer, folder: Path) -> Gateway:
    """Fences whoever has the account. The venue lives on this loop: it must answer meanwhile."""
    made = parts(records.log, server.url, server.socket_url, folder, recv_window_ms=WINDOW_MS)
    return await asyncio.to_thread(open_gateway, made._replace(takeover=True))


async def zombie(servers: str, folder: Path, point: str, seed: int) -> Counter[str]:
    """Stopped at a point while the venue fails at random; replaced; woken."""
    prefix = f"z{uuid.uuid4().hex[:8]}."
    records, chance = on_broker(servers, prefix), random.Random(f"{seed}:{point}")
    async with (
        VenueServer(options(folder, seed=seed)) as server,
        Line(server.url) as line,
        heartbeats(records),
    ):
        quote(server, "99", "5", "101", "5")
        urls = line.url, server.socket_url
        with victim(servers, prefix, urls, folder / "first", point) as first:
            await until(lambda: readies(records) == 1, "the first ready", LIMIT_S)
            for kind, probability in CHANCES.items():
                server.faults.arm(Fault(kind, probability, status=503 * (kind == "server_error")))
            names = approvals(records, chance)
            await until(lambda: stopped(first), f"stopped {point}", LIMIT_S)
            gateway = await successor(records, server, folder / "second")
            async with started(gateway):
                before = line.orders
                first.send_signal(SIGCONT)
                code = await asyncio.to_thread(first.wait, LIMIT_S)
                assert code in ENDS, f"{point}: exit code {code}"
                names += approvals(records, chance)
                await settled(gateway, records, names)
                judge(gateway, records, server, names)
                # Last: what a process wrote may arrive after its end. No one else uses the line.
                assert line.orders == before, "the zombie sent something"
    struck = {f"gateway: {kind}": number for kind, number in server.faults.counts.items()}
    return Counter({f"gateway stopped {point}": 1, f"gateway woken: {ENDS[code]}": 1, **struck})


def approvals(records: Records, chance: random.Random) -> list[str]:
    """Three orders, each at rest or filled at once."""
    prices = [Decimal(chance.choice((100, 101))) for _ in range(3)]
    return [records.approve(price=price) for price in prices]


async def settled(gateway: Gateway, records: Records, names: Sequence[str]) -> None:
    """Every order is canceled unless it ended; returns when nothing is open or in doubt."""
    fold = gateway.desk.fold
    await until(lambda: {*names} <= {*fold.book.entries}, "every decision taken", LIMIT_S)
    for name in names:
        records.cancel(name)
    ends = (fold.book.live, fold.book.missing, fold.inquiries, gateway.desk.in_flight)
    await until(lambda: not any(ends), "every order's end", LIMIT_S)
    await gateway.desk.ledger.idle()


def judge(gateway: Gateway, records: Records, server: VenueServer, names: Sequence[str]) -> None:
    """One to one: approved, sent at most once, at the venue at most once, every fill counted."""
    sent = Counter(
        e.cl_ord_id
        for e in records.all(RAW)
        if isinstance(e, VenueRequestSent) and e.method == "POST"
    )
    orders = list(server.venue.exchange.orders.values())
    venues = Counter(order.cl_ord_id for order in orders)
    assert {*venues} <= {*sent} <= {*names}, "an order that nobody approved"
    assert all(n == 1 for n in (*sent.values(), *venues.values())), "an order sent twice"
    bought = sum((order.cum_qty for order in orders), ZERO)
    fills = [e for e in records.all(EVENTS) if isinstance(e, OrderFilled)]
    assert gateway.desk.fold.book.position(BTC) == bought == sum((e.last_qty for e in fills), ZERO)
    assert len({(e.order_id, e.trade_id) for e in fills}) == len(fills), "a fill counted twice"


async def wiped_log(servers: str, folder: Path) -> Counter[str]:
    """Orders rest at the venue; the log is gone; a new log asks for the same and trades."""
    first, second = (f"w{uuid.uuid4().hex[:8]}." for _ in range(2))
    old = on_broker(servers, first, scope=Scope("test", "log-1"))
    new = on_broker(servers, second, scope=Scope("test", "log-2"))
    async with VenueServer(options(folder)) as server:
        quote(server, "99", "5", "101", "5")
        resting = await abandoned(servers, first, old, server, folder / "old")
        async with running(new, server, folder / "new", recv_window_ms=WINDOW_MS) as gateway:
            name = new.approve(cl_ord_id("log-2", ACCOUNT, "request-1"))
            assert name not in resting
            await until(lambda: "Accepted" in new.told(name), "the new log's order")
            trade(server, "SELL", "20", "95")  # fills all that rests, the foreign ones too
            await until(lambda: "Filled" in new.told(name), "the new log's fill")
            assert gateway.desk.fold.book.position(BTC) == Decimal("0.1")
        named = {getattr(event, "cl_ord_id", name) for event in new.all(EVENTS)}
        assert named == {name}, "a foreign order was adopted"
        assert {o.cl_ord_id for o in server.venue.exchange.orders.values()} == {*resting, name}
    return Counter({"log wiped: foreign orders left alone": len(resting)})


async def abandoned(
    servers: str, prefix: str, records: Records, server: VenueServer, folder: Path
) -> list[str]:
    """Ids of orders at rest whose gateway was killed."""
    urls = server.url, server.socket_url
    async with heartbeats(records):
        with victim(servers, prefix, urls, folder, "never"):
            await until(lambda: readies(records) == 1, "ready", LIMIT_S)
            ids = [cl_ord_id("log-1", ACCOUNT, f"request-{n}") for n in (1, 2)]
            names = [records.approve(one) for one in ids]
            rest = ["Submitting", "Accepted"]
            await until(lambda: all(records.told(name) == rest for name in names), "at rest")
    return names
