"""`tape run venue-watch` as its users start it, on the real broker against the simulated venue."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.simulated.server import VenueServer
from ops.stack import StackInfo
from tests.connectors.asynchronous import run
from tests.connectors.gateway.rig import key_text
from tests.connectors.simulated.rig import API_KEY, READ_KEY, SECRET, options
from tests.ops.processes.desk import Desk
from tests.ops.processes.test_gateway import kept, told, until_told

SNAPSHOTS = "venue.snapshot.v1"
WATCH = ("run", "venue-watch", "--account", "desk")


@pytest.fixture(scope="module")
def desk(stack: StackInfo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    made = Desk(stack, f"t{uuid.uuid4().hex[:8]}.", tmp_path_factory.mktemp("watch"))
    made.environment |= {
        "TAPE_WATCH__KEY": "env:WATCHING_KEY",
        "TAPE_LOG_LEVEL": "DEBUG",
        "WATCHING_KEY": key_text(READ_KEY),
    }
    yield made
    made.close()


@pytest.fixture(autouse=True)
def _tidy(desk: Desk) -> Iterator[None]:
    yield
    desk.tidy()


def test_an_account_is_watched(desk: Desk, tmp_path: Path) -> None:
    said: list[str] = []

    async def main() -> None:
        async with VenueServer(options(tmp_path)) as server:
            url = {"TAPE_GATEWAY__URL": server.url}
            trading = await asyncio.to_thread(
                desk.tape, *WATCH, **url, WATCHING_KEY=key_text(API_KEY)
            )
            assert trading.code == 2
            assert "may do more than read" in trading.err
            watch = desk.start(*WATCH, more=url)
            await until_told(desk, watch, "OpenOrdersObserved", SNAPSHOTS)
            busy = await asyncio.to_thread(desk.tape, *WATCH, **url)
            assert busy.code == 2
            assert f"venue-watch-desk is already run by process {watch.pid}" in busy.err
            ended = await asyncio.to_thread(desk.stop, watch)
            assert ended.code == 0, ended.err
            said.extend([trading.err, busy.err, ended.err])

    run(main(), 120.0)
    balances, orders = told(desk, SNAPSHOTS)[:2]
    assert {one.asset: one.free_qty for one in balances.balances} == {"BTC": 2, "USDT": 100_000}
    assert balances.snapshot_id == orders.snapshot_id
    written = "".join(said) + repr(told(desk, SNAPSHOTS)) + kept(desk)
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
