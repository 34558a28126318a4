"""Serves the captures in a thread of the demo, each venue in its own protocol, all lines from
one clock.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

from connectors.feed.capture import Frame
from connectors.feed.server import FeedServer, Options

READY_S = 10.0


class Player:
    """`with Player(frames, options) as player`: `urls` by venue, `status()` from any thread."""

    def __init__(self, frames: Sequence[Frame], options: Options) -> None:
        self._frames, self._options = frames, options
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._server: FeedServer | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self.urls: dict[str, str] = {}

    def __enter__(self) -> Player:
        self._thread.start()
        if not self._ready.wait(READY_S):
            raise RuntimeError("the feed server did not start")
        return self

    def __exit__(self, *_: object) -> None:
        if self._loop is not None and self._stop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(READY_S)

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        async with FeedServer(self._frames, self._options) as server:
            self._server, self.urls = server, server.urls()
            self._ready.set()
            await self._stop.wait()

    def release(self) -> None:
        """Lets a clock go that is held (`Options.held`)."""
        assert self._loop is not None
        assert self._server is not None
        self._loop.call_soon_threadsafe(self._server.release)

    @property
    def finished(self) -> bool:
        return self._server is not None and self._server.finished.is_set()

    @property
    def played(self) -> int:
        return 0 if self._server is None else int(self._server.status()["played"])

    @property
    def sent(self) -> int:
        return 0 if self._server is None else int(self._server.status()["sent"])
