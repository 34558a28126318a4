"""The trading path as its users start it, on the real broker: a request passes risk, the gateway
sends it, the simulated venue fills it, and the log says so. No secret in anything that was written.
"""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connectors.gateway.ledger import EVENTS, RAW
from connectors.log.places import read_whole
from connectors.simulated.server import VenueServer
from ops.desk.prepare import desk_file
from ops.stack import StackInfo
from schemas.events import ClockTick, MarkPublished, TransferAnnounced
from tests.connectors.asynchronous import repeated, run
from tests.connectors.gateway.rig import key_text
from tests.connectors.simulated.rig import API_KEY, SECRET, options, quote
from tests.nursery import Running
from tests.ops.processes.desk import Desk
from tests.ops.processes.test_risk import WHO, Scribe
from tests.pipelines.risk.rig import ACCOUNT, INSTRUMENT, VENUE, request

LIMITS = desk_file("limits.yaml").read_text()
CAPS = desk_file("caps.yaml").read_text()
BEAT_S, LIMIT_S = 0.2, 60.0
PX = Decimal(100)


@pytest.fixture(scope="module")
def desk(stack: StackInfo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    made = Desk(stack, f"t{uuid.uuid4().hex[:8]}.", tmp_path_factory.mktemp("gateway"))
    try:
        (made.folder / "limits.yaml").write_text(LIMITS)
        (made.folder / "caps.yaml").write_text(CAPS)
        set_limits = made.tape("limits", "set", "limits.yaml", *WHO)
        assert set_limits.code == 0, set_limits.err
        made.environment |= {
            "TAPE_GATEWAY__KEY": "env:TRADING_KEY",
            "TAPE_GATEWAY__CAPS": "caps.yaml",
            "TAPE_LOG_LEVEL": "DEBUG",
            "TRADING_KEY": key_text(),
        }
        yield made
    finally:
        made.close()


@pytest.fixture(autouse=True)
def _tidy(desk: Desk) -> Iterator[None]:
    yield
    desk.tidy()


def told(desk: Desk, topic: str = EVENTS) -> list[Any]:
    return [desk.codec.decode(message.value()) for message in read_whole(desk.log, topic, 15.0)]


async def until_told(desk: Desk, process: Running, name: str, topic: str = EVENTS) -> None:
    """Until an event of that name lies on the log."""
    limit = time.monotonic() + LIMIT_S
    while not any(type(event).__name__ == name for event in told(desk, topic)):
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < limit, f"no {name}: {told(desk, topic)}"
        await asyncio.sleep(0.05)


def market(scribe: Scribe) -> AbstractAsyncContextManager[None]:
    """Clock and marks go on."""

    def beat() -> None:
        now_ns = time.time_ns()
        mark = MarkPublished(VENUE, INSTRUMENT, PX, PX, PX, None, now_ns)
        scribe.write("md.mark.v1", mark, INSTRUMENT)
        scribe.write("ops.clock.v1", ClockTick(now_ns), "")

    return repeated(beat, BEAT_S)


def test_a_request_becomes_a_fill(desk: Desk, stack: StackInfo, tmp_path: Path) -> None:
    scribe, said = Scribe(desk, stack), []
    money = TransferAnnounced(
        "t", ACCOUNT, VENUE, "USDT", Decimal(10_000), "ada", "", "", time.time_ns()
    )
    scribe.write("ops.control.v1", money, "desk")
    risk = desk.start("run", "risk", "--from", "earliest")
    desk.wait_opened(risk, "risk")

    async def main() -> None:
        async with VenueServer(options(tmp_path)) as server, market(scribe):
            quote(server, "99.5", "5", "100.5", "5")
            urls = {"TAPE_GATEWAY__URL": server.url, "TAPE_GATEWAY__SOCKET_URL": server.socket_url}
            gateway = desk.start("run", "gateway", more=urls)
            await until_told(desk, gateway, "GatewayReady")
            order = request("o1", "BUY", "0.1", "100.5")
            scribe.write("oms.order-request.v1", order._replace(ts_recv_ns=time.time_ns()))
            await until_told(desk, gateway, "OrderFilled")
            busy = await asyncio.to_thread(desk.tape, "run", "gateway", **urls)
            assert busy.code == 2
            assert f"gateway-{ACCOUNT} is already run by process {gateway.pid}" in busy.err
            ended = await asyncio.to_thread(desk.stop, gateway)
            assert ended.code == 0, ended.err
            said.extend([ended.err, busy.err, desk.stop(risk).err])
            [filled] = server.venue.exchange.orders.values()
            assert (filled.cl_ord_id, filled.status) == ("o1", "FILLED")

    run(main(), 3 * LIMIT_S)
    names = [type(event).__name__ for event in told(desk)]
    names = [name for at, name in enumerate(names) if not at or name != "GatewayReady"]
    assert names == ["GatewayReady", "OrderSubmitting", "OrderAccepted", "OrderFilled"]
    assert "ready: account" in said[0]
    again = desk.tape("replay", "orders", "--output", "json")
    assert again.code == 0, again.err
    [verdict] = json.loads(again.out)
    assert (verdict["account"], verdict["events"], verdict["snapshots"]) == (ACCOUNT, 3, 1)
    written = "".join(said) + repr(told(desk)) + repr(told(desk, RAW)) + kept(desk)
    for secret in (SECRET, API_KEY, "signature="):
        assert secret not in written


def kept(desk: Desk) -> str:
    """All files of the run folder."""
    files = [path for path in (desk.folder / "run").rglob("*") if path.is_file()]
    return "".join(path.read_bytes().decode("latin-1") for path in files)


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        pytest.param({"TAPE_GATEWAY__KEY": "canary"}, "by reference", id="a bare key"),
        pytest.param({"TAPE_GATEWAY__KEY": "env:NOT_THERE"}, "NOT_THERE", id="dangling key"),
        pytest.param({"TRADING_KEY": "canary"}, "trading key is not JSON", id="no key"),
        pytest.param({"TAPE_GATEWAY__CAPS": "none.yaml"}, "none.yaml", id="no caps"),
        pytest.param({"TAPE_GATEWAY__URL": "https://api.binance.com"}, "--live", id="not live"),
        pytest.param({"TAPE_GATEWAY__URL": "http://["}, "not like http://HOST", id="no address"),
        pytest.param({"TAPE_GATEWAY__VENUE": "NOWHERE"}, "NOWHERE", id="no port"),
    ],
)
def test_what_is_wrong_is_one_line(desk: Desk, variables: dict[str, str], says: str) -> None:
    refused = desk.tape("run", "gateway", **variables)
    assert refused.code == 2
    lines = [line for line in refused.err.splitlines() if line.startswith("tape: ")]
    assert len(lines) == 1, refused.err
    assert says in lines[0]
    assert "Traceback" not in refused.err
    assert "canary" not in refused.err
