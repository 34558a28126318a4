"""A venue that counts its messages: a hole ends the connection, for books come whole only then."""

from __future__ import annotations

import pytest
from websockets.asyncio.server import ServerConnection

from connectors.venues.binance_protocol import BinanceProtocol
from connectors.venues.coinbase.protocol import PROTOCOL
from connectors.venues.protocol import Control, Kind
from tests.connectors.asynchronous import run, until
from tests.connectors.venues.rig import KeepingSink, acknowledge, connected, little_venue, protocol

HEARTBEAT = b'{"channel":"heartbeats","timestamp":"2026-08-09T21:05:48Z","sequence_num":7}'
HEAD = b'{"channel":"l2_data","timestamp":"2026-08-09T21:05:48Z","sequence_num":8,"events":'
UPDATE = b'{"side":"bid","price_level":"%b","new_quantity":"1"}'
BOOK = b'[{"type":"%b","product_id":"X","updates":[' + UPDATE + b"]}]}"
LATE = b'{"channel":"l2_data","events":["' + b"x" * 300 + b'"sequence_num":9'


@pytest.mark.parametrize(
    ("payload", "number"),
    [
        pytest.param(HEARTBEAT, 7, id="heartbeat"),
        pytest.param(b'{"channel":"ticker","client_id":"","sequence_num":0}', 0, id="data"),
        pytest.param(HEAD + BOOK % (b"update", b"5"), 8, id="depth"),
        pytest.param(HEAD + BOOK % (b"update", b"-5"), None, id="depth that is refused"),
        pytest.param(HEAD + BOOK % (b"snapshot", b"5"), 8, id="book"),
        pytest.param(LATE, None, id="late"),
        pytest.param(b'{"channel":"l2_data","sequence_num":"9"}', None, id="text"),
        pytest.param(b"", None, id="empty"),
    ],
)
def test_coinbase_counts_every_message(payload: bytes, number: int | None) -> None:
    assert PROTOCOL.read(payload).number == number


class Counting(BinanceProtocol):
    """Binance, if it counted: the number is the frame's data."""

    def read(self, payload: bytes) -> Control:
        control = BinanceProtocol.read(self, payload)
        if control.kind is not Kind.DATA:
            return control
        return control._replace(number=int(payload.rpartition(b":")[2].rstrip(b"}")))


def numbered(*numbers: int) -> list[bytes]:
    return [b'{"stream":"btcusdt@trade","data":%d}' % number for number in numbers]


@pytest.mark.parametrize(
    ("numbers", "reason"),
    [
        pytest.param((0, 1, 2), "STOPPED", id="none missing"),
        pytest.param((4, 5, 5, 6), "STOPPED", id="one twice"),
        pytest.param((0, 1, 3), "PROTOCOL_ERROR", id="one missing"),
    ],
)
def test_a_hole_in_the_count_ends_the_connection(numbers: tuple[int, ...], reason: str) -> None:
    async def venue(socket: ServerConnection) -> None:
        await acknowledge(socket)
        for payload in numbered(*numbers):
            await socket.send(payload, text=True)
        await socket.wait_closed()

    async def main() -> None:
        sink = KeepingSink()
        counting = Counting(*protocol())
        async with little_venue(venue) as url, connected(url, sink, counting):
            await until(lambda: len(sink.payloads()) >= len(numbers))
            await until(lambda: sink.closed or reason == "STOPPED")
        assert sink.closed[0].reason == reason
        if reason == "PROTOCOL_ERROR":
            assert sink.closed[0].detail == "message 2 is missing or of no use, 3 came"

    run(main())
