"""A WebSocket client connection that knows when each message arrived.

`recv()` answers later than the socket did: one read from the socket may hold hundreds of frames,
which then wait in a queue. The age of a tick is measured from its arrival, so the stamp is taken
when bytes come in. Rejected: a client of our own on the sans-I/O layer, for its proxies and TLS.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Any, cast

from websockets.asyncio.client import ClientConnection, connect
from websockets.frames import Frame, Opcode

FRAME_BYTES_MAX = 15 * 1024 * 1024  # md.raw takes 16 MB with its envelope
QUEUE = (1024, 256)  # frames: reading from the socket stops above, goes on below
CLOSE_S = 1.0
PING_S = 20.0
_STARTS = (Opcode.TEXT, Opcode.BINARY)


class StampedConnection(ClientConnection):
    """Adds arrival times and a hook for the venue's pings. One stamp per message, at its start."""

    now_ns: Callable[[], int] = staticmethod(time.time_ns)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.on_ping: Callable[[], None] = lambda: None
        self._chunk_ns = 0
        self._stamps_ns: deque[int] = deque()

    def data_received(self, data: bytes) -> None:
        self._chunk_ns = self.now_ns()
        super().data_received(data)

    def process_event(self, event: Any) -> None:
        if isinstance(event, Frame):
            if event.opcode in _STARTS:
                self._stamps_ns.append(self._chunk_ns)
            elif event.opcode is Opcode.PING:
                self.on_ping()
        super().process_event(event)

    @property
    def arrived(self) -> int:
        """Messages that have begun to arrive and were not received."""
        return len(self._stamps_ns)

    async def receive(self) -> tuple[int, bytes]:
        """The next message: nanoseconds UTC of its arrival, and its bytes, not decoded.

        Raises `websockets.exceptions.ConnectionClosed`, after the last message that had arrived.
        """
        payload = await self.recv(decode=False)
        return self._stamps_ns.popleft(), payload


async def open_socket(url: str, open_s: float) -> StampedConnection:
    """Raises OSError, TimeoutError or `websockets.exceptions.WebSocketException`."""
    connection = await connect(
        url,
        create_connection=StampedConnection,
        compression=None,  # a frame costs less to carry than to inflate
        open_timeout=open_s,
        ping_interval=PING_S,
        ping_timeout=PING_S,
        close_timeout=CLOSE_S,
        max_size=FRAME_BYTES_MAX,
        max_queue=QUEUE,
    )
    return cast(StampedConnection, connection)
