"""The shell against venues on real sockets.

Each way a connection can end is played by a venue of a few lines; asserted are the events on the
log, the states, and that every frame that arrived was written exactly once.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from http import HTTPStatus

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from connectors.connector import Connector
from connectors.venues.backoff import Backoff
from connectors.venues.coinbase.protocol import PROTOCOL as COINBASE
from connectors.venues.edges import Edges
from connectors.venues.socket import FRAME_BYTES_MAX, StampedConnection, open_socket
from connectors.venues.state import State
from schemas.events import ConnectionClosed as ConnectionClosedEvent
from schemas.events import ConnectionOpened
from tests.connectors.asynchronous import run, until
from tests.connectors.venues.rig import (
    ACK,
    KeepingSink,
    acknowledge,
    connected,
    data,
    little_venue,
    protocol,
)


async def a_while() -> None:
    """Long enough for what must not happen to happen."""
    for _ in range(200):
        await asyncio.sleep(0.001)


async def ten_frames(socket: ServerConnection) -> None:
    await acknowledge(socket)
    for number in range(10):
        await socket.send(data(number), text=True)
    await socket.wait_closed()


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


def test_venue_hangs_up_and_is_called_again() -> None:
    async def main() -> None:
        async def brief(socket: ServerConnection) -> None:
            await acknowledge(socket)
            await socket.send(data(1), text=True)
            await socket.close(1001, "going away")

        sink = KeepingSink()
        async with little_venue(brief) as url, connected(url, sink) as connector:
            await until(lambda: len(sink.closed) >= 3)
            [shell] = connector.shells
            history = shell.statuses[0].history
        ids = [closed.connection for closed in sink.closed]
        assert len(set(ids)) == len(ids), "a new id for every connection"
        assert {c[4:] for c in sink.closed[:3]} == {("VENUE_CLOSED", "1001 going away")}
        assert all(sink.payloads(one) == [data(1)] for one in ids[:3])
        assert [state.value for state in history[:5]] == [
            "CONNECTING", "SUBSCRIBING", "LIVE", "BACKING_OFF", "CONNECTING",
        ]  # fmt: skip

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


def test_no_venue_there_and_then_there_is() -> None:
    async def main() -> None:
        sink = KeepingSink()
        async with little_venue(ten_frames) as url:
            pass
        async with connected(url, sink) as connector:
            await until(lambda: connector.status()[0]["failures"] >= 3)
            assert "cannot connect" in connector.status()[0]["last_end"]
            assert sink.all == [], "nothing was opened, so nothing was closed"
            port = int(url.rpartition(":")[2])
            async with little_venue(ten_frames, port):
                await until(lambda: len(sink.payloads()) == 10)

    run(main())


def test_stop_while_dialling() -> None:
    """A server that accepts and never answers the handshake."""

    async def main() -> None:
        dialled = asyncio.Event()

        async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            dialled.set()
            await reader.read(-1)
            writer.close()

        server = await asyncio.start_server(mute, "127.0.0.1", 0)
        url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        sink = KeepingSink()
        async with connected(url, sink) as connector:
            await dialled.wait()
        assert sink.all == []
        assert connector.status()[0]["state"] == "CLOSED"
        server.close()
        await server.wait_closed()

    run(main())


async def counting(socket: ServerConnection) -> None:
    """Frames numbered over all connections, so that a hole would show."""
    await acknowledge(socket)
    with contextlib.suppress(ConnectionClosed):
        for number in itertools.count():
            await socket.send(data(number), text=True)
            await asyncio.sleep(0.002)


def test_a_successor_is_up_before_the_old_connection_goes() -> None:
    async def main() -> None:
        sink = KeepingSink()
        async with (
            little_venue(counting) as url,
            connected(url, sink, protocol(lifetime_s=0.2)) as connector,
        ):
            await until(lambda: len(sink.closed) >= 2)
            assert len(connector.status()) <= 2
        assert [closed.reason for closed in sink.closed[:2]] == ["LIFETIME_REACHED"] * 2
        events = [
            event
            for event in sink.all
            if isinstance(event, ConnectionOpened | ConnectionClosedEvent)
        ]
        kinds = [type(event).__name__ for event in events[:5]]
        assert kinds == [
            "ConnectionOpened", "ConnectionOpened", "ConnectionClosed",
            "ConnectionOpened", "ConnectionClosed",
        ]  # fmt: skip
        assert events[2].connection == events[0].connection

    run(main())


def test_a_venue_that_announces_its_end_gets_a_successor() -> None:
    async def main() -> None:
        sink, leaving = KeepingSink(), iter([True])

        async def first_leaves(socket: ServerConnection) -> None:
            await acknowledge(socket)
            if next(leaving, False):
                await socket.send('{"e":"serverShutdown","E":1}')
            await socket.wait_closed()

        async with little_venue(first_leaves) as url, connected(url, sink):
            await until(lambda: sink.closed)
            assert len(sink.opened) == 2
        assert sink.closed[0].reason == "LIFETIME_REACHED"

    run(main())


def test_a_full_log_stops_reading_and_then_the_connection() -> None:
    """1. Nothing is read while the log is full, however much the venue sends.
    2. After `unread_s` the connection is given up, and no other is opened.
    3. When the log is back, one is.
    """

    async def main() -> None:
        sink = KeepingSink()
        async with (
            little_venue(counting) as url,
            connected(url, sink, protocol(unread_s=0.3)) as connector,
        ):
            await until(lambda: len(sink.payloads()) > 10)
            sink.block()
            taken = len(sink.frames)
            await until(lambda: connector.status()[0]["last_end"])
            [closed] = sink.closed
            assert closed[4:] == ("LOG_UNAVAILABLE", "nothing read for 0.3 s")
            numbers = sink.payloads(closed.connection)
            assert numbers == [data(number) for number in range(len(numbers))], "no hole, no double"
            assert len(sink.frames) > taken + 20, "what had arrived was handed over when closing"
            await a_while()
            assert connector.status()[0]["state"] in ("BACKING_OFF", "CONNECTING")
            assert len(sink.opened) == 1
            sink.relieve()
            await until(lambda: len(sink.opened) == 2)

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


def test_snapshots_are_fetched_once_live_and_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The first answer is an error, which costs the snapshot and not the connection."""
    monkeypatch.setattr("connectors.venues.session.SNAPSHOT_EVERY_S", 0.01)
    monkeypatch.setattr("connectors.venues.session.SNAPSHOT_APART_S", 0.0)

    async def main() -> None:
        sink, asked = KeepingSink(), list[str]()

        async def script(socket: ServerConnection) -> None:
            await acknowledge(socket)
            await socket.wait_closed()

        def books(socket: ServerConnection, request: Request) -> Response | None:
            if not request.path.startswith("/depth"):
                return None
            asked.append(request.path)
            status = HTTPStatus.OK if len(asked) > 1 else HTTPStatus.TOO_MANY_REQUESTS
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


def test_attempts_stay_within_the_venues_limit() -> None:
    """Three in a window of 0.3 s, though back-off alone would make dozens."""

    async def main() -> None:
        times: list[float] = []

        async def brief(socket: ServerConnection) -> None:
            times.append(asyncio.get_running_loop().time())
            await socket.close()

        sink = KeepingSink()
        limits = protocol(attempts=3, attempts_window_s=0.3)
        async with (
            little_venue(brief) as url,
            connected(url, sink, limits, Backoff(base_s=0.0001, cap_s=0.001)),
        ):
            await until(lambda: len(times) >= 7)
        assert all(later - first >= 0.29 for first, later in zip(times, times[3:], strict=False))

    run(main())


def test_back_off_grows_with_the_failures() -> None:
    """With chance at one half, the delays are half the ceilings."""

    async def main() -> None:
        sink, times = KeepingSink(), list[float]()

        async def brief(socket: ServerConnection) -> None:
            times.append(asyncio.get_running_loop().time())
            await socket.close()

        edges = Edges(fraction=lambda: 0.5)
        async with (
            little_venue(brief) as url,
            connected(url, sink, None, Backoff(base_s=0.02, cap_s=9.0), edges),
        ):
            await until(lambda: len(times) >= 5)
        gaps = [later - first for first, later in itertools.pairwise(times)]
        assert all(gap >= 0.01 * 2**at for at, gap in enumerate(gaps[:4]))

    run(main())


def test_a_failing_sink_ends_the_connector() -> None:
    """An error of ours is not a reason to reconnect."""

    class Broken(KeepingSink):
        def frame(self, event: object) -> None:
            raise ZeroDivisionError

    async def main() -> None:
        async with little_venue(ten_frames) as url:
            connector = Connector("BINANCE", "A", ["BTCUSDT"], Broken(), url=url)
            with pytest.raises(ExceptionGroup) as raised:
                await connector.run()
            assert raised.group_contains(ZeroDivisionError)

    run(main())
