"""The private stream: kept open, every frame to the log before anyone reads it.

When it ends, nothing is sent until it is open again and every live order was asked for: what it
would have told in between is told by nobody else.
"""

from __future__ import annotations

import asyncio
import random
import uuid
from typing import Final

from websockets.exceptions import ConnectionClosed, WebSocketException

from connectors.gateway.desk import Desk, log
from connectors.venues.backoff import Backoff
from connectors.venues.socket import StampedConnection, open_socket
from pipelines.gateway.gate import stream_lost
from pipelines.gateway.reports import Stamp
from schemas.events import (
    StreamEnd,
    VenueFrameReceived,
    VenueStreamClosed,
    VenueStreamOpened,
)

OPEN_S: Final = 5.0
BACKOFF: Final = Backoff(base_s=0.2, cap_s=10.0)


class Stream:
    """`opened` is set after each subscription, `VenueStreamOpened` being on its way, and cleared
    when that ends.
    """

    def __init__(self, desk: Desk, opened: asyncio.Event, backoff: Backoff = BACKOFF) -> None:
        self._desk, self._opened, self._backoff = desk, opened, backoff

    async def run(self) -> None:
        """Until cancelled."""
        failures = 0
        while True:
            await self._desk.silence_over()
            begun_ns = self._desk.parts.monotonic_ns()
            await self._session()
            lived_s = (self._desk.parts.monotonic_ns() - begun_ns) / 1e9
            failures = self._backoff.failures(failures, lived_s)
            await asyncio.sleep(self._backoff.delay_s(failures, random.random()))

    async def _session(self) -> None:
        try:
            socket = await open_socket(self._desk.parts.socket_url, OPEN_S)
        except (OSError, WebSocketException) as error:
            log.warning("no private stream: %s", type(error).__name__)
            return
        connection = uuid.uuid4().hex
        try:
            if not await self._subscribe(socket, connection):
                log.error("the venue refuses the private stream")
                return
            end, detail = await self._follow(socket, connection)
            self._close(connection, end, detail)
        except asyncio.CancelledError:
            self._close(connection, "GATEWAY_STOPPED", "")
            raise
        finally:
            socket.transport.abort()

    async def _subscribe(self, socket: StampedConnection, connection: str) -> bool:
        desk = self._desk
        stamp = Stamp(desk.venue_ts_ms(), desk.parts.recv_window_ms)
        try:
            async with asyncio.timeout(OPEN_S):
                await socket.send(desk.parts.port.subscribe(desk.key, stamp))
                while True:
                    ts_recv_ns, payload = await socket.receive()
                    said = desk.parts.port.subscribed(payload)
                    if said is not None:
                        break
        except (TimeoutError, ConnectionClosed):
            return False
        if said:
            about = (desk.account, desk.parts.port.venue, connection)
            desk.tell(VenueStreamOpened(*about, ts_recv_ns))
            self._opened.set()
        return said

    async def _follow(self, socket: StampedConnection, connection: str) -> tuple[StreamEnd, str]:
        desk, last_ns = self._desk, 0
        try:
            while True:
                ts_recv_ns, payload = await socket.receive()
                last_ns = max(ts_recv_ns, last_ns + 1)  # a frame's id: unique in its connection
                about = (desk.account, desk.parts.port.venue, connection)
                desk.tell(VenueFrameReceived(*about, desk.scrubbed(payload), last_ns))
        except ConnectionClosed as closed:
            return ("VENUE_CLOSED" if closed.rcvd else "CONNECTION_LOST"), type(closed).__name__

    def _close(self, connection: str, end: StreamEnd, detail: str) -> None:
        desk = self._desk
        self._opened.clear()
        desk.gate = stream_lost(desk.gate)
        about = (desk.account, desk.parts.port.venue, connection)
        desk.tell(VenueStreamClosed(*about, end, detail, desk.parts.now_ns()))
