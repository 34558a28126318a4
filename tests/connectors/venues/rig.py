"""What the shell's tests share: a venue of a few lines on a real socket, a sink that keeps."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed as SocketClosed

from connectors.connector import Connector
from connectors.venues.backoff import Backoff
from connectors.venues.binance_protocol import BinanceProtocol
from connectors.venues.binance_spot.protocol import PROTOCOL
from connectors.venues.edges import Edges
from schemas.events import ConnectionClosed, ConnectionOpened, FrameReceived

ACK = b'{"result":null,"id":1}'
SOON = Backoff(base_s=0.01, cap_s=0.02, settled_s=30.0)


class KeepingSink:
    """A sink that keeps everything in order; `block` makes it full."""

    def __init__(self) -> None:
        self.full = False
        self.all: list[FrameReceived | ConnectionOpened | ConnectionClosed] = []
        self._room = asyncio.Event()
        self._room.set()

    def frame(self, event: FrameReceived) -> None:
        self.all.append(event)

    def event(self, event: ConnectionOpened | ConnectionClosed) -> None:
        self.all.append(event)

    async def room(self) -> None:
        await self._room.wait()

    def block(self) -> None:
        self.full = True
        self._room.clear()

    def relieve(self) -> None:
        self.full = False
        self._room.set()

    @property
    def frames(self) -> list[FrameReceived]:
        return [event for event in self.all if isinstance(event, FrameReceived)]

    @property
    def opened(self) -> list[ConnectionOpened]:
        return [event for event in self.all if isinstance(event, ConnectionOpened)]

    @property
    def closed(self) -> list[ConnectionClosed]:
        return [event for event in self.all if isinstance(event, ConnectionClosed)]

    def payloads(self, connection: str | None = None) -> list[bytes]:
        """Without acknowledgements."""
        return [
            event.payload
            for event in self.frames
            if event.payload != ACK and connection in (None, event.connection)
        ]


def protocol(**limits: Any) -> BinanceProtocol:
    """Binance spot, with these limits."""
    return PROTOCOL._replace(limits=PROTOCOL.limits._replace(**limits))


def data(number: int) -> bytes:
    return b'{"stream":"btcusdt@trade","data":%d}' % number


Script = Callable[[ServerConnection], Awaitable[None]]


@asynccontextmanager
async def little_venue(script: Script, port: int = 0) -> AsyncIterator[str]:
    """A server that does `script` with each connection and then closes it."""
    async with serve(script, "127.0.0.1", port, compression=None, close_timeout=0.2) as server:
        yield f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"


async def acknowledge(socket: ServerConnection) -> None:
    """Hear one subscription and acknowledge it."""
    await socket.recv()
    await socket.send(ACK, text=True)


@asynccontextmanager
async def connected(
    url: str,
    sink: KeepingSink,
    venue_protocol: BinanceProtocol | None = None,
    backoff: Backoff = SOON,
    edges: Edges = Edges(),  # noqa: B008 - immutable
) -> AsyncIterator[Connector]:
    """A running connector, stopped at the end."""
    connector = Connector(
        "BINANCE",
        "A",
        ["BTCUSDT"],
        sink,
        channels=["trade"],
        url=url,
        protocol=venue_protocol or protocol(),
        edges=edges,
        backoff=backoff,
    )
    running = asyncio.create_task(connector.run())
    try:
        yield connector
    finally:
        connector.stop()
        await running


async def a_while() -> None:
    """Long enough for what must not happen to happen."""
    for _ in range(200):
        await asyncio.sleep(0.001)


async def ten_frames(socket: ServerConnection) -> None:
    await acknowledge(socket)
    for number in range(10):
        await socket.send(data(number), text=True)
    await socket.wait_closed()


async def counting(socket: ServerConnection) -> None:
    """Frames numbered over all connections, so that a hole would show."""
    await acknowledge(socket)
    with contextlib.suppress(SocketClosed):
        for number in itertools.count():
            await socket.send(data(number), text=True)
            await asyncio.sleep(0.002)
