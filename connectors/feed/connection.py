"""One client of the feed: hears it, sends it its frames, does to it what the fault plan says."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed, InvalidState

from connectors.feed.capture import Frame
from connectors.feed.dialect import HEARTBEATS, Dialect
from connectors.feed.faults import Act, FaultPlan, Step

BACKLOG_MAX = 100_000  # frames a client may lag behind the clock
PULSE_S = 0.1


class _Dropped(Exception):
    """We have cut the connection."""


GONE = (ConnectionClosed, InvalidState, _Dropped)


class FeedConnection:
    """`counts`: captured frames `sent` (duplicates count twice), `answers`, `heartbeats`.

    Frames are put together in the sans-I/O layer and written once per batch: one system call for
    hundreds of frames, as a busy venue's server does.
    """

    def __init__(
        self,
        socket: ServerConnection,
        dialect: Dialect,
        plan: FaultPlan,
        heard: Callable[[], None],
    ) -> None:
        self.dialect, self.counts = dialect, Counter[str]()
        self._socket, self._plan, self._heard = socket, plan, heard
        self._queue: deque[Sequence[Frame]] = deque()
        self._backlog = 0
        self._work, self._idle = asyncio.Event(), asyncio.Event()
        self._idle.set()
        self._silent_until_s = 0.0
        self._beat_s = self._ping_s = time.monotonic()

    def totals(self) -> Counter[str]:
        """`counts` and the faults there were."""
        return self.counts + self._plan.counts

    def offer(self, frames: Sequence[Frame]) -> bool:
        """Queue what the clock has reached. False: the client is too slow and must go."""
        self._queue.append(frames)
        self._backlog += len(frames)
        self._idle.clear()
        self._work.set()
        return self._backlog <= BACKLOG_MAX

    async def taken(self) -> None:
        """Returns when everything offered has been sent, or the client is gone."""
        await self._idle.wait()

    async def close(self, code: int, reason: str) -> None:
        await self._socket.close(code, reason)

    def abort(self) -> None:
        self._socket.transport.abort()

    async def run(self) -> None:
        """Until the client is gone."""
        works = (self._hear(), self._send_all(), self._pulse())
        tasks = [asyncio.create_task(work) for work in works]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                if not isinstance(task.exception(), (*GONE, type(None))):
                    task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._queue.clear()
            self._backlog = 0
            self._idle.set()

    async def _hear(self) -> None:
        async for message in self._socket:
            for answer in self.dialect.hear(message):
                self._write(self.dialect.finish(answer))
                self.counts["answers"] += 1
            self._heard()
            await self._flush()

    async def _send_all(self) -> None:
        while True:
            await self._work.wait()
            while self._queue:
                frames = self._queue[0]
                await self._send(frames)
                self._queue.popleft()
                self._backlog -= len(frames)
            self._work.clear()
            self._idle.set()

    async def _send(self, frames: Sequence[Frame]) -> None:
        wants, finish, harmless = self.dialect.wants, self.dialect.finish, self._plan.harmless
        for frame in frames:
            if frame.venue != self.dialect.venue or not wants(frame):
                continue
            if frame.streams[0] == HEARTBEATS:
                self._beat_s = time.monotonic()
            payload = finish(frame.payload)
            if harmless:
                self._write(payload)
                self.counts["sent"] += 1
            else:
                await self._suffer(payload)
        await self._flush()

    async def _suffer(self, payload: bytes) -> None:
        for step in self._plan.steps(payload):
            await self._do(step)
            self.counts["sent"] += step.act is Act.SEND and step.payload is payload

    async def _do(self, step: Step) -> None:
        if step.act is Act.SEND:
            self._write(step.payload)
        elif step.act is Act.SILENCE:
            await self._flush()
            self._silent_until_s = time.monotonic() + step.seconds
        elif step.act is Act.WAIT:
            await self._flush()
            await asyncio.sleep(step.seconds)
        else:
            await self._flush()
            self.abort()
            raise _Dropped

    async def _pulse(self) -> None:
        """The venue's own signs of life, where no captured one was sent in the meantime."""
        while True:
            await asyncio.sleep(PULSE_S)
            now_s = time.monotonic()
            if now_s - self._beat_s >= self.dialect.heartbeat_s:
                self._beat_s = now_s
                beat = self.dialect.heartbeat(time.time_ns())
                if beat is not None and not self._silent():
                    self._write(self.dialect.finish(beat))
                    self.counts["heartbeats"] += 1
                    await self._flush()
            if now_s - self._ping_s >= self.dialect.ping_s and not self._silent():
                self._ping_s = now_s
                await self._socket.ping()

    def _silent(self) -> bool:
        return time.monotonic() < self._silent_until_s

    def _write(self, payload: bytes) -> None:
        """Put a text frame behind those not yet flushed; a silent connection loses it."""
        if self._silent_until_s and self._silent():
            return
        self._socket.protocol.send_text(payload)

    async def _flush(self) -> None:
        data = b"".join(self._socket.protocol.data_to_send())
        if data:
            self._socket.transport.write(data)
            await self._socket.drain()
