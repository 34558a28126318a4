"""The closed loop: every process again, fed with what the others made again.

1. Every decision, report and order event of a live run comes out of the market and the arrivals.
2. Nothing that was made is read from the log: what the log says there may be anything.
3. Another order of arrival, another market or other code is a finding with its place.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import Any

import pytest

from connectors.log.interface import Tp
from connectors.log.memory import Entry, MemoryLog
from connectors.orderport import order_port
from connectors.simulated.arrivals import Arrival, Placed
from pipelines.logic import Logic
from pipelines.risk.logic import RiskLogic
from replay.backtest.closed import Link, Rerun
from replay.backtest.loop import Epochs, Made, Part, run
from replay.backtest.loop_venue import GatewayAgain, VenueAgain, approvals
from replay.orders import Account
from tests.replay.backtest.live import Lived, lived
from tests.replay.backtest.market import CODEC
from tests.replay.backtest.test_run import setting

ACCOUNT = "sim-1"
STRATEGY, RISK, VENUE = "loop: strategy-0", "loop: risk-0", "loop: venue"
ORDERS = f"loop: order events of {ACCOUNT}"
MADE = ("oms.order-request.v1", "risk.decision.v1", "signal.target.v1", "oms.order-event.v1")


@pytest.fixture(scope="module")
def life() -> Lived:
    return lived(setting(), 8.0)


def again(
    life: Lived, log: MemoryLog | None = None, arrivals: Sequence[Arrival] | None = None
) -> dict[str, Link]:
    """The links by their names."""
    log = log or life.log
    made, rerun = Made(), Rerun(log, CODEC, life.journal)
    account, port = Account(log, CODEC, ACCOUNT), order_port("BINANCE")
    approved = approvals(CODEC, account)
    noted = life.arrivals if arrivals is None else arrivals
    parts: list[Part] = [
        *(Epochs(log, CODEC, shard, logic, made) for shard, logic in life.shards),
        VenueAgain(rerun, life.journal, noted, approved, port, CODEC, made),
        GatewayAgain(CODEC, account, approved, port, rerun, made),
    ]
    return {link.name: link for link in run(parts)}


def test_a_live_run_comes_out_of_the_market_and_the_arrivals(life: Lived) -> None:
    links = again(life)
    assert {name: link.finding for name, link in links.items()} == {
        STRATEGY: None,
        RISK: None,
        VENUE: None,
        ORDERS: None,
    }
    assert all(link.recorded == link.again for link in links.values())
    least = {STRATEGY: 10, RISK: 5, VENUE: 8, ORDERS: 10}
    assert all(links[name].compared >= count for name, count in least.items()), links


def changed(log: MemoryLog, tp: Tp, offset: int, value: bytes) -> MemoryLog:
    """The log with another value in one place."""
    other = MemoryLog({})
    for each, part in log.partitions.items():
        other.partitions[each] = copy(part)
        other.partitions[each].entries = [*part.entries]
    entry = other.partitions[tp].entries[offset]
    assert entry.record is not None
    other.partitions[tp].entries[offset] = Entry(entry.record._replace(value=value), None)
    return other


def places(log: MemoryLog, topic: str, kind: str) -> list[tuple[Tp, int, Any]]:
    """The events of one kind, with where they lie."""
    return [
        (tp, offset, CODEC.decode(record.value))
        for tp, part in sorted(log.partitions.items())
        if tp.topic == topic
        for offset, record in part.committed(0, part.end)
        if CODEC.name_of(record.value) == kind
    ]


def test_what_was_made_is_not_read(life: Lived) -> None:
    """An approval that the log has otherwise: risk, gateway and venue never look at it."""
    tp, offset, approved = places(life.log, MADE[1], "OrderApproved")[1]
    other = CODEC.encode(approved._replace(order_qty=approved.order_qty * 2))
    links = again(life, changed(life.log, tp, offset, other))
    assert all(link.clean for link in links.values()), links


def test_another_market_is_a_finding_of_its_first_reader(life: Lived) -> None:
    tp, offset, trade = places(life.log, "md.trade.v1", "TradePrinted")[50]
    other = CODEC.encode(trade._replace(last_px=trade.last_px * 2))
    finding = again(life, changed(life.log, tp, offset, other))[STRATEGY].finding
    assert finding is not None
    assert f"its inputs from {tp.topic}/{tp.partition}/" in finding


def test_another_order_of_arrival_is_a_finding(life: Lived) -> None:
    at = next(n for n, one in enumerate(life.arrivals) if isinstance(one, Placed))
    rest = [*life.arrivals[:at], *life.arrivals[at + 1 :]]
    late = [*rest[: at + 300], life.arrivals[at], *rest[at + 300 :]]
    links = again(life, arrivals=late)
    assert links[VENUE].finding is not None
    assert not links[ORDERS].clean, "what follows from other reports differs, or never comes"


def test_an_order_that_was_received_otherwise_is_a_finding(life: Lived) -> None:
    at, placed = next((n, one) for n, one in enumerate(life.arrivals) if isinstance(one, Placed))
    request = placed.request._replace(order_qty=placed.request.order_qty * 2)
    other = [*life.arrivals[:at], Placed(request, placed.ts_ns), *life.arrivals[at + 1 :]]
    finding = again(life, arrivals=other)[VENUE].finding
    assert finding is not None
    assert finding.startswith(f"order {request.cl_ord_id}: received")


class Doubtful(RiskLogic):
    """Another version: the third epoch that decides something decides nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def step(self, state: Any, batch: Any) -> Any:
        state, outputs = super().step(state, batch)
        self.count += bool(outputs)
        return state, ([] if outputs and self.count == 3 else outputs)


def test_other_code_is_a_finding_and_stops_what_waits_for_it(life: Lived) -> None:
    risk: Logic[Any] = Doubtful()
    strategy, (shard, _) = life.shards
    links = again(life._replace(shards=[strategy, (shard, risk)]))
    assert "and they differ" in str(links[RISK].finding)
    assert "waits for" in str(links[STRATEGY].finding)
    assert not links[VENUE].clean
