"""Keeps one subscription up: opens sessions, backs off between them, replaces them before they age.

A successor is subscribed before its predecessor is closed, so a planned change loses nothing; both
write in the meantime, and arbitration takes what arrives first.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from typing import Any

from connectors.metrics.declared import FEED_ENDS
from connectors.venues.backoff import Backoff
from connectors.venues.edges import Edges, Sink
from connectors.venues.protocol import Subscription, VenueProtocol
from connectors.venues.rate import RateLimit
from connectors.venues.session import Ending, Session
from connectors.venues.state import State, Status

log = logging.getLogger("tape.connector")
LIFETIME_SPREAD = 0.05  # lines started together must not all change at once


class Shell:
    """One subscription of one line. `attempts` and `snapshots` are shared by all shells of a
    process.
    """

    def __init__(
        self,
        venue: str,
        line: str,
        plan: Subscription,
        protocol: VenueProtocol,
        sink: Sink,
        attempts: RateLimit,
        snapshots: RateLimit,
        edges: Edges,
        backoff: Backoff,
    ) -> None:
        self._venue, self._line, self._plan, self._protocol = venue, line, plan, protocol
        self._sink, self._attempts, self._snapshots = sink, attempts, snapshots
        self._edges, self._backoff = edges, backoff
        self._stop = asyncio.Event()
        self._failures = 0
        self._running: dict[Session, asyncio.Task[Ending]] = {}
        self.statuses: list[Status] = []
        self._first = self._new_status()

    def status(self) -> list[dict[str, Any]]:
        """One entry; two while a successor is coming up."""
        return [status.as_dict() for status in self.statuses]

    def stop(self) -> None:
        """End all sessions with STOPPED; `run` then returns."""
        self._stop.set()
        for session in self._running:
            session.end("STOPPED")

    async def run(self) -> None:
        """Until stopped. Raises what a session could not handle: a mistake of ours."""
        try:
            await self._keep_up()
        finally:
            for task in self._running.values():
                task.cancel()

    async def _keep_up(self) -> None:
        session = await self._open(self._first)
        while session is not None:
            await self._until_over_or_due(session)
            if self._running[session].done():
                self._count(await self._finish(session))
                session = await self._reopen(session.status)
            else:
                session = await self._replace(session)

    async def _until_over_or_due(self, session: Session) -> None:
        due = asyncio.create_task(session.due.wait())
        await asyncio.wait({self._running[session], due}, return_when=asyncio.FIRST_COMPLETED)
        due.cancel()

    async def _replace(self, old: Session) -> Session | None:
        """A live successor first, then the end of the old one."""
        new = await self._open(self._new_status())
        old.end("LIFETIME_REACHED" if new else "STOPPED")
        await self._finish(old)
        self._retire(old.status)
        return new

    async def _finish(self, session: Session) -> Ending:
        ending = await self._running[session]
        del self._running[session]
        FEED_ENDS.labels(self._venue, self._line, ending.reason).inc()
        session.status.last_end = f"{ending.reason} {ending.detail}".strip()
        return ending

    async def _reopen(self, status: Status) -> Session | None:
        return await self._open(status) if await self._back_off(status) else None

    async def _open(self, status: Status) -> Session | None:
        """A live session, after as many attempts as it takes; None when stopped."""
        while await self._allowed(status):
            session = self._start(status)
            live = asyncio.create_task(session.live.wait())
            task = self._running[session]
            await asyncio.wait({live, task}, return_when=asyncio.FIRST_COMPLETED)
            live.cancel()
            if not task.done():
                return session
            self._count(await self._finish(session))
            if not await self._back_off(status):
                break
        self._retire(status)
        return None

    def _start(self, status: Status) -> Session:
        self._attempts.take(self._edges.monotonic_s())
        lifetime_s = self._protocol.limits.lifetime_s * (
            1.0 - LIFETIME_SPREAD * self._edges.fraction()
        )
        about = self._plan, self._protocol, self._sink, status
        session = Session(*about, lifetime_s, self._snapshots, self._edges, self._backoff)
        self._running[session] = asyncio.create_task(session.run())
        return session

    def _count(self, ending: Ending) -> None:
        self._failures = self._backoff.failures(self._failures, ending.lived_s)

    async def _back_off(self, status: Status) -> bool:
        """Wait; False when stopped meanwhile."""
        if self._stop.is_set():
            self._retire(status)
            return False
        delay_s = self._backoff.delay_s(self._failures, self._edges.fraction())
        status.failures = self._failures
        why = f"{status.last_end}; again in {delay_s:.2f} s"
        status.enter(State.BACKING_OFF, self._edges.now_ns(), why)
        await self._unless_stopped(asyncio.sleep(delay_s))
        return not self._stop.is_set()

    async def _allowed(self, status: Status) -> bool:
        """Wait until the log has room and the venue allows an attempt; False when stopped."""
        if self._sink.full:
            await self._unless_stopped(self._sink.room())
        while not self._stop.is_set():
            wait_s = self._attempts.wait_s(self._edges.monotonic_s())
            if wait_s <= 0.0:
                if status.state is State.BACKING_OFF:
                    status.enter(State.CONNECTING, self._edges.now_ns())
                return True
            await self._unless_stopped(asyncio.sleep(wait_s))
        return False

    async def _unless_stopped(self, work: Awaitable[None]) -> None:
        tasks = {asyncio.ensure_future(work), asyncio.create_task(self._stop.wait())}
        _, left = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in left:
            task.cancel()

    def _new_status(self) -> Status:
        status = Status(self._venue, self._line, self._plan.streams)
        status.since_ns = self._edges.now_ns()
        self.statuses.append(status)
        return status

    def _retire(self, status: Status) -> None:
        if status.state is not State.CLOSED:
            status.enter(State.CLOSED, self._edges.now_ns(), status.last_end)
        if len(self.statuses) > 1:
            self.statuses.remove(status)
