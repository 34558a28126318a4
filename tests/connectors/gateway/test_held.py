"""A venue that asks for silence is given all that it asked for."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from connectors.gateway.flat import Account, Wanted, _Clearing
from connectors.gateway.gateway import open_gateway
from connectors.gateway.keys import parse_key
from connectors.gateway.ledger import RAW
from connectors.gateway.transport import Answer, Transport
from connectors.orderport import order_port
from connectors.simulated.server import VenueServer
from schemas.events import VenueStreamOpened
from schemas.secret import Secret
from tests.connectors.asynchronous import run, until
from tests.connectors.gateway.rig import Line, Records, key_text, memory, parts, running
from tests.connectors.simulated.rig import options, quote

NOWHERE = "http://127.0.0.1:9"
BANNED = Answer(418, {"retry-after": "300"}, b"{}", 1)
OVERTAKEN = Answer(429, {"retry-after": "5"}, b"{}", 1)


def test_a_later_answer_does_not_shorten_the_gateways(tmp_path: Path) -> None:
    times_ns = [0]

    async def main() -> None:
        made = parts(memory().log, NOWHERE, "ws://127.0.0.1:9", tmp_path)
        gateway = open_gateway(made._replace(monotonic_ns=lambda: times_ns[-1]))
        for answer in (BANNED, OVERTAKEN, OVERTAKEN._replace(headers={})):
            gateway.desk._mind(answer, 1)
        times_ns.append(299 * 10**9)
        assert gateway.desk.held
        times_ns.append(300 * 10**9)
        assert not gateway.desk.held
        gateway._inputs.close()
        await gateway.desk.transport.close()

    run(main())


def test_nobody_asks_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not for its clock, and not for a private stream that was lost."""
    monkeypatch.setattr("connectors.gateway.start.CLOCK_EVERY_S", 0.01)
    records = memory()

    async def main() -> None:
        async with VenueServer(options(tmp_path)) as server, Line(server.socket_url) as line:
            quote(server, "99", "5", "101", "5")
            async with running(records, server, tmp_path, socket_url=line.url) as gateway:
                desk = gateway.desk
                desk._mind(OVERTAKEN._replace(headers={"retry-after": "2"}), 1)
                await asyncio.sleep(0.2)  # what was on its way
                before, begun = server.rest.requests, opened(records)
                line.cut()
                await until(lambda: not desk.gate.ready, "the loss")
                await until(lambda: not desk.held, "the end of the silence")
                assert (server.rest.requests, opened(records)) == (before, begun)
                await until(lambda: desk.gate.ready, "ready again")

    run(main())


def opened(records: Records) -> int:
    return sum(isinstance(event, VenueStreamOpened) for event in records.all(RAW))


def test_nor_that_of_who_clears_an_account() -> None:
    async def main() -> None:
        account = Account(order_port("BINANCE"), parse_key(Secret(key_text())), NOWHERE, 1_000)
        transport = Transport(NOWHERE)
        clearing = _Clearing(account, Wanted(), transport)
        clearing._mind(BANNED)
        asked = clearing._quiet_until
        clearing._mind(OVERTAKEN)
        assert clearing._quiet_until == asked
        await transport.close()

    run(main())


@pytest.mark.parametrize("said", ["²", "soon", "-5", "9" * 10, ""])
def test_a_header_that_is_no_number_says_nothing(said: str) -> None:
    found = order_port("BINANCE").metered({"retry-after": said, "x-mbx-used-weight-1m": said})
    assert found == (None, None)
    assert order_port("BINANCE").metered(BANNED.headers).retry_after_s == 300
