"""Keeping a subscription up: reconnecting, backing off, replacing, waiting for the log.

The venues are a few lines each, on real sockets.
"""

from __future__ import annotations

import asyncio
import itertools
import time

import pytest
from websockets.asyncio.server import ServerConnection

from connectors.connector import Connector
from connectors.venues.backoff import Backoff
from connectors.venues.edges import Edges
from schemas.events import ConnectionClosed as ConnectionClosedEvent
from schemas.events import ConnectionOpened
from tests.connectors.asynchronous import run, until
from tests.connectors.venues.rig import (
    KeepingSink,
    a_while,
    acknowledge,
    connected,
    counting,
    data,
    little_venue,
    protocol,
    ten_frames,
)


class Attempts:
    """When each attempt was begun, by the clock that allowed it: when it arrives is no matter of
    the connector's.
    """

    def __init__(self) -> None:
        self.times: list[float] = []
        self._now_s = 0.0

    def edges(self) -> Edges:
        return Edges(monotonic_s=self._look, new_id=self._begin)

    def _look(self) -> float:
        self._now_s = time.monotonic()
        return self._now_s

    def _begin(self) -> str:
        self.times.append(self._now_s)
        return f"attempt-{len(self.times)}"


async def hangs_up(socket: ServerConnection) -> None:
    await socket.close()


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


def test_attempts_stay_within_the_venues_limit() -> None:
    """Three in a window of 0.3 s, though back-off alone would make dozens."""

    async def main() -> None:
        attempts, sink = Attempts(), KeepingSink()
        limits = protocol(attempts=3, attempts_window_s=0.3)
        async with (
            little_venue(hangs_up) as url,
            connected(url, sink, limits, Backoff(base_s=0.0001, cap_s=0.001), attempts.edges()),
        ):
            await until(lambda: len(attempts.times) >= 7)
        times = attempts.times
        assert all(later - first >= 0.29 for first, later in zip(times, times[3:], strict=False))

    run(main())


def test_back_off_grows_with_the_failures() -> None:
    """With chance at one half, the delays are half the ceilings."""

    async def main() -> None:
        attempts, sink = Attempts(), KeepingSink()
        edges = attempts.edges()._replace(fraction=lambda: 0.5)
        async with (
            little_venue(hangs_up) as url,
            connected(url, sink, None, Backoff(base_s=0.02, cap_s=9.0), edges),
        ):
            await until(lambda: len(attempts.times) >= 5)
        gaps = [later - first for first, later in itertools.pairwise(attempts.times)]
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
