"""One signed request over HTTP: what becomes of those for which no connection is free."""

from __future__ import annotations

import asyncio
from collections import Counter

from connectors.gateway.transport import CONNECTIONS, Failure, Transport, boottime_ns
from connectors.orderport.interface import Signed
from tests.connectors.asynchronous import run

TIMEOUT_S = 1.5
WINDOW_MS = 2_000


def test_what_waits_too_long_for_a_connection_is_not_sent() -> None:
    """It waits outside the client, whose own queue would hold up the loop (`tests/pins`)."""
    arrived = 0

    async def unanswered(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal arrived
        first = await reader.read(1)
        arrived += len(first)
        await reader.read()
        writer.close()

    async def main() -> None:
        server = await asyncio.start_server(unanswered, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        transport = Transport(url, timeout_s=TIMEOUT_S)
        signed, at_ns = Signed("DELETE", "/order", "", b"/order", {}, WINDOW_MS), boottime_ns()
        sends = [transport.send(signed, at_ns) for _ in range(3 * CONNECTIONS)]
        outcomes = await asyncio.gather(*sends)
        await transport.close()
        server.close()
        reasons = Counter(one.reason for one in outcomes if isinstance(one, Failure))
        assert {*reasons} <= {"RESPONSE_TIMED_OUT", "SEND_TOO_LATE"}
        assert arrived == reasons["RESPONSE_TIMED_OUT"] <= CONNECTIONS
        assert reasons["SEND_TOO_LATE"] == 3 * CONNECTIONS - arrived

    run(main())
