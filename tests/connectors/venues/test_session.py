"""One connection against venues of a few lines on real sockets.

Each way in which a connection can begin and end is played; asserted are the events on the log and
that every frame that arrived was written exactly once, as it came and when it came.
"""

from __future__ import annotations

import asyncio
import contextlib
from http import HTTPStatus

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from connectors.connector import Connector
from connectors.venues.coinbase.protocol import PROTOCOL as COINBASE
from connectors.venues.edges import Edges
from connectors.venues.socket import FRAME_BYTES_MAX, StampedConnection, open_socket
from connectors.venues.state import State
from tests.connectors.asynchronous import run, until
from tests.connectors.venues.rig import (
    ACK,
    SOON,
    KeepingSink,
    a_while,
    acknowledge,
    connected,
    data,
    little_venue,
    protocol,
    ten_frames,
)


def test_subscribes_writes_and_stops() -> None:
    async def main() -> None:
        sink = KeepingSink()
        async with little_venue(ten_frames) as url, connected(url, sink) as connector:
            await until(lambda: len(sink.payloads()) == 10 and sink.opened)
            [status] = connector.status()
            assert (status["state"], status["frames"]) == ("LIVE", 11)
        assert sink.payloads() == [data(number) for number in range(10)]
        assert sink.frames[0].payload == ACK, "answers of the venue are frames too"
        [opened], [closed] = sink.opened, sink.closed
        assert opened.streams == ("btcusdt@trade",)
        assert closed.reason == "STOPPED"
        assert sink.all[-1] is closed
        assert {frame.connection for frame in sink.frames} == {opened.connection}
        assert connector.status()[0]["state"] == "CLOSED"

    run(main())


def test_arrival_times_rise_and_precede_handling() -> None:
    async def main() -> None:
        sink = KeepingSink()
        async with little_venue(ten_frames) as url, connected(url, sink):
            await until(lambda: len(sink.payloads()) == 10)
            await until(lambda: sink.opened)
        stamps = [frame.ts_recv_ns for frame in sink.frames]
        assert stamps == sorted(stamps)
        assert stamps[0] <= sink.opened[0].ts_recv_ns

    run(main())


def test_a_burst_is_stamped_on_arrival(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two bursts of ten, the first frame of each in two fragments; nine frames of the first burst
    are handled when the second has arrived.
    """

    async def main() -> None:
        now = [1]
        monkeypatch.setattr(StampedConnection, "now_ns", staticmethod(lambda: now[0]))

        async def bursts(socket: ServerConnection) -> None:
            for _ in range(2):
                socket.protocol.send_text(data(0), fin=False)
                socket.protocol.send_continuation(b" ", fin=True)
                for number in range(1, 10):
                    socket.protocol.send_text(data(number))
                socket.transport.write(b"".join(socket.protocol.data_to_send()))
                await socket.recv()

        async with little_venue(bursts) as url:
            socket = await open_socket(url, 5.0)
            got = [await socket.receive()]
            now[0] = 2
            await socket.send("more")
            await until(lambda: socket.arrived == 19)
            got += [await socket.receive() for _ in range(19)]
            await socket.close()
        assert [stamp_ns for stamp_ns, _ in got] == [1] * 10 + [2] * 10

    run(main())


def test_fragments_are_one_frame_and_bytes_stay_bytes() -> None:
    async def main() -> None:
        async def odd(socket: ServerConnection) -> None:
            await acknowledge(socket)
            await socket.send([b"\xff", b"\xfe", b"!"], text=True)
            await socket.send(b"\x00binary")
            await socket.send("", text=True)
            await socket.send(data(1), text=True)
            await socket.wait_closed()

        sink = KeepingSink()
        async with little_venue(odd) as url, connected(url, sink):
            await until(lambda: len(sink.payloads()) == 4)
        assert sink.payloads() == [b"\xff\xfe!", b"\x00binary", b"", data(1)]
        assert all(frame.ts_recv_ns > 0 for frame in sink.frames)

    run(main())


def test_no_acknowledgement_in_time() -> None:
    async def main() -> None:
        async def deaf(socket: ServerConnection) -> None:
            await socket.send(data(1), text=True)
            await socket.wait_closed()

        sink = KeepingSink()
        async with little_venue(deaf) as url, connected(url, sink, protocol(ack_s=0.05)):
            await until(lambda: len(sink.closed) >= 2, "a second attempt")
        assert sink.opened == []
        assert sink.closed[0].reason == "SUBSCRIBE_REFUSED"
        assert "no answer in 0.05 s to 1" in sink.closed[0].detail
        assert sink.payloads()[0] == data(1), "what came before is written"

    run(main())


def test_refused_subscription() -> None:
    async def main() -> None:
        async def refusing(socket: ServerConnection) -> None:
            await socket.recv()
            await socket.send('{"code":2,"msg":"Invalid request","id":1}')
            await socket.wait_closed()

        sink = KeepingSink()
        async with little_venue(refusing) as url, connected(url, sink):
            await until(lambda: sink.closed)
        assert sink.opened == []
        assert sink.closed[0][4:] == ("SUBSCRIBE_REFUSED", "2 Invalid request")

    run(main())


def test_lost_connection() -> None:
    async def main() -> None:
        async def vanishing(socket: ServerConnection) -> None:
            await acknowledge(socket)
            socket.transport.abort()

        sink = KeepingSink()
        async with little_venue(vanishing) as url, connected(url, sink):
            await until(lambda: sink.closed)
        assert sink.closed[0][4:] == ("VENUE_CLOSED", "connection lost")

    run(main())


def test_silence_is_staleness() -> None:
    async def main() -> None:
        async def silent(socket: ServerConnection) -> None:
            await acknowledge(socket)
            await socket.wait_closed()

        sink = KeepingSink()
        async with (
            little_venue(silent) as url,
            connected(url, sink, protocol(stale_s=0.1)) as connector,
        ):
            await until(lambda: sink.closed)
            [shell] = connector.shells
            assert State.STALE in shell.statuses[0].history
        assert sink.closed[0][4:] == ("STALE", "no heartbeat for 0.1 s")

    run(main())


def test_only_heartbeats_keep_a_coinbase_connection() -> None:
    """Depth keeps flowing; the heartbeats do not."""

    async def main() -> None:
        async def no_heartbeat(socket: ServerConnection) -> None:
            await socket.recv()
            await socket.send('{"channel":"subscriptions","events":[{"subscriptions":{'
                              '"heartbeats":["heartbeats"],"level2":["BTC-USD"]}}]}')  # fmt: skip
            with contextlib.suppress(ConnectionClosed):
                while True:
                    await socket.send('{"channel":"l2_data","events":[]}')
                    await asyncio.sleep(0.005)

        sink = KeepingSink()
        limits = COINBASE.limits._replace(stale_s=0.2, messages_per_s=1000.0)
        async with little_venue(no_heartbeat) as url:
            connector = Connector(
                "COINBASE", "A", ["BTC-USD"], sink,
                channels=["level2"], url=url, protocol=COINBASE._replace(limits=limits),
            )  # fmt: skip
            running = asyncio.create_task(connector.run())
            await until(lambda: sink.closed)
            connector.stop()
            await running
        assert len(sink.opened) == 1
        assert sink.closed[0].reason == "STALE"
        assert len(sink.frames) > 5

    run(main())


def test_the_venues_pings_are_its_heartbeat() -> None:
    """With pings and nothing else the connection stays; where pings do not count, it does not."""

    async def lived(counts: bool) -> str:
        pinged = asyncio.Event()

        async def pinging(socket: ServerConnection) -> None:
            await acknowledge(socket)
            with contextlib.suppress(ConnectionClosed):
                for _ in range(40):
                    await (await socket.ping())
                    await asyncio.sleep(0.01)
                pinged.set()
                await socket.wait_closed()

        sink = KeepingSink()
        chosen = protocol(stale_s=0.15)._replace(ping_is_heartbeat=counts)
        async with little_venue(pinging) as url, connected(url, sink, chosen):
            await until(lambda: sink.closed or pinged.is_set())
        return sink.closed[0].reason

    async def main() -> None:
        assert await lived(counts=True) == "STOPPED"
        assert await lived(counts=False) == "STALE"

    run(main())


def test_a_frame_too_large_is_a_protocol_error() -> None:
    async def main() -> None:
        async def huge(socket: ServerConnection) -> None:
            await acknowledge(socket)
            await socket.send(bytes(FRAME_BYTES_MAX + 1))
            await socket.wait_closed()

        sink = KeepingSink()
        async with little_venue(huge) as url, connected(url, sink):
            await until(lambda: sink.closed)
        assert sink.closed[0].reason == "PROTOCOL_ERROR"
        assert sink.closed[0].detail.startswith("1009")

    run(main())


def test_nothing_is_read_while_the_log_is_full() -> None:
    async def main() -> None:
        sink, go_on = KeepingSink(), asyncio.Event()

        async def two_parts(socket: ServerConnection) -> None:
            await acknowledge(socket)
            await go_on.wait()
            for number in range(50_000):
                await socket.send(data(number), text=True)
            await socket.wait_closed()

        async with little_venue(two_parts) as url, connected(url, sink) as connector:
            await until(lambda: sink.opened)
            sink.block()
            go_on.set()
            # The reader was already waiting for a frame, so it takes one before it looks.
            await until(lambda: len(sink.payloads()) >= 1)
            await a_while()
            assert len(sink.payloads()) == 1
            sink.relieve()
            await until(lambda: len(sink.payloads()) == 50_000)
            assert connector.status()[0]["state"] == "LIVE"
        assert sink.payloads() == [data(number) for number in range(50_000)]

    run(main())


def test_snapshots_are_fetched_once_live_and_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The first answer is an error, which costs the snapshot and not the connection."""
    monkeypatch.setattr("connectors.venues.session.SNAPSHOT_SOON_S", 0.01)
    monkeypatch.setattr("connectors.venues.session.SNAPSHOT_EVERY_S", 0.01)

    async def main() -> None:
        sink, asked = KeepingSink(), list[str]()

        async def script(socket: ServerConnection) -> None:
            await acknowledge(socket)
            await socket.wait_closed()

        def books(socket: ServerConnection, request: Request) -> Response | None:
            if not request.path.startswith("/depth"):
                return None
            asked.append(request.path)
            status = HTTPStatus.OK if len(asked) > 1 else HTTPStatus.SERVICE_UNAVAILABLE
            return socket.respond(status, '{"lastUpdateId":7}')

        async with serve(script, "127.0.0.1", 0, process_request=books) as server:
            address = f"127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"
            venue = protocol()._replace(
                url=f"ws://{address}", depth_url=f"http://{address}/depth?limit=5"
            )
            connector = Connector("BINANCE", "A", ["BTCUSDT"], sink, protocol=venue)
            running = asyncio.create_task(connector.run())
            await until(lambda: len(sink.payloads()) >= 2)
            connector.stop()
            await running
        assert asked[0] == "/depth?limit=5&symbol=BTCUSDT"
        wanted = b'{"stream":"btcusdt@depth_snapshot","data":{"lastUpdateId":7}}'
        assert sink.payloads()[:2] == [wanted, wanted]
        assert [closed.reason for closed in sink.closed] == ["STOPPED"]
        assert sink.all.index(sink.opened[0]) < sink.all.index(sink.frames[1])

    run(main())
    assert "no snapshot: GET" in caplog.text


def test_a_second_snapshot_follows_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first may be older than the first change, and then no book is made of it."""
    monkeypatch.setattr("connectors.venues.session.SNAPSHOT_SOON_S", 0.05)

    async def main() -> None:
        sink, asked = KeepingSink(), list[str]()

        async def fetch(url: str) -> bytes:
            asked.append(url)
            return b"{}"

        async def script(socket: ServerConnection) -> None:
            await acknowledge(socket)
            await socket.wait_closed()

        async with little_venue(script) as url:
            venue, edges = protocol()._replace(url=url), Edges(fetch=fetch)
            connector = Connector("BINANCE", "A", ["BTCUSDT"], sink, protocol=venue, edges=edges)
            running = asyncio.create_task(connector.run())
            await until(lambda: len(asked) == 2, limit_s=5.0)
            await a_while()
            connector.stop()
            await running
        assert len(asked) == 2, "the third comes after SNAPSHOT_EVERY_S"

    run(main())


def test_a_snapshot_that_failed_is_fetched_again_soon() -> None:
    """Long before all are due again, and that one alone."""

    async def main() -> None:
        sink, asked = KeepingSink(), list[str]()

        async def fetch(url: str) -> bytes:
            asked.append(url.rpartition("=")[2])
            if asked.count("ETHUSDT") in (1, 2) and asked[-1] == "ETHUSDT":
                raise OSError("GET: 503")
            return b'{"lastUpdateId":7}'

        async def script(socket: ServerConnection) -> None:
            await acknowledge(socket)
            await socket.wait_closed()

        async with little_venue(script) as url:
            venue, symbols = protocol()._replace(url=url), ["ETHUSDT", "BTCUSDT"]
            edges = Edges(fetch=fetch)
            connector = Connector(
                "BINANCE", "A", symbols, sink, protocol=venue, edges=edges, backoff=SOON
            )
            running = asyncio.create_task(connector.run())
            await until(lambda: len(sink.payloads()) >= 2, limit_s=5.0)
            await a_while()
            connector.stop()
            await running
        assert asked == ["ETHUSDT", "BTCUSDT", "ETHUSDT", "ETHUSDT"]
        streams = [payload.split(b'"')[3] for payload in sink.payloads()]
        assert streams == [b"btcusdt@depth_snapshot", b"ethusdt@depth_snapshot"]

    run(main())
