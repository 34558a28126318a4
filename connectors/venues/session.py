"""One connection, from dialling to the last frame.

Three tasks share a session: one reads, one subscribes, one watches the clock. Whichever first sees
a reason to end names it; then the socket is closed, what had arrived is still written, and
`ConnectionClosed` comes last. A frame is written before anyone looks into it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Coroutine, Sequence
from itertools import chain, repeat
from typing import Any, NamedTuple

from websockets.exceptions import ConnectionClosed as SocketClosed
from websockets.exceptions import WebSocketException

from connectors.venues.backoff import Backoff
from connectors.venues.edges import Edges, Sink, Throttled
from connectors.venues.protocol import Control, Kind, Snapshot, Subscription, VenueProtocol
from connectors.venues.rate import RateLimit
from connectors.venues.socket import StampedConnection, open_socket
from connectors.venues.state import State, Status
from schemas.events import CloseReason, ConnectionClosed, ConnectionOpened, FrameReceived

log = logging.getLogger("tape.connector")

SNAPSHOT_SOON_S = 30.0  # the first one may be older than the first change, and begin no book
SNAPSHOT_EVERY_S = 600.0  # a book that lost its thread finds it again with the next one
POLITE = ("STOPPED", "LIFETIME_REACHED", "SUBSCRIBE_REFUSED")
_OURS = {1002, 1003, 1007, 1009}  # close codes by which our side refuses what it was sent


class Ending(NamedTuple):
    """Why a session is over. `lived_s`: how long it was LIVE."""

    reason: CloseReason
    detail: str
    lived_s: float = 0.0


def ending_of(closed: SocketClosed) -> Ending:
    """What a closed socket means: refused by us, silent to our pings, or closed by the venue."""
    if closed.sent is not None and not (closed.rcvd is not None and closed.rcvd_then_sent):
        if closed.sent.code in _OURS:
            return Ending("PROTOCOL_ERROR", f"{closed.sent.code} {closed.sent.reason}".strip())
        if "keepalive" in closed.sent.reason:
            return Ending("STALE", closed.sent.reason)
    if closed.rcvd is None:
        return Ending("VENUE_CLOSED", "connection lost")
    return Ending("VENUE_CLOSED", f"{closed.rcvd.code} {closed.rcvd.reason}".strip())


async def _first(*futures: asyncio.Future[Any]) -> None:
    await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)


class Session:
    """`live` is set when every stream is acknowledged, `due` when a successor should be opened."""

    def __init__(
        self,
        plan: Subscription,
        protocol: VenueProtocol,
        sink: Sink,
        status: Status,
        lifetime_s: float,
        snapshots: RateLimit,
        edges: Edges,
        backoff: Backoff,
    ) -> None:
        self.status = status
        self.live, self.due = asyncio.Event(), asyncio.Event()
        self._plan, self._protocol, self._limits = plan, protocol, protocol.limits
        self._sink, self._edges, self._lifetime_s = sink, edges, lifetime_s
        self._snapshots, self._backoff = snapshots, backoff
        self._ended: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()
        self._pending: set[str] = set()
        self._all_sent = False
        self._acked = asyncio.Event()
        self._alive_s = self._live_s = edges.monotonic_s()
        self._unread_s: float | None = None
        self._connection = ""
        self._number: int | None = None

    def end(self, reason: CloseReason, detail: str = "") -> None:
        """Ask the session to end; the first reason given counts."""
        if not self._ended.done():
            lived_s = self._edges.monotonic_s() - self._live_s if self.live.is_set() else 0.0
            self._ended.set_result(Ending(reason, detail, lived_s))

    async def run(self) -> Ending:
        """Connect, subscribe, write every frame; returns when closed and all is handed over."""
        socket = await self._open()
        if socket is None:
            return await self._ended
        self._connection = self.status.connection = self._edges.new_id()
        self._alive_s = self._edges.monotonic_s()
        socket.on_ping = self._pinged
        self.status.enter(State.SUBSCRIBING, self._edges.now_ns())
        reader = self._task(self._read(socket))
        works = self._subscribe(socket), self._watch(), self._take_snapshots()
        others = [self._task(work) for work in works]
        try:
            ending = await self._ended
            await self._hang_up(socket, ending)
            await reader
        finally:
            for task in (reader, *others):
                task.cancel()
            socket.transport.abort()
        self._sink.event(self._closed(ending))
        return ending

    async def _open(self) -> StampedConnection | None:
        dialling = asyncio.ensure_future(open_socket(self._plan.url, self._limits.open_s))
        await _first(dialling, self._ended)
        if not dialling.done():
            dialling.cancel()
        try:
            return await dialling
        except asyncio.CancelledError:
            if not self._ended.done():
                raise
        except (OSError, WebSocketException) as error:  # a TimeoutError is an OSError
            self.end("UNKNOWN", f"cannot connect to {self._plan.url}: {error or 'timed out'}")
        return None

    def _task(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """A task whose failure ends the session with that failure."""

        async def guarded() -> None:
            try:
                await work
            except Exception as error:
                if self._ended.done():
                    raise
                self._ended.set_exception(error)

        return asyncio.create_task(guarded())

    async def _read(self, socket: StampedConnection) -> None:
        receive, sink = socket.receive, self._sink
        try:
            while True:
                if sink.full and not self._ended.done():
                    await self._wait_for_room()
                self._frame(*await receive())
        except SocketClosed as closed:
            self.end(*ending_of(closed)[:2])

    async def _take_snapshots(self) -> None:
        """Once the stream is live, so that its changes bridge to the snapshot; soon a second time,
        then regularly.
        """
        await self.live.wait()
        rests_s = chain([SNAPSHOT_SOON_S], repeat(SNAPSHOT_EVERY_S))
        while self._plan.snapshots:
            failed = await self._take_each(self._plan.snapshots)
            next_s = self._edges.monotonic_s() + next(rests_s)
            await self._take_again(failed, next_s)
            await asyncio.sleep(next_s - self._edges.monotonic_s())

    async def _take_again(self, failed: Sequence[Snapshot], until_s: float) -> None:
        """Ever later, for without its snapshot a book is no book; until all are due again."""
        failures = 0
        while failed:
            failures += 1
            delay_s = self._backoff.delay_s(failures, self._edges.fraction())
            if self._edges.monotonic_s() + delay_s >= until_s:
                return
            await asyncio.sleep(delay_s)
            failed = await self._take_each(failed)

    async def _take_each(self, snapshots: Sequence[Snapshot]) -> list[Snapshot]:
        """One after the other; gives those that failed."""
        failed = []
        for snapshot in snapshots:
            await self._sink.room()
            await self._allowed()
            if not await self._take(snapshot):
                failed.append(snapshot)
        return failed

    async def _allowed(self) -> None:
        """Wait until the venue allows a snapshot, whichever session of the process asks."""
        while (wait_s := self._snapshots.wait_s(self._edges.monotonic_s())) > 0.0:
            await asyncio.sleep(wait_s)
        self._snapshots.take(self._edges.monotonic_s())

    async def _take(self, snapshot: Snapshot) -> bool:
        """Written as a frame of its own stream, the body unchanged within. A failure is logged: the
        trades and quotes of this connection are worth more than its book.
        """
        try:
            body = await self._edges.fetch(snapshot.url)
        except OSError as error:
            if isinstance(error, Throttled):
                self._snapshots.pause(self._edges.monotonic_s() + error.pause_s)
            log.warning("%s %s: no snapshot: %s", self.status.venue, self.status.line, error)
            return False
        if not self._ended.done():
            payload = b'{"stream":"%b","data":%b}' % (snapshot.stream.encode(), body)
            self._write(self._edges.now_ns(), payload)
        return True

    def _frame(self, ts_recv_ns: int, payload: bytes) -> None:
        self._write(ts_recv_ns, payload)
        control = self._protocol.read(payload)
        if control.alive:
            self._alive_s = self._edges.monotonic_s()
        if control.kind is not Kind.DATA:
            self._obey(control)
        if control.number is not None:
            self._follow(control.number)

    def _follow(self, number: int) -> None:
        """A hole in the venue's own count: what it sends once, at the beginning, must come anew."""
        last, self._number = self._number, number
        if last is not None and number > last + 1:
            self.end("PROTOCOL_ERROR", f"message {last + 1} is missing or of no use, {number} came")

    def _write(self, ts_recv_ns: int, payload: bytes) -> None:
        status = self.status
        self._sink.frame(
            FrameReceived(status.venue, status.line, self._connection, ts_recv_ns, payload)
        )
        status.frames += 1
        status.bytes += len(payload)
        status.last_recv_ns = ts_recv_ns

    def _obey(self, control: Control) -> None:
        if control.kind is Kind.ACK:
            self._pending -= control.tokens
            if self._all_sent and not self._pending:
                self._acked.set()
        elif control.kind is Kind.REFUSED and not self.live.is_set():
            self.end("SUBSCRIBE_REFUSED", control.detail)
        elif control.kind is Kind.LEAVING:
            self.due.set()

    def _pinged(self) -> None:
        if self._protocol.ping_is_heartbeat:
            self._alive_s = self._edges.monotonic_s()

    async def _wait_for_room(self) -> None:
        """Leave what the venue sends in the socket until the log has room, or the session ends."""
        self._unread_s = self._edges.monotonic_s()
        room = asyncio.ensure_future(self._sink.room())
        try:
            await _first(room, self._ended)
        finally:
            room.cancel()
            self._unread_s, self._alive_s = None, self._edges.monotonic_s()

    async def _subscribe(self, socket: StampedConnection) -> None:
        requests, pause_s = self._plan.requests, 1.0 / self._limits.messages_per_s
        self._pending = {token for request in requests for token in request.tokens}
        with contextlib.suppress(SocketClosed):  # the reader names the reason
            for number, request in enumerate(requests):
                await asyncio.sleep(pause_s if number else 0.0)
                await socket.send(request.text)
            await self._await_acks()

    async def _await_acks(self) -> None:
        self._all_sent = True
        if not self._pending:
            self._acked.set()
        try:
            async with asyncio.timeout(self._limits.ack_s):
                await self._acked.wait()
        except TimeoutError:
            missing = ", ".join(sorted(self._pending)[:5])
            self.end("SUBSCRIBE_REFUSED", f"no answer in {self._limits.ack_s:g} s to {missing}")
        if self._ended.done():
            return
        self._live_s = self._edges.monotonic_s()
        self.live.set()
        self.status.enter(State.LIVE, self._edges.now_ns(), f"{len(self._plan.streams)} streams")
        self._sink.event(self._opened())

    async def _watch(self) -> None:
        limits = self._limits
        while True:
            await asyncio.sleep(min(limits.stale_s, limits.unread_s, self._lifetime_s) / 8)
            now_s = self._edges.monotonic_s()
            if self._unread_s is not None:
                if now_s - self._unread_s >= limits.unread_s:
                    self.end("LOG_UNAVAILABLE", f"nothing read for {limits.unread_s:g} s")
            elif now_s - self._alive_s >= limits.stale_s:
                self.end("STALE", f"no heartbeat for {limits.stale_s:g} s")
            elif self.live.is_set() and now_s - self._live_s >= self._lifetime_s:
                self.due.set()

    async def _hang_up(self, socket: StampedConnection, ending: Ending) -> None:
        """Politely where the venue still listens. Frames that had arrived stay readable."""
        if ending.reason == "STALE":
            self.status.enter(State.STALE, self._edges.now_ns(), ending.detail)
        if ending.reason in POLITE:
            await socket.close()
        socket.transport.abort()

    def _opened(self) -> ConnectionOpened:
        status = self.status
        return ConnectionOpened(
            status.venue,
            status.line,
            self._connection,
            self._edges.now_ns(),
            self._plan.url,
            self._plan.streams,
        )

    def _closed(self, ending: Ending) -> ConnectionClosed:
        status, now_ns = self.status, self._edges.now_ns()
        return ConnectionClosed(
            status.venue, status.line, self._connection, now_ns, ending.reason, ending.detail
        )
