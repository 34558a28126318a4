"""A venue that asks for silence is given all that it asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.gateway.flat import Account, Wanted, _Clearing
from connectors.gateway.gateway import open_gateway
from connectors.gateway.keys import parse_key
from connectors.gateway.transport import Answer, Transport
from connectors.orderport import order_port
from schemas.secret import Secret
from tests.connectors.asynchronous import run
from tests.connectors.gateway.rig import key_text, memory, parts

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
