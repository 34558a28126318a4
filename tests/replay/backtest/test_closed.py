"""The closed loop: a venue's life again from its arrivals.

1. A venue follows a log; orders rest, trade and are canceled; it is started again on its state.
2. Its decisions and reports come out of its arrivals again, digest for digest.
3. Anything else in the arrivals, or on the log, is a finding with its place.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connectors.gateway.ledger import RAW
from connectors.log.interface import OutRecord, Tp
from connectors.log.memory import Entry, MemoryLog
from connectors.orderport import order_port
from connectors.simulated.arrivals import FILE, FileArrivals, Opened, arrivals_of
from connectors.simulated.errors import VenueError
from connectors.simulated.followed import TOPICS, FollowedMarket
from connectors.simulated.server import VenueServer
from pipelines.matching.model import Fees
from replay.backtest.closed import decisions_link, reports_link, requests_link, rerun_venue
from schemas.events import VenueFrameReceived
from tests.connectors.asynchronous import run, until
from tests.connectors.simulated.rig import Client, Stream, options, stream
from tests.connectors.simulated.test_followed import BOOK, CODEC, QUOTE, TRADE, _append, _book
from tests.connectors.simulated.test_followed import _quote as quoted
from tests.connectors.simulated.test_followed import _trade as traded
from tests.pipelines.orders.events import event

DECISIONS = "risk.decision.v1"


def new_log() -> MemoryLog:
    log = MemoryLog({**dict.fromkeys(TOPICS, 2), RAW: 1, DECISIONS: 1})
    _append(log, (1, BOOK, _book(10, snapshot=True, bids=("100x5", "99x7"))))
    _append(log, (2, QUOTE, quoted(12, "100")))
    return log


def keep(log: MemoryLog, told: list[Any]) -> None:
    """What the private stream brought, as a gateway writes it."""
    for number, report in enumerate(told):
        payload = json.dumps({"subscriptionId": 0, "event": report}).encode()
        frame = VenueFrameReceived("desk", "BINANCE", "c", payload, number)
        log.append(OutRecord(RAW, 0, b"desk", CODEC.encode(frame), 9))


async def a_life(log: MemoryLog, folder: Path, first: bool) -> None:
    """One life of the venue; what its stream told is on the log."""
    changes = {"market": FollowedMarket(log, CODEC), "state": folder, "arrivals": True}
    async with (
        VenueServer(options(folder.parent, **changes)) as server,
        Client(server) as client,
        stream(server) as socket,
    ):
        told, exchange = Stream(socket), server.venue.exchange
        await told.subscribe()
        await until(lambda: exchange.books["BTCUSDT"].depth.sides["BUY"].edge is not None)
        _, rests = await client.order("BUY", "0.5", "97.5", newOrderRespType="RESULT")
        await client.order("BUY", "0.3", "101")
        assert (await client.order("BUY", "0.3", "200000000"))[0] == 400
        if first:
            _append(log, (5, QUOTE, quoted(15, "98")), (6, TRADE, traded("97")))
        else:
            await client.call("DELETE", "order", symbol="BTCUSDT", orderId=rests["orderId"])
        await until(lambda: not exchange.orders[rests["orderId"]].open)
        keep(log, [await told.report() for _ in range(4)])


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> tuple[MemoryLog, Path]:
    """Two lives; their state folder."""
    folder, log = tmp_path_factory.mktemp("venue"), new_log()
    for first in (True, False):
        run(a_life(log, folder / "state", first))
    return log, folder / "state"


def copied(state: Path, folder: Path) -> Path:
    shutil.copytree(state, folder / "state")
    return folder / "state"


def test_a_venues_life_comes_out_of_its_arrivals_again(lived: tuple[MemoryLog, Path]) -> None:
    log, state = lived
    rerun, journal = rerun_venue(log, CODEC, state)
    decisions = decisions_link(rerun, journal)
    assert decisions.clean, decisions.finding
    assert decisions.recorded == decisions.again
    assert decisions.compared >= 8, "balances, orders, fills, a cancel"
    reports = reports_link(rerun, log, CODEC)
    assert reports.clean, reports.finding
    assert (reports.compared, dict(reports.beside)) == (
        8,
        {"reports that nobody heard": 0, "heard again": 0},
    )


def _no_trade(lines: list[str]) -> list[str]:
    return [line for line in lines if TRADE not in line]


def _earlier(lines: list[str]) -> list[str]:
    """The first order arrives before the market does."""
    first = next(line for line in lines if line.startswith('["place"'))
    rest = [line for line in lines if line != first]
    return [*rest[:1], first, *rest[1:]]


def _later(lines: list[str]) -> list[str]:
    """An order of another moment."""
    at = next(n for n, line in enumerate(lines) if line.startswith('["place"'))
    [*fields, ts_ns] = json.loads(lines[at])
    return [*lines[:at], json.dumps([*fields, ts_ns + 1_000_000]), *lines[at + 1 :]]


@pytest.mark.parametrize("change", [_no_trade, _earlier, _later])
def test_other_arrivals_are_a_finding(
    lived: tuple[MemoryLog, Path], tmp_path: Path, change: Callable[[list[str]], list[str]]
) -> None:
    log, state = lived[0], copied(lived[1], tmp_path)
    lines = (state / FILE).read_text().splitlines()
    (state / FILE).write_text("\n".join(change(lines)) + "\n")
    link = decisions_link(*rerun_venue(log, CODEC, state))
    assert not link.clean
    assert link.recorded != link.again
    assert link.finding is not None
    assert link.finding.startswith(("decision ", "1")), link.finding


def test_a_changed_report_is_a_finding(lived: tuple[MemoryLog, Path]) -> None:
    log = new_log()
    for tp, part in lived[0].partitions.items():
        log.partitions[tp].entries = [*part.entries]
    raw = log.partitions[Tp(RAW, 0)].entries
    told = [CODEC.decode(one.record.value) for one in raw if one.record]
    payload = told[2].payload.replace(b'"x": "TRADE"', b'"x": "NEW"')
    assert payload != told[2].payload
    value = CODEC.encode(told[2]._replace(payload=payload))
    raw[2] = Entry(OutRecord(RAW, 0, b"desk", value, 9), None)
    rerun, _ = rerun_venue(log, CODEC, lived[1])
    link = reports_link(rerun, log, CODEC)
    assert link.finding is not None
    assert link.finding.startswith("report ")


def test_what_a_crash_tore_off_is_cut_off(tmp_path: Path) -> None:
    opened = Opened(3, Fees(), ())
    noted = FileArrivals(tmp_path)
    noted.note(opened)
    noted.close()
    with (tmp_path / FILE).open("ab") as file:
        file.write(b'["market","md.trade.v1",1')
    again = FileArrivals(tmp_path)
    again.note(opened)
    again.close()
    assert list(arrivals_of(tmp_path)) == [opened, opened]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "no arrivals in"),
        ("nonsense\n", "damaged in line 1"),
        ('["market","md.trade.v1",1,5,7]\n', "do not begin with the venue's start"),
        ('["opened",0,["0","0"],[]]\n["market","md.trade.v1",1,99,7]\n', "99: it is gone"),
    ],
)
def test_what_cannot_be_run_again_is_one_line(tmp_path: Path, text: str | None, says: str) -> None:
    if text is not None:
        (tmp_path / FILE).write_text(text)
    with pytest.raises(VenueError, match=says):
        rerun_venue(new_log(), CODEC, tmp_path)


def test_an_order_that_risk_did_not_approve_so_is_a_finding(
    lived: tuple[MemoryLog, Path],
) -> None:
    log, state = lived
    rerun, _ = rerun_venue(log, CODEC, state)
    link = requests_link(rerun, log, CODEC, order_port("BINANCE"))
    assert link.clean
    assert (link.compared, link.beside["orders of others"]) == (0, len(rerun.placed))
    [order, *_] = [one for one in rerun.placed.values() if one.price == Decimal("97.5")]
    terms = {"order_qty": Decimal("0.50"), "price": Decimal("97.5"), "time_in_force": "GTC"}
    named = {"account": order.account, "cl_ord_id": order.cl_ord_id, "ord_type": "LIMIT"}
    approved = event("OrderApproved", **named, **terms)
    log.append(OutRecord(DECISIONS, 0, b"desk", CODEC.encode(approved), 9))
    link = requests_link(rerun, log, CODEC, order_port("BINANCE"))
    assert link.clean, link.finding
    assert link.compared == 1
    other = approved._replace(order_qty=Decimal("0.4"))
    log.append(OutRecord(DECISIONS, 0, b"desk", CODEC.encode(other), 9))
    link = requests_link(rerun, log, CODEC, order_port("BINANCE"))
    assert link.finding is not None
    assert link.finding.startswith(f"order {order.cl_ord_id}")
