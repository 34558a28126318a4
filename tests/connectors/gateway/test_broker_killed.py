"""A gateway whose real broker is killed: it lives on, cancels, keeps a journal, and hands it over.

1. An order rests; the broker is killed. The order is canceled meanwhile, without the log.
2. The broker is back: the process ends with 71, to be started again.
3. The next one hands the journal over, so that the log says what happened, and trades.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from connectors.gateway.journal import Journal
from connectors.gateway.ledger import RAW
from connectors.simulated.server import VenueServer
from ops import stack as local_stack
from ops.stack import StackInfo
from pipelines.gateway.fold import raw_id
from replay.orders import refold
from schemas.events import VenueRequestSent
from tests.connectors.asynchronous import run, until
from tests.connectors.gateway.rig import ACCOUNT, CODEC, heartbeats, kafka, started
from tests.connectors.gateway.trials import LIMIT_S, readies, successor, victim
from tests.connectors.simulated.rig import options, quote

RESTART = 71


@pytest.mark.kills_broker
def test_orders_are_canceled_while_the_broker_is_dead(
    stack: StackInfo, stack_dir: Path, topic_prefix: str, tmp_path: Path
) -> None:
    records, servers, folder = kafka(stack, topic_prefix), stack.bootstrap_servers, tmp_path / "own"

    async def main() -> None:
        async with VenueServer(options(tmp_path)) as server:
            quote(server, "99", "5", "101", "5")
            venue, urls = server.venue.exchange, (server.url, server.socket_url)
            with victim(servers, topic_prefix, urls, folder, "never", silent_s=3.0) as first:
                async with heartbeats(records):
                    await until(lambda: readies(records) >= 1, "ready", LIMIT_S)
                    name = records.approve()
                    rest = ["Submitting", "Accepted"]
                    await until(lambda: records.told(name) == rest, "at rest", LIMIT_S)
                await asyncio.to_thread(local_stack.kill_broker, stack_dir)
                try:
                    await until(lambda: not venue.open_orders(ACCOUNT, "BTCUSDT"), "end", LIMIT_S)
                    assert first.poll() is None, "it must live on without the log"
                finally:
                    await asyncio.to_thread(local_stack.restart_broker, stack_dir)
                assert await asyncio.to_thread(first.wait, LIMIT_S) == RESTART
            journal = Journal(folder / "journal", CODEC)
            assert any(isinstance(e, VenueRequestSent) for e in journal.read())
            async with heartbeats(records), started(await successor(records, server, folder)):
                # A cancel that was repeated in doubt may be refused after the order's end.
                told = [one for one in records.told(name) if one != "CancelRejected"]
                assert told[-1] == "Canceled"
                assert journal.read() == []
                another = records.approve()
                await until(lambda: "Accepted" in records.told(another), "traded on", LIMIT_S)
            assert [o.cl_ord_id for o in venue.orders.values()] == [name, another]

    run(main(), 3 * LIMIT_S)
    ids = [raw_id(event) for event in records.all(RAW)]
    assert len(ids) == len({*ids})
    verdict = refold(records.log, CODEC, ACCOUNT)
    assert verdict.clean, verdict.finding
