"""Captures served as a real WebSocket server, in each venue's own protocol, on one clock.

    pump ──frames due──> every connection's queue ──faults──> its socket

One pump walks through the frames for all clients, so lines A and B get the same ones at the same
time, and a client that comes late or comes back joins where the clock is, as at a venue. At a
given speed a client too slow to keep up is thrown out; at full speed the pump waits for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, NamedTuple, Self

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response

from connectors.feed.capture import Frame
from connectors.feed.connection import FeedConnection
from connectors.feed.dialect import DIALECTS, dialect_of
from connectors.feed.faults import KINDS, FaultPlan, Faults
from connectors.venues import FOLDERS, venue
from schemas.errors import TapeError

log = logging.getLogger("tape.feed")

BATCH = 256  # frames handed over at once
MESSAGE_BYTES_MAX = 64 * 1024
NORMAL = 1000


class CannotListen(TapeError):
    """The address is taken or not ours."""


class Options(NamedTuple):
    """`speed` None: as fast as clients take it. Starts once `wait_for` connections have subscribed
    market data and nobody has said anything for `settle_s` (for some venues one message is not
    the whole subscription); if `held`, not before `release`.
    """

    speed: float | None = 1.0
    wait_for: int = 1
    settle_s: float = 0.5
    faults: Faults = Faults()
    seed: int = 0
    close_at_end: bool = False
    held: bool = False


class FeedServer:
    """`async with FeedServer(frames, options) as feed`: listens on entry, stops on exit.

    `started` and `finished` are events: the clock runs; every client has been sent all it will get.
    """

    def __init__(
        self,
        frames: Sequence[Frame],
        options: Options = Options(),  # noqa: B008 - immutable
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self.host, self.port = host, port
        self.started, self.finished = asyncio.Event(), asyncio.Event()
        self._frames, self._options = frames, options
        self._connections: dict[int, FeedConnection] = {}
        self._opened = self._played = 0
        self._past: Counter[str] = Counter()
        self._heard, self._released = asyncio.Event(), asyncio.Event()
        self._server: Server | None = None
        self._pumping: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Raises `CannotListen`."""
        try:
            self._server = await self._listen()
        except OSError as error:
            reason = f"cannot listen on {self.host}:{self.port}: {error.strerror}"
            raise CannotListen(reason) from None
        self.port = next(iter(self._server.sockets)).getsockname()[1]
        self._pumping = asyncio.create_task(self._pump())
        return self

    async def _listen(self) -> Server:
        return await serve(
            self._attend,
            self.host,
            self.port,
            process_request=_refuse_unknown,
            compression=None,
            ping_interval=None,  # the dialects ping as their venues do
            max_size=MESSAGE_BYTES_MAX,
            close_timeout=1.0,
        )

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        assert self._pumping is not None
        self._pumping.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._pumping
        self._server.close()
        await self._server.wait_closed()

    def url(self, code: str) -> str:
        """What a connector takes as `url` for this venue."""
        return f"ws://{self.host}:{self.port}/{venue(code).folder}"

    def urls(self) -> dict[str, str]:
        """`url` for every venue that the feed speaks."""
        return {code: self.url(code) for code, folder in FOLDERS.items() if folder in DIALECTS}

    def status(self) -> dict[str, Any]:
        """`played`: frames the clock has passed; `sent`: captured frames written, over all
        connections; `open`: the same for each connection that is up.
        """
        total = sum((one.totals() for one in self._connections.values()), self._past.copy())
        return {
            "state": self._state(),
            "frames": len(self._frames),
            "played": self._played,
            "connections": self._opened,
            "sent": total["sent"],
            "answers": total["answers"],
            "heartbeats": total["heartbeats"],
            "faults": {kind: total[kind] for kind in KINDS if total[kind]},
            "open": [
                {"number": number, "venue": one.dialect.venue, "sent": one.counts["sent"]}
                for number, one in self._connections.items()
            ],
        }

    def _state(self) -> str:
        if self.finished.is_set():
            return "finished"
        return "playing" if self.started.is_set() else "waiting"

    async def _attend(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        dialect = dialect_of(socket.request.path)
        assert dialect is not None, "refused before the handshake"
        self._opened += 1
        number = self._opened
        plan = FaultPlan(self._options.faults, self._options.seed, number)
        connection = FeedConnection(socket, dialect, plan, self._heard.set)
        self._connections[number] = connection
        self._heard.set()
        log.info("connection %d: %s open", number, dialect.venue)
        try:
            await connection.run()
        finally:
            del self._connections[number]
            self._past.update(connection.totals())
            counts = ", ".join(f"{count} {name}" for name, count in connection.totals().items())
            log.info("connection %d: %s gone, %s", number, dialect.venue, counts)

    def release(self) -> None:
        """Lets a clock go that is `held`."""
        self._released.set()

    async def _pump(self) -> None:
        if self._options.held:
            await self._released.wait()
        await self._until_subscribed()
        self.started.set()
        if self._options.speed is None:
            await self._play_fast()
        else:
            await self._play(self._options.speed)
        await self._all_taken()
        self.finished.set()
        log.info("finished: %d frames played", self._played)
        if self._options.close_at_end:
            for connection in list(self._connections.values()):
                await connection.close(NORMAL, "end of the capture")

    async def _until_subscribed(self) -> None:
        """Settled: enough subscribers, and a pause since anybody last spoke."""
        while True:
            self._heard.clear()
            try:
                async with asyncio.timeout(self._options.settle_s):
                    await self._heard.wait()
            except TimeoutError:
                ready = [one for one in self._connections.values() if one.dialect.subscribed()]
                if len(ready) >= self._options.wait_for:
                    return
                await self._heard.wait()

    async def _play_fast(self) -> None:
        while self._played < len(self._frames):
            self._hand_over(min(self._played + BATCH, len(self._frames)))
            await self._all_taken()

    async def _play(self, speed: float) -> None:
        if not self._frames:
            return
        loop = asyncio.get_running_loop()
        started_s, first_ns = loop.time(), self._frames[0].at_ns
        while self._played < len(self._frames):
            next_s = (self._frames[self._played].at_ns - first_ns) / 1e9 / speed
            await asyncio.sleep(max(0.0, started_s + next_s - loop.time()))
            now_ns = first_ns + int((loop.time() - started_s) * speed * 1e9)
            end = bisect_right(self._frames, now_ns, self._played, key=lambda frame: frame.at_ns)
            self._hand_over(end)

    def _hand_over(self, end: int) -> None:
        """Offer the frames up to `end` to everybody; throw out whoever is too far behind."""
        frames = self._frames[self._played : end]
        self._played = end
        if not frames:
            return
        for number, connection in self._connections.items():
            if not connection.offer(frames):
                log.warning("connection %d: too slow, closed", number)
                connection.abort()

    async def _all_taken(self) -> None:
        for connection in list(self._connections.values()):
            await connection.taken()
        await asyncio.sleep(0)


def _refuse_unknown(socket: ServerConnection, request: Request) -> Response | None:
    if dialect_of(request.path) is None:
        known = ", ".join(f"/{folder}" for folder in DIALECTS)
        return socket.respond(HTTPStatus.NOT_FOUND, f"no such venue here: {known}\n")
    return None
