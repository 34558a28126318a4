"""On the real broker: a first fill, and predecessors that wake up after they were replaced.

A gateway is stopped (SIGSTOP) at a point of its order's way; another takes over and is ready; the
first wakes. Whatever the point, it sends nothing more and ends with 70; an order that it had sent
before is found by its successor, once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from decimal import Decimal
from pathlib import Path
from signal import SIGCONT
from typing import Any

import pytest

from connectors.simulated.server import VenueServer
from ops.stack import StackInfo
from tests.connectors.asynchronous import run, until
from tests.connectors.gateway.rig import ACCOUNT, Line, heartbeats, kafka, running, started
from tests.connectors.gateway.trials import (
    ENDS,
    LIMIT_S,
    WINDOW_MS,
    readies,
    stopped,
    successor,
    victim,
    wiped_log,
    zombie,
)
from tests.connectors.simulated.rig import options, quote


def test_a_first_fill_on_the_broker(stack: StackInfo, topic_prefix: str, tmp_path: Path) -> None:
    records = kafka(stack, topic_prefix)

    async def main() -> None:
        async with VenueServer(options(tmp_path)) as server:
            quote(server, "99", "5", "101", "5")
            async with running(records, server, tmp_path, recv_window_ms=WINDOW_MS):
                name = records.approve(price=Decimal(101))
                await until(lambda: "Filled" in records.told(name), "the fill")
            assert records.told(name) == ["Submitting", "Accepted", "Filled"]
            [order] = server.venue.exchange.orders.values()
            assert (order.cl_ord_id, order.status, order.cum_qty) == (
                name,
                "FILLED",
                Decimal("0.1"),
            )

    run(main(), LIMIT_S)


POINTS = [
    pytest.param("after-signing", ["DecisionExpired"], 0, id="after signing"),
    pytest.param("before-commit", ["DecisionExpired"], 0, id="before commit"),
    pytest.param(
        "after-commit", ["Submitting", "OutcomeUnknown", "Resolved"], 0, id="after commit"
    ),
    pytest.param(
        "after-write POST", ["Submitting", "OutcomeUnknown", "Resolved"], 1, id="after write"
    ),
    pytest.param(
        "before-response", ["Submitting", "OutcomeUnknown", "Resolved"], 1, id="before response"
    ),
]


@pytest.mark.parametrize(("point", "told", "sent"), POINTS)
def test_a_predecessor_that_wakes_sends_nothing(
    stack: StackInfo, topic_prefix: str, tmp_path: Path, point: str, told: list[str], sent: int
) -> None:
    records, servers = kafka(stack, topic_prefix), stack.bootstrap_servers

    async def main() -> None:
        async with (
            VenueServer(options(tmp_path)) as server,
            Line(server.url) as line,
            heartbeats(records),
        ):
            quote(server, "99", "5", "101", "5")
            urls = line.url, server.socket_url
            with victim(servers, topic_prefix, urls, tmp_path / "first", point) as first:
                await until(lambda: readies(records) == 1, "the first ready", LIMIT_S)
                name = records.approve()
                await until(lambda: stopped(first), f"stopped {point}")
                gateway = await successor(records, server, tmp_path / "second")
                async with started(gateway):
                    assert line.orders == sent
                    first.send_signal(SIGCONT)
                    assert await asyncio.to_thread(first.wait, LIMIT_S) in ENDS
                    assert line.orders == sent
                    # The private stream may tell of the order before the answer that is held.
                    assert [one for one in records.told(name) if one != "Accepted"] == told
                    # The successor's own order is untouched by the one that woke.
                    mine = records.approve()
                    await until(lambda: records.told(mine)[1:] == ["Accepted"], "the next order")
                    assert line.orders == sent  # nothing came after the end of the first either
                    venues = [o.cl_ord_id for o in server.venue.exchange.orders.values()]
                    assert venues == [name, mine][1 - sent :]
            assert not server.venue.exchange.open_orders(ACCOUNT, "BTCUSDT")

    run(main(), LIMIT_S)


def test_a_predecessor_wakes_while_the_venue_fails(stack: StackInfo, tmp_path: Path) -> None:
    run(_of(zombie(stack.bootstrap_servers, tmp_path, "after-commit", 1)), 2 * LIMIT_S)


def test_a_new_log_adopts_no_order_of_an_old_one(stack: StackInfo, tmp_path: Path) -> None:
    run(_of(wiped_log(stack.bootstrap_servers, tmp_path)), 2 * LIMIT_S)


async def _of(trial: Coroutine[Any, Any, object]) -> None:
    assert await trial
